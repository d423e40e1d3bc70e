"""Independent pieces of work on several cores, their results in order and few at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Self, TypeVar

from calobatch.errors import JobError, UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """``count`` processes, which start at once and import ``modules``; with one, this one works.

    They are spawned, not forked: HDF5 and Arrow do not survive a fork.
    Raises a UserError if ``count`` is less than one.
    """

    def __init__(self, count: int, modules: Sequence[str] = ()) -> None:
        if count < 1:
            raise UserError(f"{count} workers cannot do the work; use at least one")
        self.count, self.modules = count, modules
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.count > 1:
            context = get_context("spawn")
            self.pool = ProcessPoolExecutor(self.count, context, _begin, (self.modules,))
            for _ in range(self.count):
                self.pool.submit(os.getpid)  # a process starts when there is work for it
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, and give their memory back."""
        if self.pool:
            self.pool.shutdown(cancel_futures=True)

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in order; at most two results a worker wait.

        The results do not depend on the number of workers. A JobError if a worker dies.
        """
        if not self.pool:
            yield from map(function, items)
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self.pool.submit(function, item))
                if len(waiting) >= 2 * self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise JobError(
                "a worker process died (killed, or out of memory); run the same command again, "
                "with fewer cores if memory is short"
            ) from None


def _begin(modules: Sequence[str]) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        import_module(module)


def _end_with_parent() -> None:
    """End this worker when its parent is killed; otherwise it would wait for work for ever."""
    if parent := parent_process():
        parent.join()
        os._exit(1)
