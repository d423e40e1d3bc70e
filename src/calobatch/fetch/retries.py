"""When to try an address again: exponential back-off with jitter, limited by patience.

The waits are random so that many jobs that fail together do not all come back together.
"""

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from calobatch.fetch.partial import Partial
from calobatch.public.address import AddressError


@dataclass(frozen=True)
class RetryPolicy:
    """Waiting times for a server and between attempts, in seconds.

    fetch gives up on an address after ``patience`` seconds without a new byte.
    """

    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 300.0


class Interrupted(Exception):  # noqa: N818 - not an error yet, the transfer is tried again
    """An attempt ended early. ``retry_after``: seconds that the server asks to wait, if it does."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Retries:
    """The attempts at one address, which has already given ``size`` bytes."""

    def __init__(self, policy: RetryPolicy, size: int) -> None:
        self.policy = policy
        self.farthest = size
        self.failures = 0
        self.last_progress = time.monotonic()

    def next_wait(self, interruption: Interrupted, size: int) -> float:
        """Return the seconds to wait before the next attempt, now that ``size`` bytes are there.

        Only bytes beyond the farthest so far count as progress. Otherwise a server that always
        starts from the first byte and always breaks off at the same byte would be tried for ever.
        Raises an AddressError if the wait would exceed the patience.
        """
        now = time.monotonic()
        if size > self.farthest:
            self.farthest, self.failures, self.last_progress = size, 0, now
        wait = max(interruption.retry_after, self._back_off())
        self.failures += 1
        if now + wait > self.last_progress + self.policy.patience:
            asked = f" and asked to wait {wait:.0f} s" if interruption.retry_after else ""
            counted = "1 attempt" if self.failures == 1 else f"{self.failures} attempts"
            raise AddressError(
                f"{interruption}{asked}; gave up after {counted} without a new byte (the limit is "
                f"{self.policy.patience:.0f} s)"
            )
        return wait

    def _back_off(self) -> float:
        longest = min(self.policy.longest_wait, self.policy.first_wait * 2.0**self.failures)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def persist(attempt: Callable[[], None], url: str, partial: Partial, policy: RetryPolicy) -> None:
    """Call ``attempt``, which continues ``partial`` from ``url``, until the file is complete.

    An attempt that ends early raises Interrupted. Raises an AddressError when the patience is over.
    """
    retries = Retries(policy, partial.size if partial.came_from(url) else 0)
    while not partial.is_whole(url):
        try:
            attempt()
            return
        except Interrupted as interruption:
            wait = retries.next_wait(interruption, partial.size)
            print(
                f"{partial.destination.name}: {interruption}; trying again from byte "
                f"{partial.size:,} in {wait:.0f} s",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(wait)
