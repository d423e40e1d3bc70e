"""Memory that a step gives back is kept for the next.

By default glibc returns large blocks to the kernel, which clears every page anew when the next
step asks for them: a third of the time of a small CNN on the CPU.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST = 2**31 - 1


def keep_freed_memory() -> None:
    """Tell the allocator of this process not to return memory; nothing happens without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, LARGEST)
