"""Run the validator of RO-Crates on a machine without a network.

    python tests/publish/validate_offline.py CONTEXT validate FOLDER

It reads the definition of RO-Crate's terms from the internet. Here it gets the file CONTEXT, which
the package rocrate has, and nothing else.
"""

import io
import sys
import urllib.error
import urllib.request
import urllib.response
from email.message import Message
from pathlib import Path

import requests
from rocrate_validator.cli import cli
from urllib3 import HTTPResponse

ADDRESS = "https://w3id.org/ro/crate/1.1/context"
CONTEXT = Path(sys.argv.pop(1))


class OnlyContext(urllib.request.HTTPSHandler):
    """Answers requests for the context, and refuses all others."""

    def https_open(self, request):
        if request.full_url != ADDRESS:
            raise urllib.error.URLError(f"no network: {request.full_url}")
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        response = urllib.response.addinfourl(CONTEXT.open("rb"), headers, ADDRESS, 200)
        response.msg = "OK"
        return response


def send(adapter, request, **options):
    """Answer a request of the package requests in the same way."""
    if request.url != ADDRESS:
        raise requests.ConnectionError(f"no network: {request.url}")
    content = CONTEXT.read_bytes()
    raw = HTTPResponse(io.BytesIO(content), {"Content-Type": "application/ld+json"}, 200,
                       preload_content=False)  # fmt: skip
    return adapter.build_response(request, raw)


urllib.request.install_opener(urllib.request.build_opener(OnlyContext))
requests.adapters.HTTPAdapter.send = send
cli()
