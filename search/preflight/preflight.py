"""What can be known before the first trial, all of it checked at once. Nothing is half-started on a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from search.machines.shares import (
    MEMORY_SHARE,
    Node,
    Share,
    check_resources,
    plan_cluster,
    plan_resources,
)
from search.preflight.disk import check_disk
from search.preflight.duration import Work, estimate, expected_epochs, scheduler_of, slowdown
from search.preflight.networks import check_all_weights, cut_text_lines, largest_network
from search.preflight.pictures import PicturesPlan, TrialPictures, decode_pictures, plan_pictures
from search.preflight.tracking import check_tracking
from search.preflight.try_steps import Probe, measure, notes_of, smallest_gpu_bytes
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.samples import Split, check_pairs, read_split
from trainables.errors import UserError
from trainables.names import IMAGE, TEXT, TRAIN, VAL
from trainables.words import human_bytes, human_seconds

__all__ = [
    "Node",
    "Preflight",
    "Share",
    "TrialPictures",
    "check_all_weights",
    "check_resources",
    "cut_text_lines",
    "decode_pictures",
    "plan_resources",
    "preflight",
    "read_data",
]

T = TypeVar("T")
Measure = Callable[..., list[Probe]]  # as `probes.measure`


def read_data(study: StudyConfig) -> dict[str, Split]:
    """Train and val as tables. The test split isn't looked at. Raises UserError."""
    read = partial(read_split, need_images=IMAGE in study.modalities, need_texts=TEXT in study.modalities)
    train = read(study.data.train)
    val = read(study.data.val, classes=train.classes)
    check_pairs(train, val)
    return {TRAIN: train, VAL: val}


@dataclass(frozen=True)
class Preflight:
    """What is known before the first trial."""

    splits: Mapping[str, Split]
    networks: Mapping[str, int]  # by modality: the largest one's bytes
    probes: Mapping[str, Sequence[Probe]]  # by modality: what was tried, the section's own values first
    shares: Mapping[str, Share]
    pictures: PicturesPlan
    seconds: Mapping[str, float]  # by modality: what its search takes where it has the cluster to itself
    lines: tuple[str, ...]  # to be told a person


class _Checks:
    """Runs checks and keeps their faults; what needs a check that failed is left out."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def run(self, check: Callable[..., T], *needs: object) -> T | None:
        """The check's value; None where it failed, or where one of the values that it needs is None."""
        if any(need is None for need in needs):
            return None
        try:
            return check()
        except UserError as error:
            if not any(str(error) in fault for fault in self.faults):
                self.faults.append(str(error))
            return None

    def raise_faults(self) -> None:
        """UserError with all of them, where there are any."""
        if len(self.faults) == 1:
            raise UserError(self.faults[0])
        if self.faults:
            raise UserError("\n".join([f"{len(self.faults)} faults", *(f"- {fault}" for fault in self.faults)]))


def preflight(
    study: StudyConfig,
    nodes: Sequence[Node],
    layout: Layout,
    *,
    tokens: Layout | None = None,
    measured: Measure = measure,
    earlier: Mapping[str, Share] | None = None,
) -> Preflight:
    """Check data, resources, MLflow's store, weights, disk and a few steps of the most demanding trials.

    Ray must be up, as the steps run on it. No picture of the study is decoded but those of the steps. `tokens`: where
    tokenized texts are put (default: where the study's trials find them). `check_resources` is the part of it that
    takes no time. `earlier`: what trials were given before, on the same machines by the same config, so that nothing is
    tried again. UserError with every fault that was found.
    """
    checks = _Checks()
    checks.run(lambda: check_resources(study, nodes))
    checks.run(lambda: check_tracking(study.tracking.uri or layout.mlflow_database))
    splits = checks.run(lambda: read_data(study))
    if splits is None:
        checks.raise_faults()
    assert splits is not None  # noqa: S101  # no check failed
    pictures = checks.run(lambda: plan_pictures(study, splits, layout))
    networks = {name: checks.run(partial(largest_network, study, name, splits)) for name in study.modalities}
    known = {name: size for name, size in networks.items() if size is not None}
    probes = {} if earlier is not None else _probes(study, nodes, splits, list(known), checks, measured)
    gpu_bytes = smallest_gpu_bytes() if probes and any(node.gpus for node in nodes) else None
    results = {name: [probe.result for probe in found] for name, found in probes.items()}
    shares = dict(earlier) if earlier else checks.run(lambda: plan_cluster(study, nodes, results, gpu_bytes))
    whole = shares if len(known) == len(networks) else None
    disk = checks.run(lambda: check_disk(study, known, whole or {}, layout.folder), whole)
    cut = checks.run(lambda: cut_text_lines(study, splits, tokens or layout), networks.get(TEXT, 0))
    checks.raise_faults()
    assert shares is not None and pictures is not None and disk is not None  # noqa: S101, PT018
    seconds = {name: _seconds(study, name, found, shares[name], len(splits[VAL])) for name, found in probes.items()}
    lines = [f"{study.name}: {_data_text(splits)}"]
    for name, found in probes.items():
        lines += [f"{name}: {text}" for text in modality_texts(found, shares[name], gpu_bytes)]
        lines += notes_of(name, found)
    lines += [disk, *([pictures.line] if pictures.line else []), *(cut or [])]
    return Preflight(splits, known, probes, shares, pictures, seconds, tuple(lines))


def _probes(
    study: StudyConfig,
    nodes: Sequence[Node],
    splits: Mapping[str, Split],
    modalities: Sequence[str],
    checks: _Checks,
    measured: Measure,
) -> dict[str, list[Probe]]:
    """What was tried of each of these modalities, with the CPUs that a trial will have about."""
    try:
        rough = plan_cluster(study, nodes, {})
    except UserError:  # said by `check_resources` already, or to be said once it is known how many share a GPU
        rough = {name: Share(1, float(any(node.gpus for node in nodes)), 1) for name in study.modalities}
    found = {}
    for name in modalities:
        share = rough[name]
        probes = checks.run(partial(measured, study, name, splits, cpus=share.cpus, gpu=share.gpus > 0))
        if probes is not None:
            found[name] = probes
    return found


def _seconds(study: StudyConfig, modality: str, probes: Sequence[Probe], share: Share, val_samples: int) -> float:
    """By the steps of the section's own values."""
    section, own = study.section(modality), probes[0].result
    name, grace, factor = scheduler_of(section)
    return estimate(
        Work(
            trials=section.trial_count(),
            epochs=expected_epochs(name, section.max_epochs, grace, factor),
            steps_per_epoch=own.train_steps_per_epoch,
            step_seconds=own.step_seconds,
            val_samples=val_samples,
            evaluate_seconds_per_sample=own.evaluate_seconds_per_sample,
            at_once=share.concurrency,
            slowdown=slowdown(share.gpus, own.gpu_utilization),
        )
    )


def _data_text(splits: Mapping[str, Split]) -> str:
    train, val = splits[TRAIN], splits[VAL]
    return f"{len(train):,} train, {len(val):,} val, classes {', '.join(train.classes)}"


def modality_texts(probes: Sequence[Probe], share: Share, smallest_gpu: int | None) -> list[str]:
    """What a trial takes and gets, in words; and where a share of a GPU that the study sets is too small."""
    own, largest = probes[0].result, max(probes, key=lambda probe: probe.result.peak_bytes)
    memory, total = largest.result.peak_bytes, smallest_gpu or largest.result.total_bytes
    kind = "GPU" if share.gpus else "machine"
    each = f"{share.cpus} CPU{'' if share.cpus == 1 else 's'} and {share.gpus:g} GPUs each"
    texts = [
        f"{own.step_seconds:.3g} s a step; at most {human_bytes(memory)} of the {kind}'s {human_bytes(total)} "
        f"(with {largest.label})",
        f"{share.concurrency} trial{'' if share.concurrency == 1 else 's'} at once, {each}",
    ]
    if 0 < share.gpus < 1 and memory > share.gpus * MEMORY_SHARE * total:
        texts.append(
            f"trials may run out of memory: {share.gpus:g} of a GPU is {human_bytes(int(share.gpus * total))}, and one "
            f"takes up to {human_bytes(memory)}"
        )
    return texts


def total_seconds(found: Preflight) -> float:
    """Of the whole search: the modalities share the cluster, so that their times add up."""
    return sum(found.seconds.values())


def time_line(found: Preflight) -> str:
    """The estimated time in words."""
    each = ", ".join(f"{name} {human_seconds(seconds)}" for name, seconds in found.seconds.items())
    return f"Time: about {human_seconds(total_seconds(found))} ({each}) by the steps that were tried"
