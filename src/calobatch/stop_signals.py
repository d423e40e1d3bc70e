"""The signals that ask a training to write a checkpoint and leave."""

import signal

# SLURM sends SIGUSR1 before the walltime ends. A terminal that is closed sends SIGHUP.
_ALL = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
# Time for ranks that were asked to stop to finish their step and write a checkpoint.
SECONDS_TO_LEAVE = 60.0


def stop_signals() -> list[signal.Signals]:
    """Return the signals that this process should handle.

    SIGHUP is left out if it is ignored: the user started the command with `nohup`.
    """
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in _ALL if not (ignored and number == signal.SIGHUP)]
