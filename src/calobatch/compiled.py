"""Compile loops over hits with numba."""

import os
from pathlib import Path

from numba import njit
from numba.core import entrypoints

# Before the first call of a compiled function, numba would import every package with an extension
# for it, such as awkward. The functions of calobatch need no extension, and each rank starts a
# second sooner without them.
entrypoints.init_all = lambda: None
# Compiling takes a second. Numba saves the result beside the source for later processes if it can
# write there; in a read-only image it cannot, and would raise an error.
CACHED = os.access(Path(__file__).parent, os.W_OK)

# The compiled function releases Python's global lock, so that the next batch can be made while the
# model computes.
compiled = njit(nogil=True, cache=CACHED)
