"""Say that MLflow tries again, and bound for how long; by itself it waits in silence."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from calobatch.tracking_uri import shown

# MLflow waits 2, 4, 8, ... seconds between its tries.
VARIABLE, RETRIES, SECONDS = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "6", 62
# The library that tries again writes a warning each time.
LOGGER = "urllib3.connectionpool"


class _SaidOnce(logging.Filter):
    """Turns the warnings of one wait into one line."""

    def __init__(self, tracking_uri: str) -> None:
        super().__init__()
        self.uri, self.said = shown(tracking_uri), False

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith("Retrying"):
            return True
        if not self.said:
            print(
                f"calobatch: MLflow's server {self.uri} does not answer; trying again for about "
                f"{SECONDS} s",
                file=sys.stderr,
                flush=True,
            )
        self.said = True
        return False


@contextmanager
def told_retries(tracking_uri: str) -> Iterator[None]:
    """Let MLflow try again for about a minute in the block, and say so once.

    Another number of tries that the user has set is kept.
    """
    os.environ.setdefault(VARIABLE, RETRIES)
    logger, said_once = logging.getLogger(LOGGER), _SaidOnce(tracking_uri)
    logger.addFilter(said_once)
    try:
        yield
    finally:
        logger.removeFilter(said_once)
