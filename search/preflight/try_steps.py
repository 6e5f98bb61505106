"""Trying a few steps of a study's trials before the first one: its own values, and the most demanding ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from search.study.config import StudyConfig
from search.study.faults import shown
from search.study.sections import SearchedSection, searched_values
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import DataAccess, Modality, combined
from trainables.records import ProbeResult

WAIT_SECONDS = 1200  # for a device that is busy, and the steps themselves
OWN = "the section's own values"


@dataclass(frozen=True)
class Probe:
    """A trial of which a few steps were tried, and what they took."""

    label: str  # what tells it from the section's own values
    result: ProbeResult


@dataclass(frozen=True)
class _Failure:
    """Why a trial can't run."""

    kind: str  # the exception's name
    text: str


def probe_configs(study: StudyConfig, modality: str) -> list[Mapping[str, Any]]:
    """The trials that are tried, each with every hyperparameter: few, but none of the study's takes more memory.

    First the section's own values; then each backbone of the space at the largest batch, picture size and text length;
    then points whose network or sizes none of these covers.
    """
    section, kind = study.section(modality), modality_of(modality)
    values = searched_values(section)
    largest = {key: max(values.space[key]) for key in kind.demanding}
    largest |= {key: min(values.space[key]) for key in kind.relieving}
    if values.own["ema_decay"] is None:
        largest["ema_decay"] = _average(section)
    corners = combined(values, kind.network[:1], **largest)  # the first one says which network, the others its sizes
    points = [point for point in values.points[1:] if not _covered(point, corners, kind)]
    return _distinct([values.own, *corners, *points], kind)


def _average(section: SearchedSection) -> float | None:
    """A decay of the weights' average, which takes memory, where the space has one."""
    dimension = section.search.space.get("ema_decay")
    if dimension is None:
        return None
    values = dimension.ends[1:] if dimension.numeric else dimension.values
    return next((value for value in values if value is not None), None)


def _covered(point: Mapping[str, Any], corners: Sequence[Mapping[str, Any]], kind: Modality) -> bool:
    """Whether some corner has the point's network and takes no less."""
    return any(
        all(point.get(key) == corner.get(key) for key in kind.network)
        and all(point[key] <= corner[key] for key in kind.demanding)
        and all(point[key] >= corner[key] for key in kind.relieving)
        and (point["ema_decay"] is None or corner["ema_decay"] is not None)
        for corner in corners
    )


def _distinct(configs: Sequence[Mapping[str, Any]], kind: Modality) -> list[Mapping[str, Any]]:
    """Without those that differ in nothing that matters here."""
    found: dict[str, Mapping[str, Any]] = {}
    for config in configs:
        keys = (*kind.network, *kind.demanding, *kind.relieving)
        key = repr([config[name] for name in keys] + [config["ema_decay"] is None])
        found.setdefault(key, config)
    return list(found.values())


def label_of(modality: str, config: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """What a tried trial differs in from the section's own values: `batch_size 128, size 224`."""
    kind = modality_of(modality)
    keys = (*kind.network, *kind.demanding, *kind.relieving, "ema_decay")
    changed = [f"{key} {shown(config[key])}" for key in keys if key in own and config[key] != own[key]]
    return ", ".join(changed) or OWN


def measure(
    study: StudyConfig, modality: str, splits: Mapping[str, Split], *, cpus: int, gpu: bool
) -> Callable[[], list[Probe]]:
    """Begin to try the modality's trials, one after the other, in one process of a Ray that is up; what waits for them.

    `cpus`: that a trial will have; `gpu`: whether it has a GPU, which is whole here. What is returned raises UserError,
    which names every trial that can't run, with the reason.
    """
    import ray

    steps = Steps.of(study, modality, splits, cpus)
    # A process that has a GPU ends, so that nothing of its memory stays; any other one goes on to the next task.
    task = ray.remote(num_cpus=cpus, num_gpus=int(gpu), max_calls=int(gpu), max_retries=0)(measure_all)
    begun = task.remote(modality, steps.configs, steps.data)
    return partial(_waited, begun, modality, steps.labels)


@dataclass(frozen=True)
class Steps:
    """What is tried of one modality, as `measure_all` takes it."""

    configs: Sequence[Mapping[str, Any]]
    labels: Sequence[str]
    data: DataAccess

    @classmethod
    def of(cls, study: StudyConfig, modality: str, splits: Mapping[str, Split], cpus: int) -> Steps:
        """Of a study's modality, whose trials will have so many CPUs."""
        configs = probe_configs(study, modality)
        data = DataAccess(splits, Path("unused"), study.data.pixel_limit, study.data.decode, workers=cpus)
        return cls(configs, [label_of(modality, config, configs[0]) for config in configs], data)


def _waited(begun: Any, modality: str, labels: Sequence[str]) -> list[Probe]:
    """What came out of steps that have begun."""
    import ray

    try:
        results = ray.get(begun, timeout=WAIT_SECONDS)
    except ray.exceptions.GetTimeoutError as error:
        raise UserError(
            f"The cluster must have room for a trial, but {modality}'s steps weren't done in {WAIT_SECONDS} s: see "
            "with `ray status` whether others use it."
        ) from error
    except ray.exceptions.RayError as error:
        raise process_ended(modality, type(error).__name__) from error
    return probes_of(modality, labels, results)


def process_ended(modality: str, how: str) -> UserError:
    """The error for steps whose process is gone."""
    return UserError(
        f"A trial must run before a search begins, but {modality}'s process ended ({how}), most likely for want of "
        "memory: search smaller batches, sizes or backbones, or free some memory."
    )


def probes_of(modality: str, labels: Sequence[str], results: Sequence[ProbeResult | _Failure]) -> list[Probe]:
    """Results with their labels. UserError with every failure, one of several for the same reason once."""
    pairs = list(zip(labels, results, strict=True))
    faults: dict[_Failure, str] = {}
    for label, result in pairs:
        if isinstance(result, _Failure):
            faults.setdefault(result, _fault(modality, label, result))
    if faults:
        raise UserError("\n".join(faults.values()))
    return [Probe(label, result) for label, result in pairs if not isinstance(result, _Failure)]


def _fault(modality: str, label: str, failure: _Failure) -> str:
    said = f"A trial must run, but {modality} with {label} doesn't"
    if failure.kind == "UserError":  # says itself what to do
        return f"{said}: {failure.text}"
    if failure.kind == "OutOfMemory":
        remedy = "Take smaller pictures, shorter texts or a smaller backbone"
    elif failure.kind == "Diverged":
        remedy = "Lower the learning rates"
    else:
        remedy = "Change these values"
    if label != OWN:
        remedy += f", or take them out of {modality}.search"
    return f"{said}: {failure.kind}: {failure.text.rstrip('.')}. {remedy}."


def measure_all(modality: str, configs: Sequence[Mapping[str, Any]], data: DataAccess) -> list[ProbeResult | _Failure]:
    """Try one trial after the other in this process: what each takes, or why it can't run."""
    import torch

    from trainables.probe import probe

    torch.set_num_threads(max(data.workers, 1))
    found: list[ProbeResult | _Failure] = []
    for config in configs:
        try:
            found.append(probe(modality, config, data))
        except UserError as error:
            found.append(_Failure(UserError.__name__, str(error)))
        except Exception as error:  # networks and devices raise errors of many libraries
            found.append(_Failure(type(error).__name__, next(iter(str(error).strip().splitlines()), "")))
    return found


def notes_of(modality: str, probes: Sequence[Probe]) -> list[str]:
    """A line for each trial whose batch the GPU's memory doesn't hold at once; that is no fault."""
    return [
        f"{modality}: a batch doesn't fit the memory with {probe.label}: {probe.result.micro_batch_size} samples go "
        "through at a time, their gradients added up to the batch's"
        for probe in probes
        if probe.result.micro_batch_size
    ]


def smallest_gpu_bytes() -> int | None:
    """The memory of the smallest GPU of the Ray that is up; None where there is one GPU at most, or they are busy."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    counts = {node["NodeID"]: int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]}
    if sum(counts.values()) <= 1:
        return None
    tasks = [
        ray.remote(
            num_cpus=0,
            num_gpus=count,
            max_calls=1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )(_smallest_here).remote()
        for node, count in counts.items()
        if count
    ]
    try:
        found: list[int] = ray.get(tasks, timeout=60)
    except ray.exceptions.RayError:
        return None
    return min(found)


def _smallest_here() -> int:
    import torch

    return min(int(torch.cuda.get_device_properties(n).total_memory) for n in range(torch.cuda.device_count()))
