"""Read the utilisation and energy of a rank's GPU from NVIDIA's management library (NVML)."""

from typing import NamedTuple

import pynvml
import torch

JOULES = 1e-3  # NVML counts millijoules


class GpuUse(NamedTuple):
    """Mean fraction of the time in which the GPU computed (0 to 1), and its energy in joules."""

    utilisation: float
    joules: float


class GpuMeter:
    """Measures a GPU from the moment this object is made. On a CPU it measures nothing.

    The utilisation is the mean over the calls of :meth:`sample`.
    """

    def __init__(self, device: torch.device) -> None:
        self.handle = _handle(device)
        self.samples: list[float] = []
        self.joules_before = self._joules()

    def sample(self) -> None:
        """Record the current utilisation, which the driver averages over up to one second."""
        if self.handle:
            self.samples.append(pynvml.nvmlDeviceGetUtilizationRates(self.handle).gpu / 100)

    def use(self) -> GpuUse | None:
        """Return what the GPU did since this object was made; None if that was not measured."""
        if not self.handle or not self.samples:
            return None
        mean = sum(self.samples) / len(self.samples)
        return GpuUse(mean, self._joules() - self.joules_before)

    def _joules(self) -> float:
        if not self.handle:
            return 0.0
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)) * JOULES


def _handle(device: torch.device) -> object | None:
    if device.type != "cuda":
        return None
    try:
        pynvml.nvmlInit()
        # The UUID, because NVML numbers all GPUs of the machine and torch only those of the job.
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle: object = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)  # raises on GPUs without it
    except pynvml.NVMLError:
        return None
    return handle
