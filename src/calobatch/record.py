"""The base of every JSON record that calobatch keeps in a file, with a checksum of its content."""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from calobatch.atomic import write_text
from calobatch.errors import reading

# The last key of the file. It is not a field, because it belongs to the file and not to the values.
CHECKSUM = "content_sha256"


class Record(BaseModel):
    """Values that do not change once they are written. Unknown keys are errors.

    ``fix`` tells the user what to do about a file that cannot be read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    fix: ClassVar[str] = "restore the file from a backup, or delete it"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record from a JSON file.

        Raises UserError if the file is missing or invalid, or was changed after it was written.
        """
        with reading(path, cls.fix):
            return cls.model_validate(checked_content(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write the record as indented JSON, either the whole file or nothing."""
        write_content(json.loads(self.model_dump_json()), path)


def write_content(content: dict[str, Any], path: Path) -> None:
    """Write JSON content with its checksum, either the whole file or nothing."""
    with_checksum = content | {CHECKSUM: _checksum(content)}
    write_text(path, json.dumps(with_checksum, indent=2, ensure_ascii=False) + "\n")


def checked_content(text: str) -> Any:
    """Return the content of a record's JSON ``text``, without its checksum.

    A text without a checksum is accepted, because older versions wrote none. Raises ValueError if
    the text is not JSON, or if its checksum is that of different content.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("it has too many nested brackets") from None
    if isinstance(content, dict) and CHECKSUM in content:
        expected = content.pop(CHECKSUM)
        if _checksum(content) != expected:
            raise ValueError("it was changed after it was written, as its checksum shows")
    return content


def _checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of JSON content; spaces and the order of the keys do not matter."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
