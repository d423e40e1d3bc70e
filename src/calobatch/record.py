"""The base of every JSON record that calobatch keeps in a file."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from calobatch.atomic import write_text
from calobatch.errors import reading


class Record(BaseModel):
    """Values that do not change once they are written. Unknown keys are errors.

    ``fix`` tells the user what to do about a file that cannot be read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    fix: ClassVar[str] = "restore the file from a backup, or delete it"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record from a JSON file. Raises UserError if the file is missing or invalid."""
        with reading(path, cls.fix):
            return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def write(self, path: Path) -> None:
        """Write the record as indented JSON, either the whole file or nothing."""
        write_text(path, self.model_dump_json(indent=2) + "\n")
