"""How fast a training was, and what its time, memory and energy went to."""

from pydantic import BaseModel, ConfigDict

PHASES = ("data", "compute", "communication")


class Throughput(BaseModel):
    """Of the epochs since the training last started, over all its ranks.

    ``rank_events_per_second``: of each rank, without the time that it waited for the others.
    Seconds are means over ranks, memory is that of the largest rank (GPU: tensors only), energy
    that of all GPUs together. What there is no meter for is None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank_events_per_second: tuple[float, ...]
    data_seconds: float
    compute_seconds: float
    communication_seconds: float
    peak_memory_mb: float
    gpu_peak_memory_mb: float | None
    gpu_utilisation: float | None
    gpu_energy_joules: float | None

    @property
    def shares(self) -> dict[str, float]:
        """Share of each phase in the ranks' time; all zero if no step was made."""
        seconds = {phase: float(getattr(self, f"{phase}_seconds")) for phase in PHASES}
        total = sum(seconds.values()) or 1.0
        return {phase: value / total for phase, value in seconds.items()}
