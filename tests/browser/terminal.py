"""Run programs in a pseudo terminal, and draw what they show there."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console

# The longest lines of a run have about 130 characters.
COLUMNS, ROWS = 130, 16


class Terminal:
    """A program that was started in a terminal, and what it has written there so far."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._program = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            # Programs would take these for the size of the terminal.
            env={
                **{n: v for n, v in environment.items() if n not in ("COLUMNS", "LINES")},
                "TERM": "xterm-256color",
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read, args=(ours,))
        self._reader.start()

    def _read(self, ours: int) -> None:
        # A terminal that no program has open any more is an error to read from.
        with open(ours, "rb", buffering=0) as file:
            try:
                while part := file.read(4096):
                    self._written += part
            except OSError:
                pass

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        return self._program.poll() is None

    @property
    def text(self) -> str:
        """What was written so far, with the codes of colours."""
        # Terminals get a carriage return before each line break.
        return self._written.decode(errors="replace").replace("\r\n", "\n")

    def end(self) -> str:
        """Wait until the program has ended; return all that it wrote."""
        if self._program.wait():
            sys.exit(f"{self._program.args} failed:\n{self.text}")
        self._reader.join()
        return self.text


def drawn(title: str, text: str) -> str:
    """Return an SVG of a terminal that shows the last rows of ``text``."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor")
    lines = [
        line
        for shown in AnsiDecoder().decode(text.rstrip())
        for line in shown.wrap(console, COLUMNS)
    ]
    for line in lines[-ROWS:]:
        console.print(line)
    # The picture is cut off below the last row, through its underscores.
    console.print()
    # rich names a font of another machine, and then a font that every machine has.
    return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title=title), flags=re.DOTALL)
