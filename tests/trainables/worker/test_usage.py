"""What a trial used, measured on this machine, and on a GPU whose answers are written down."""

from __future__ import annotations

import mmap
import os
import time
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from trainables.records import EpochResult
from trainables.worker import usage
from trainables.worker.usage import GpuShare, Usage, own_gpu


@dataclass
class Sample:
    """As NVML gives them."""

    pid: int
    timeStamp: int  # noqa: N815  # NVML's name
    smUtil: int  # noqa: N815


class Nvml:
    """NVML with one GPU and what was measured on it; an empty answer is an error there."""

    def __init__(self, answers: list[list[Sample]]) -> None:
        self.answers, self.asked = answers, []  # type: ignore[var-annotated]

    def nvmlInit(self) -> None:  # noqa: N802
        """Ready."""

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        """The GPU of that name."""
        if uuid != "GPU-1":
            raise RuntimeError("Not Found")
        return "handle"

    def nvmlDeviceGetProcessUtilization(self, handle: str, since: int) -> list[Sample]:  # noqa: N802
        """The next answer."""
        assert handle == "handle"
        self.asked.append(since)
        answer = self.answers.pop(0) if self.answers else []
        if not answer:
            raise RuntimeError("Not Found")
        return answer


def own(time: int, share: int) -> Sample:
    """This process's."""
    return Sample(os.getpid(), time, share)


def test_the_share_is_this_process_own_over_the_epochs_time() -> None:
    """Each look stands for the time since the one before: 40 % for 1 s, nothing for 1 s, 100 % for 2 s."""
    other = Sample(os.getpid() + 1, 15, 90)
    nvml = Nvml([[own(10, 30), own(12, 50), other], [Sample(os.getpid() + 1, 17, 90)], [own(15, 1), own(20, 100)]])
    now = [0.0]
    gpu = GpuShare(nvml, "GPU-1", lambda: now[0])
    for moment in (0.5, 1.0, 1.5, 2.0):
        now[0] = moment
        gpu.sample()
    now[0] = 4.0
    assert gpu.read() == pytest.approx((0.4 * 1 + 0 * 1 + 1.0 * 2) / 4)
    assert nvml.asked == [0, 15, 17]
    gpu.begin_epoch()
    now[0] = 4.5
    assert gpu.read() == 1.0  # too short to be looked at
    now[0] = 6.0
    assert gpu.read() == 0.0  # nothing measured


@pytest.mark.parametrize(("nvml", "uuid"), [(None, "GPU-1"), (object(), "GPU-1"), (Nvml([]), "GPU-2")])
def test_without_an_answer_the_share_is_nothing(nvml: Any, uuid: str) -> None:
    """No NVML, one that lacks the function, a GPU that it doesn't know: 0, and no error."""
    now = [0.0]
    gpu = GpuShare(nvml, uuid, lambda: now[0])
    now[0] = 5.0
    gpu.sample()
    assert gpu.read() == 0.0


def test_the_fields_are_an_epoch_results() -> None:
    """All that is read has a place in the record; a GPU's share is passed on."""
    now = [0.0]
    measured = Usage(1, GpuShare(Nvml([[own(3, 70)]]), "GPU-1", lambda: now[0]))
    measured.start()
    now[0] = 2.0
    measured.sample()
    found = measured.read()
    assert found.keys() <= set(EpochResult.__dataclass_fields__)
    assert found["gpu_utilization"] == 0.7


def test_peak_memory_is_the_trials_own() -> None:
    """100 MB held for a moment are in the peak until the next trial starts; then they are forgotten."""
    measured = Usage(1)
    measured.start()
    if not measured._resettable:
        pytest.skip("this system's peak can't be reset")
    before = measured.read()["host_memory_bytes"]
    with mmap.mmap(-1, 100_000_000) as held:  # the allocator may keep what it gets back; the system doesn't
        for _ in range(100):
            held.write(b"x" * 1_000_000)
    assert measured.read()["host_memory_bytes"] > before + 90_000_000
    measured.start()
    assert measured.read()["host_memory_bytes"] < before + 50_000_000


def test_where_no_peak_can_be_reset_the_moments_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the largest of what was resident at the reads of this trial is told."""
    moments = iter([5, 9, 7, 2])
    monkeypatch.setattr(usage, "reset_peak", lambda: False)
    monkeypatch.setattr(usage, "resident_bytes", lambda: next(moments))
    measured = Usage(1)
    measured.start()
    assert [measured.read()["host_memory_bytes"] for _ in range(3)] == [5, 9, 9]
    measured.start()
    assert measured.read()["host_memory_bytes"] == 2


def test_busy_cpus_are_counted_by_those_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three CPU seconds in two seconds on two CPUs are three quarters."""
    wall, cpu = iter([10.0, 12.0]), iter([1.0, 4.0])
    measured = Usage(2)
    monkeypatch.setattr("time.perf_counter", lambda: next(wall))
    monkeypatch.setattr("time.process_time", lambda: next(cpu))
    measured.begin_epoch()
    assert measured.read()["cpu_utilization"] == pytest.approx(0.75)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_that_works_for_this_process_is_seen() -> None:
    """NVML knows the GPU by torch's name for it, and this process's share of it: three seconds of matrix products."""
    gpu = own_gpu()
    assert gpu is not None
    assert gpu._handle is not None
    matrix, until = torch.rand(4096, 4096, device="cuda"), time.monotonic() + 3
    gpu.begin_epoch()
    while time.monotonic() < until:
        for _ in range(20):
            matrix = (matrix @ matrix).clamp_(0, 1)
        torch.cuda.synchronize()
        gpu.sample()
    assert 0.3 < gpu.read() <= 1
