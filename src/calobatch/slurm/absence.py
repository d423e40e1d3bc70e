"""Report that a part of SLURM does not answer for a while. This is not an error."""

import threading
import time
from typing import Any

SECONDS_BETWEEN_REPORTS = 600.0


class Absence:
    """Reports when a part of SLURM stops answering, at intervals until it answers, and then again.

    ``what`` names the part, and ``meanwhile`` says what happens until it answers.
    """

    def __init__(self, what: str, meanwhile: str, logger: Any) -> None:
        self.what, self.meanwhile, self.logger = what, meanwhile, logger
        self.began: float | None = None
        self.reported = 0.0
        # Submissions run in several threads.
        self.lock = threading.Lock()

    def lasts(self, reason: str) -> None:
        """Note that there was no answer, and why."""
        with self.lock:
            now = time.monotonic()
            if self.began is None:
                self.began = self.reported = now
                self._say(f"does not answer ({reason}); {self.meanwhile}")
            elif now - self.reported >= SECONDS_BETWEEN_REPORTS:
                self.reported = now
                minutes = (now - self.began) / 60
                self._say(f"has not answered for {minutes:.0f} minutes; {self.meanwhile}")

    def ends(self) -> None:
        """Note that there was an answer."""
        with self.lock:
            if self.began is not None:
                self._say(f"answers again, after {time.monotonic() - self.began:.0f} s")
                self.began = None

    def _say(self, text: str) -> None:
        self.logger.warning(f"calobatch: {self.what} {text}")
