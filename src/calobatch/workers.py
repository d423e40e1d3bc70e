"""Independent pieces of work on several cores, their results in order and few at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from calobatch.errors import JobError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, in order; at most two results a worker wait.

    Processes are spawned, not forked: HDF5 and Arrow do not survive a fork. The results do not
    depend on the number of workers.
    """
    if workers == 1:
        yield from map(function, items)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise JobError(
                "a worker process died (killed, or out of memory); run the same command again, "
                "with fewer cores if memory is short"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
