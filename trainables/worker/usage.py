"""What a trial uses of its machine: memory, and its share of the processors. It asks the system; the loop doesn't."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import torch

from trainables.worker.memory import peak_resident_bytes, reset_peak, resident_bytes

SAMPLE_EVERY = 1.0  # seconds between two looks at the GPU's utilisation: about as often as the driver measures it


class GpuShare:
    """This process's share of a GPU's time, from NVML; 0 where NVML has nothing to say.

    NVML tells what was measured since the last look, so it is looked at while an epoch goes on, and the looks are
    averaged over the time that each stands for. In a container that hides the machine's process ids it finds nothing.
    """

    def __init__(self, nvml: Any, uuid: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`nvml`: the module `pynvml`, or None; `uuid`: "GPU-..."."""
        self._nvml, self._clock = nvml, clock
        self._handle = self._asked(lambda: (nvml.nvmlInit(), nvml.nvmlDeviceGetHandleByUUID(uuid))[1])
        self._seen = 0  # the newest sample's time, in NVML's microseconds
        self._last = 0.0  # the share that was found last
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Begin to measure an epoch; what the one before used no longer counts."""
        self._looked = self._clock()
        self._sum, self._seconds = 0.0, 0.0

    def sample(self) -> None:
        """Look, if a second has passed."""
        now = self._clock()
        if self._handle is None or now - self._looked < SAMPLE_EVERY:
            return
        self._last = self._now()
        self._sum += self._last * (now - self._looked)
        self._seconds += now - self._looked
        self._looked = now

    def read(self) -> float:
        """The epoch's mean, 0 to 1; an epoch of less than a second has what was found last."""
        self.sample()
        return self._sum / self._seconds if self._seconds else self._last

    def _now(self) -> float:
        """The mean of what was measured since the last look; a process that did nothing has no sample."""
        found = self._asked(lambda: self._nvml.nvmlDeviceGetProcessUtilization(self._handle, self._seen)) or ()
        fresh = [sample for sample in found if sample.timeStamp > self._seen]
        self._seen = max((sample.timeStamp for sample in fresh), default=self._seen)
        own = [min(sample.smUtil, 100) / 100 for sample in fresh if sample.pid == os.getpid()]
        return sum(own) / len(own) if own else 0.0

    def _asked(self, question: Callable[[], Any]) -> Any:
        """NVML's answer; None where there is no NVML, or it has none."""
        try:
            return None if self._nvml is None else question()
        except Exception:  # an old driver, a part of a GPU (MIG), nothing measured yet: it raises its own errors
            return None


class Usage:
    """One trial's use of its machine, from `start` on; what has the epoch in its name is since `begin_epoch`."""

    def __init__(self, cpus: int, gpu: GpuShare | None = None) -> None:
        """`cpus`: how many the trial was given."""
        self._cpus, self._gpu = max(cpus, 1), gpu
        self._resettable = False
        self._peak = 0  # bytes, where the system's own peak can't be reset

    def start(self) -> None:
        """A trial begins: the peaks of the one before are forgotten."""
        self._resettable = reset_peak()
        self._peak = 0
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Shares are of the time from here on."""
        self._began, self._cpu_began = time.perf_counter(), time.process_time()
        if self._gpu is not None:
            self._gpu.begin_epoch()

    def sample(self) -> None:
        """To be called now and then within an epoch; it looks at most once a second."""
        if self._gpu is not None:
            self._gpu.sample()

    def read(self) -> dict[str, Any]:
        """Peak bytes of the trial, and the epoch's shares: the fields of `EpochResult` by name."""
        seconds = time.perf_counter() - self._began
        busy = (time.process_time() - self._cpu_began) / max(seconds, 1e-9) / self._cpus
        return {
            "host_memory_bytes": self._host_peak(),
            "gpu_memory_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
            "gpu_utilization": 0.0 if self._gpu is None else self._gpu.read(),
            "cpu_utilization": busy,
        }

    def _host_peak(self) -> int:
        """The peak of resident memory; of the moments that were read where the system keeps a whole process's."""
        if self._resettable:
            return peak_resident_bytes()
        self._peak = max(self._peak, resident_bytes())
        return self._peak


def own_gpu() -> GpuShare | None:
    """The GPU that this process computes on; None where it has none."""
    if not torch.cuda.is_available():
        return None
    try:
        import pynvml
    except ImportError:
        pynvml = None
    uuid = getattr(torch.cuda.get_device_properties(torch.cuda.current_device()), "uuid", "")
    return GpuShare(pynvml, f"GPU-{uuid}")
