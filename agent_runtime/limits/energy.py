"""Joules as the host counts them: NVML on an NVIDIA GPU, RAPL on a CPU that lets us read it, else unknown.

A counter covers the whole device, so on a shared host it includes what others did meanwhile. It is never
estimated: where no counter can be read, energy is None. Of several GPUs the one is read that NVML gives the number
of the model's device; an order of CUDA's own (CUDA_VISIBLE_DEVICES) is not followed.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

RAPL = Path("/sys/class/powercap")


EnergyCounter = Callable[[], float | None]

# Where a model computes on this host's processor: "none" has no model, and its tools run here.
HOST_DEVICES = ("cpu", "none")


def energy_counter(device: str) -> EnergyCounter:
    """A function that reads the joules `device` ("cuda:0", "cpu", ...) has used since some fixed moment.

    What another machine uses (the device of a remote model is its address) is unknown here.
    """
    kind, _, index = device.partition(":")
    if kind == "cuda":
        return _nvml(int(index or 0)) or unknown_energy(device)
    return (device in HOST_DEVICES and _rapl()) or unknown_energy(device)


def unknown_energy(device: str) -> EnergyCounter:
    """The counter of a device that has none."""
    return lambda: None


def _nvml(index: int) -> EnergyCounter | None:
    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no library, driver or counter: whatever the reason, the energy is unknown
        return None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000


def _rapl() -> EnergyCounter | None:
    """Sum of the packages' counters; a counter that wraps around is followed."""
    counters = [path / "energy_uj" for path in sorted(RAPL.glob("intel-rapl:?"))]
    try:
        last = [int(path.read_text()) for path in counters]
        spans = [int((path.parent / "max_energy_range_uj").read_text()) for path in counters]
    except OSError:
        return None
    if not counters:
        return None
    total = 0

    def read() -> float:
        nonlocal total, last
        now = [int(path.read_text()) for path in counters]
        total += sum((new - old) % span for new, old, span in zip(now, last, spans, strict=True))
        last = now
        return total / 1e6

    return read
