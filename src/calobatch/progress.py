"""Show the progress of long work: a bar in a terminal, a plain line every ten seconds in a log."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0
# tqdm shortens numbers, as in 20.6k/40.0k, but would write 24.0/24.0 for small ones.
SCALED_FROM = 1000
COUNTS, SMALL_COUNTS = "{n_fmt}/{total_fmt}", "{n}/{total}"
LINE = "{{desc}}: {counts}{{unit}} {{rate_noinv_fmt}} [{{elapsed}}<{{remaining}}]"
BAR = "{{l_bar}}{{bar}}| {counts} [{{elapsed}}<{{remaining}}, {{rate_noinv_fmt}}{{postfix}}]"
LINE_WITHOUT_TOTAL = "{desc}: {n_fmt}{unit} {rate_noinv_fmt} [{elapsed}]"


class Progress:
    """Counts ``unit`` up to ``total`` and shows this on stderr: a bar (terminal) or lines (log).

    ``total`` is None if it is not known. ``done`` is the count that an earlier attempt had reached;
    it is left out of the rate. With ``quiet`` nothing is shown.
    """

    def __init__(
        self, label: str, total: int | None, unit: str, *, done: int = 0, quiet: bool = False
    ) -> None:
        # tqdm writes the unit directly behind a number, as in 20.6k events/s.
        self.unit = f" {unit}"
        self.terminal = sys.stderr.isatty()
        # A bar redraws itself with carriage returns, which makes one endless line of a log file.
        self.lines = not self.terminal and not quiet
        small = total is not None and total < SCALED_FROM
        self.counts = SMALL_COUNTS if small else COUNTS
        self.bar = tqdm(
            desc=label,
            total=total,
            initial=done,
            unit=self.unit,
            unit_scale=True,
            dynamic_ncols=True,
            bar_format=BAR.format(counts=self.counts) if total else None,
            disable=quiet or not self.terminal,
        )
        self.label, self.total = label, total
        self.start_count, self.count = done, done
        self.start = self.last_line = time.monotonic()

    def advance(self, amount: int) -> None:
        """Add ``amount`` to the count, and show the count if it is time to."""
        self.count += amount
        self.bar.update(amount)
        now = time.monotonic()
        if self.lines and now - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = now
            self._line()

    def _line(self) -> None:
        """Print the count, the rate, and the elapsed and remaining time as one line."""
        elapsed = max(time.monotonic() - self.start, 1e-9)
        meter = tqdm.format_meter(
            n=self.count,
            total=self.total or 0,
            elapsed=elapsed,
            initial=self.start_count,
            prefix=self.label,
            unit=self.unit,
            unit_scale=True,
            bar_format=LINE.format(counts=self.counts) if self.total else LINE_WITHOUT_TOTAL,
        )
        print(meter, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.close()
        # The last line of work that failed would look as if the work were finished.
        if self.lines and exception is None:
            self._line()
