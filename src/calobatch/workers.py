"""Run independent pieces of work in several processes; return few results at a time, in order."""

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
    """``count`` worker processes that start immediately and import ``modules``.

    With ``count`` 1 no process is started, and this one does the work. The processes are spawned,
    not forked, because HDF5 and Arrow do not work after a fork. Raises a UserError if ``count`` is
    less than 1.
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
                # The pool starts a process only when there is work for it, so it gets a little.
                self.pool.submit(os.getpid)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, which frees their memory."""
        if self.pool:
            self.pool.shutdown(cancel_futures=True)

    def map_in_order(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in order.

        At most two results per worker wait to be taken, so that memory stays bounded even if they
        are taken slowly. The results do not depend on the number of workers. Raises a JobError if a
        worker process dies; an error in ``function`` is raised here unchanged.
        """
        if not self.pool:
            yield from map(function, items)
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self.pool.submit(function, item))
                # Two items per worker: while the oldest result is awaited, every worker that has
                # finished finds another item.
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
    """Prepare a new worker process."""
    Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        import_module(module)


def _end_with_parent() -> None:
    """End this worker if its parent is killed; otherwise it would wait for work forever."""
    if parent := parent_process():
        parent.join()
        os._exit(1)
