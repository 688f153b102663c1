"""Joules as the host counts them: NVML on an NVIDIA GPU, RAPL on a CPU that lets us read it, else unknown.

A counter covers the whole device, so on a shared host it includes what others did meanwhile. It is never
estimated: where no counter can be read, energy is None.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

RAPL = Path("/sys/class/powercap")


def energy_counter(device: str) -> Callable[[], float | None]:
    """A function that reads the joules `device` ("cuda", "cpu", ...) has used since some fixed moment."""
    reader = _nvml() if device.startswith("cuda") else _rapl()
    return reader or (lambda: None)


def _nvml() -> Callable[[], float | None] | None:
    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(0)
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no library, driver or counter: whatever the reason, the energy is unknown
        return None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000


def _rapl() -> Callable[[], float | None] | None:
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
