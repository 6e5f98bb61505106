"""What can be known before the first trial: data, weights, resources. Nothing is half-started on a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.layout import Layout
from search.sections import SearchedSection
from search.space import Choice
from search.study import StudyConfig
from trainables.data.samples import Split, check_pairs, read_split
from trainables.records import IMAGE, TRAIN, VAL, UserError

CPU_TRIALS = 4  # without GPUs, trials at once by default: more of them than this starve each other of memory


def read_data(study: StudyConfig) -> dict[str, Split]:
    """Train and val as tables. The test split isn't looked at. Raises UserError."""
    need_images = IMAGE in study.modalities
    train = read_split(study.data.train, need_images=need_images)
    val = read_split(study.data.val, classes=train.classes, need_images=need_images)
    check_pairs(train, val)
    return {TRAIN: train, VAL: val}


def decode_pictures(study: StudyConfig, splits: Mapping[str, Split], layout: Layout) -> None:
    """Decode every picture once, at each size and fit that the space has, so that trials find them ready.

    Raises UserError where one can't be read.
    """
    from trainables.data.cache import decoded_pictures

    if IMAGE not in study.modalities:
        return
    for size in _values(study.image, "size"):
        for fit in _values(study.image, "fit"):
            for split in splits.values():
                decoded_pictures(split, size=size, fit=fit, pixel_limit=study.data.pixel_limit, folder=layout.cache)


def check_all_weights(study: StudyConfig, splits: Mapping[str, Split]) -> None:
    """Build each backbone that the space or a point names. Raises UserError where weights can't be had."""
    from trainables.build import check_weights

    for modality in study.modalities:
        section = study.section(modality)
        configs = [point.values for point in study.first_points(modality)]
        configs += [{**section.fixed(), "backbone": name} for name in _values(section, "backbone", points=False)]
        seen: list[tuple[Any, Any]] = []
        for config in configs:
            key = (config["backbone"], config["weights"])
            if key not in seen:
                seen.append(key)
                check_weights(modality, config, splits[TRAIN])


def _values(section: SearchedSection, key: str, *, points: bool = True) -> list[Any]:
    """Every value that a trial may have for `key`, with or without those of the fixed points."""
    dimension = section.search.space.get(key)
    own = section.fixed()[key]
    pointed = [point[key] for point in section.search.points if key in point and points]
    if dimension is None:
        found = [own]
    elif isinstance(dimension, Choice):
        found = list(dimension.choices)
    else:
        found = list(range(int(dimension.low), int(dimension.high) + 1, int(dimension.step or 1)))
    return list(dict.fromkeys([*found, *pointed]))


@dataclass(frozen=True)
class Share:
    """What each trial of a search gets, and how many run at once."""

    cpus: int
    gpus: float
    concurrency: int


@dataclass(frozen=True)
class Node:
    """One machine of the cluster."""

    cpus: float
    gpus: float


def plan_resources(modality: str, section: SearchedSection, nodes: list[Node]) -> Share:
    """Turn `auto` into numbers and check that a trial fits one node. Raises UserError, naming what exists."""
    wanted, search = section.search.resources, section.search
    all_cpus, all_gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    gpus = float(min(1.0, all_gpus)) if wanted.gpus == "auto" else float(wanted.gpus)
    at_once = _concurrency(section, gpus, all_gpus, all_cpus)
    cpus = max(int(all_cpus // at_once), 1) if wanted.cpus == "auto" else int(wanted.cpus)
    if wanted.cpus == "auto":
        cpus = min(cpus, int(max(node.cpus for node in nodes)))
    for key, need, have in (("cpus", cpus, [n.cpus for n in nodes]), ("gpus", gpus, [n.gpus for n in nodes])):
        if need > max(have):
            raise UserError(
                f"A trial must fit one machine, but {modality}.search.resources.{key} is {need:g}, and the largest "
                f"machine has {max(have):g} (there {'is' if len(have) == 1 else 'are'} {len(have)}): lower it, or "
                f"leave it at auto."
            )
    fits = sum(_trials_on(node, cpus, gpus) for node in nodes)
    if search.concurrency != "auto" and at_once > fits:
        raise UserError(
            f"Trials at once must fit the cluster, but {modality}.search.concurrency is {at_once} with {cpus} CPUs and "
            f"{gpus:g} GPUs each, and {fits} fit: lower it, or leave it at auto."
        )
    return Share(cpus, gpus, min(at_once, fits))


def _trials_on(node: Node, cpus: int, gpus: float) -> int:
    by_gpu = node.gpus / gpus if gpus > 0 else float("inf")
    return int(min(node.cpus // cpus, by_gpu))


def _concurrency(section: SearchedSection, gpus: float, all_gpus: float, all_cpus: float) -> int:
    search = section.search
    if search.concurrency != "auto":
        return int(search.concurrency)
    room = all_gpus / gpus if gpus > 0 else CPU_TRIALS
    cpus = 1 if search.resources.cpus == "auto" else int(search.resources.cpus)
    return max(1, min(int(room), int(all_cpus // cpus), section.trial_count()))
