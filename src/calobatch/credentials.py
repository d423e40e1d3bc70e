"""Keep user names and passwords out of messages, records and command lines."""

import re

# The part of an address between "://" and the last "@" before the path.
IN_ADDRESS = re.compile(r"(?<=://)[^\s/?#]*@")


def without_credentials(text: str) -> str:
    """Return ``text``, an address or a message that quotes addresses, without their credentials."""
    return IN_ADDRESS.sub("", text)
