"""What NVIDIA's management library knows of a rank's GPU; nothing where there is none."""

from typing import NamedTuple

import pynvml
import torch

JOULES = 1e-3  # NVML counts millijoules


class GpuUse(NamedTuple):
    """Mean share of time in which the GPU computed, 0 to 1, and the energy in joules."""

    utilisation: float
    joules: float


class GpuMeter:
    """Reads a GPU's meters from its making on; :meth:`sample` as often as the mean shall count."""

    def __init__(self, device: torch.device) -> None:
        self.handle = _handle(device)
        self.samples: list[float] = []
        self.joules_before = self._joules()

    def sample(self) -> None:
        """Note the utilisation, which the driver averages over up to a second."""
        if self.handle:
            self.samples.append(pynvml.nvmlDeviceGetUtilizationRates(self.handle).gpu / 100)

    def use(self) -> GpuUse | None:
        """Return what the GPU did since the meter was made, or None without a GPU's meters."""
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
        # NVML counts all GPUs of the machine, torch only those that the job was given.
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle: object = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)  # older GPUs have no such counter
    except pynvml.NVMLError:
        return None
    return handle
