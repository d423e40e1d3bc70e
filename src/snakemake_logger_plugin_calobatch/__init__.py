"""What a run shows on the terminal: one line when a job starts, and one when it ends.

Snakemake finds this package by the beginning of its name, and uses it because of
`logger: calobatch` in the profiles. Its own text, with the files, reasons and resources of each
job, goes to its log. A dry run, `--verbose` and `--debug-dag` look as without this package.
"""

import logging
import sys

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_calobatch.job_lines import JobLines


class LogHandler(LogHandlerBase):
    """Writes Snakemake's records to the terminal."""

    def __post_init__(self) -> None:
        """Choose between the short lines and Snakemake's own text."""
        chosen = self.common_settings
        self.stream = sys.stdout if chosen.stdout else sys.stderr
        self.snakemake: logging.Handler | None = None
        if chosen.dryrun or chosen.verbose or chosen.debug_dag:
            self.snakemake = ColorizingTextHandler(chosen.nocolor, self.stream)
        else:
            self.setFormatter(JobLines())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record that has passed Snakemake's filter, if it has a text."""
        if self.snakemake:
            self.snakemake.setFormatter(self.formatter)
            self.snakemake.emit(record)
        elif text := self.format(record):
            print(text, file=self.stream, flush=True)

    @property
    def writes_to_stream(self) -> bool:
        """Say that this takes the place of Snakemake's own handler for the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Say that Snakemake writes its log itself."""
        return False

    @property
    def has_filter(self) -> bool:
        """Say that Snakemake's filter is used, which knows `--quiet` and `--printshellcmds`."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Say that Snakemake sets its formatter only where its own text is wanted."""
        return self.snakemake is None

    @property
    def needs_rulegraph(self) -> bool:
        """Say that no graph is shown."""
        return False
