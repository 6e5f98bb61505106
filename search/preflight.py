"""What can be known before the first trial: data, weights, resources. Nothing is half-started on a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from search.layout import Layout
from search.sections import SearchedSection
from search.space import Choice
from search.study import StudyConfig
from trainables.data.samples import Split, check_pairs, read_split
from trainables.records import IMAGE, TEXT, TRAIN, VAL, UserError

CPU_TRIALS = 4  # without GPUs, trials at once by default: more of them than this starve each other of memory


def read_data(study: StudyConfig) -> dict[str, Split]:
    """Train and val as tables. The test split isn't looked at. Raises UserError."""
    read = partial(read_split, need_images=IMAGE in study.modalities, need_texts=TEXT in study.modalities)
    train = read(study.data.train)
    val = read(study.data.val, classes=train.classes)
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
    """Build each backbone, with each kind of weights, that the space or a point names, for the longest texts.

    Raises UserError where weights can't be had, or a backbone can't take the pictures' size or the texts' length.
    """
    from trainables.build import check_weights

    for modality in study.modalities:
        if modality == IMAGE:
            _check_picture_sizes(study)
        seen: list[tuple[Any, ...]] = []
        for config in _configs(study, modality, ("backbone", "weights")):
            key = (config["backbone"], config["weights"], config.get("max_length"))
            if key not in seen:
                seen.append(key)
                check_weights(modality, config, splits[TRAIN])


def _check_picture_sizes(study: StudyConfig) -> None:
    from trainables.build import check_picture_size

    pairs = [(config["backbone"], config["size"], config) for config in _configs(study, IMAGE, ("backbone", "size"))]
    for config in {(backbone, size): config for backbone, size, config in pairs}.values():
        check_picture_size(config)


def _configs(study: StudyConfig, modality: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The trials of the fixed points, and the section's own values with every choice of `keys` that the space has.

    The latter with the largest `max_length` of the space.
    """
    section = study.section(modality)
    own = section.fixed()
    if modality == TEXT:
        own["max_length"] = max(_values(section, "max_length", points=False))
    choices = product(*(_values(section, key, points=False) for key in keys))
    chosen = [{**own, **dict(zip(keys, values, strict=True))} for values in choices]
    return [*(dict(point.values) for point in study.first_points(modality)), *chosen]


def cut_text_lines(study: StudyConfig, splits: Mapping[str, Split], layout: Layout) -> list[str]:
    """A line for each split that has texts longer than `max_length`: the section's own, and the space's smallest."""
    from trainables.build import DataAccess, count_cut_texts

    if TEXT not in study.modalities:
        return []
    own = study.section(TEXT).fixed()
    data = DataAccess(splits, layout.cache, study.data.pixel_limit)
    lines = []
    for length in sorted({own["max_length"], min(_values(study.section(TEXT), "max_length"))}):
        cut = count_cut_texts({**own, "max_length": length}, data)
        lines += [
            f"{TEXT}: {count:,} of {len(splits[name]):,} {name} texts are longer than {length} tokens and are cut"
            for name, count in cut.items()
            if count
        ]
    return lines


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
    gpus = float(any(node.gpus for node in nodes)) if wanted.gpus == "auto" else float(wanted.gpus)
    if gpus > 1 and not gpus.is_integer():
        raise UserError(
            f"A trial can share a GPU or have whole ones, but {modality}.search.resources.gpus is {gpus:g}: take a "
            f"number up to 1, or a whole one."
        )
    _check_fits(modality, "gpus", gpus, [node.gpus for node in nodes])
    hosts = [node for node in nodes if node.gpus >= gpus]
    at_once = _concurrency(section, gpus, hosts)
    if wanted.cpus == "auto":
        shared = int(sum(node.cpus for node in hosts) // at_once)
        cpus = max(min(shared, int(max(node.cpus for node in hosts))), 1)
    else:
        cpus = int(wanted.cpus)
    _check_fits(modality, "cpus", cpus, [node.cpus for node in hosts])
    fits = sum(int(min(node.cpus // cpus, _gpu_places(node, gpus))) for node in hosts)
    if search.concurrency != "auto" and at_once > fits:
        raise UserError(
            f"Trials at once must fit the cluster, but {modality}.search.concurrency is {at_once} with {cpus} CPUs and "
            f"{gpus:g} GPUs each, and {fits} fit: lower it, or leave it at auto."
        )
    return Share(cpus, gpus, min(at_once, fits))


def _check_fits(modality: str, key: str, need: float, have: list[float]) -> None:
    """UserError where no machine has what one trial needs; `have`: what each of those in question has."""
    if need > max(have):
        raise UserError(
            f"A trial must fit one machine, but {modality}.search.resources.{key} is {need:g}, and the largest of "
            f"{len(have)} machine{'' if len(have) == 1 else 's'}{' with enough GPUs' if key == 'cpus' else ''} has "
            f"{max(have):g}: lower it, or leave it at auto."
        )


def _gpu_places(node: Node, gpus: float) -> float:
    """How many trials a machine's GPUs hold; a share of a GPU lies on one GPU."""
    if gpus == 0:
        return float("inf")
    return node.gpus * int(1 / gpus + 1e-9) if gpus < 1 else node.gpus // gpus


def _concurrency(section: SearchedSection, gpus: float, hosts: list[Node]) -> int:
    search = section.search
    if search.concurrency != "auto":
        return int(search.concurrency)
    room = sum(_gpu_places(node, gpus) for node in hosts) if gpus > 0 else CPU_TRIALS
    cpus = 1 if search.resources.cpus == "auto" else int(search.resources.cpus)
    return max(1, min(int(room), sum(int(node.cpus // cpus) for node in hosts), section.trial_count()))
