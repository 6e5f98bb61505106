"""A few steps of one trial, measured before a search: its memory, its time, and how busy it keeps the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from trainables.build import build_trial, parse_config
from trainables.config import TrialConfig
from trainables.data.samples import Split
from trainables.learning.learner import TorchLearner
from trainables.learning.steps import count_batches, pick_device
from trainables.modalities import modality_of
from trainables.modality import DataAccess, Decode, Modality
from trainables.names import TRAIN, VAL
from trainables.records import ProbeResult
from trainables.worker.memory import machine_bytes, peak_resident_bytes, release_memory, reset_peak, resident_bytes

SLOW_SECONDS: Final = 20.0  # of the first step: a slow device is known by then
ENOUGH_SECONDS: Final = 0.4  # of those after it: the time of a step is known by then


def probe(modality: str, hyperparameters: Mapping[str, Any], data: DataAccess, *, steps: int = 3) -> ProbeResult:
    """Build the trial, learn from its heaviest batch and `steps` more, and predict one batch of val.

    The samples are real. Files are written to a temporary folder only. All of the network learns, though the first
    epochs may freeze some of it, and nothing is compiled: that takes longer than the steps.

    Raises:
        OutOfMemory, Diverged: as a trial would.
        UserError: weights that can't be had, pictures that can't be read.
    """
    config, kind = parse_config(modality, hyperparameters), modality_of(modality)
    assert isinstance(config, TrialConfig), "heads aren't probed"  # noqa: S101
    device = pick_device()
    # All layers learn, nothing is compiled, and the schedule is long enough.
    changes = {"compile": False, "frozen_epochs": 0, "max_epochs": max(config.max_epochs, steps + 2)}
    known = {key: value for key, value in changes.items() if key in type(config).model_fields}
    with TemporaryDirectory(prefix="binwise-probe-") as scratch:
        few = _few(kind, config, data, Path(scratch))
        release_memory()
        before, resident = _reset(device), kind.resident_bytes(config, data, device)
        learner = build_trial(modality, {**hyperparameters, **known, **kind.probe_changes()}, few, seed=0).learner
        assert isinstance(learner, TorchLearner)  # noqa: S101
        plan = [_heaviest(kind, few.splits[TRAIN], config.batch_size), *_cycled(learner.plan_epoch(), steps)]
        result = ProbeResult(
            step_seconds=_train(learner, plan, device),
            evaluate_seconds_per_sample=_seconds(learner.val_logits, device) / len(few.splits[VAL]),
            peak_bytes=_peak(device, before) + resident,
            total_bytes=_total(device),
            train_steps_per_epoch=count_batches(len(data.splits[TRAIN]), config.batch_size),
            gpu_utilization=None,
            weights_bytes=sum(tensor.nbytes for tensor in learner.weights().values()),
            micro_batch_size=learner.stepper.micro_batch_size or 0,
        )
        if device.type == "cuda":  # last, as a profiler takes memory too
            kernels = kernel_microseconds(partial(_train, learner, plan[-1:], device))
            result = replace(result, gpu_utilization=busy_share(kernels, result.step_seconds))
        del learner
    release_memory()
    return result


def _few(modality: Modality, config: TrialConfig, data: DataAccess, scratch: Path) -> DataAccess:
    """What a probe needs of train, one batch of val, and caches in `scratch`."""
    train, val = data.splits[TRAIN], data.splits[VAL]
    splits = {TRAIN: modality.probe_train(train, config), VAL: val.spread(config.evaluation_batch_size)}
    decode: Decode = "stream" if data.decode == "stream" else "cache"
    return replace(data, splits=splits, caches=scratch, prepared={}, decode=decode)


def _heaviest(modality: Modality, train: Split, batch_size: int) -> Tensor:
    """The rows of the largest items, one batch of them."""
    return torch.from_numpy(np.argsort(-modality.sizes(train), kind="stable")[:batch_size].copy())


def _cycled(batches: Sequence[Tensor], count: int) -> list[Tensor]:
    return [batches[place % len(batches)] for place in range(count)]


def _train(learner: TorchLearner, plan: Sequence[Tensor], device: torch.device) -> float:
    """Seconds a step: of all but the first, which allocates and warms up, unless one alone took long enough."""
    learner.epoch = 1
    learner.before_epoch()
    learner.stepper.begin_epoch(1)
    taken: list[float] = []
    began = time.perf_counter()
    for batch in learner.batches(plan):
        learner.stepper.step(batch)
        _wait(device)
        taken.append(time.perf_counter() - began)
        if taken[0] > SLOW_SECONDS or taken[-1] - taken[0] > ENOUGH_SECONDS:
            break
    return (taken[-1] - taken[0]) / (len(taken) - 1) if len(taken) > 1 else taken[0]


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """What a call takes; on a GPU, where it is quick, at its second time."""
    if device.type == "cuda":
        call()
    _wait(device)
    began = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset(device: torch.device) -> int:
    """Begin to measure the peak; what there is already, in bytes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return 0
    reset_peak()
    return resident_bytes()


def _peak(device: torch.device, before: int) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    return max(0, peak_resident_bytes() - before)


def _total(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return machine_bytes()


def kernel_microseconds(step: Callable[[], object]) -> list[float]:
    """What the kernels of a step take on the GPU; nothing where the driver allows no profiling."""
    from torch.profiler import ProfilerActivity, profile

    try:
        with profile(activities=[ProfilerActivity.CUDA]) as profiled:
            step()
        return [event.self_device_time_total for event in profiled.key_averages()]
    except RuntimeError:
        return []


def busy_share(microseconds: Iterable[float], step_seconds: float) -> float | None:
    """The share (0 to 1) of a step in which its kernels run; None where none was seen."""
    busy = sum(microseconds) / 1e6
    return min(1.0, busy / step_seconds) if busy > 0 and step_seconds > 0 else None
