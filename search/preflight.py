"""What can be known before the first trial: data, weights, resources. Nothing is half-started on a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console

from search.bars import progress_bar
from search.caches import list_caches
from search.layout import Layout
from search.progress import human_bytes
from search.sections import SearchedSection
from search.space import Choice
from search.study import StudyConfig
from trainables.data.cache import bytes_to_build, cache_bytes, cache_key, decoded_pictures, is_cached
from trainables.data.decoders import usable_cpus
from trainables.data.digests import content_digest, file_digests
from trainables.data.disk import free_bytes, has_room
from trainables.data.pictures import Decode, Fit
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


@dataclass(frozen=True)
class TrialPictures:
    """How trials come by their pictures."""

    decode: Decode
    content: Mapping[str, str] | None = None  # by split: its pictures' content digest; None where they are streamed


@dataclass(frozen=True)
class _Wanted:
    """One cache that trials need: the pictures of a split at one size and fit."""

    split: str
    paths: Sequence[Path]
    size: int
    fit: Fit

    def key(self, content: Mapping[str, str], pixel_limit: int) -> str:
        """Its name."""
        return cache_key(content[self.split], size=self.size, fit=self.fit, pixel_limit=pixel_limit)


def decode_pictures(study: StudyConfig, splits: Mapping[str, Split], layout: Layout, console: Console) -> TrialPictures:
    """Decode every picture once, at each size and fit that the space has, so that trials find them ready.

    Where the study says so, or by itself where the disk lacks room, nothing is decoded: trials stream.
    Raises UserError where a picture can't be read, or the study wants a cache that doesn't fit.
    """
    if IMAGE not in study.modalities or study.data.decode == "stream":
        return TrialPictures("stream")
    paths = {name: [path for path in split.images if path is not None] for name, split in splits.items()}
    shapes = product(_values(study.image, "size"), _values(study.image, "fit"))
    wanted = [_Wanted(name, paths[name], size, fit) for size, fit in shapes for name in splits]
    if study.data.decode == "auto" and not _may_fit(wanted, layout):
        return _stream(wanted, layout, console)
    content = _content(paths, layout)
    missing = [one for one in wanted if not is_cached(layout.cache, one.key(content, study.data.pixel_limit))]
    needed = sum(_bytes_to_build(one, content, study, layout) for one in missing)
    if study.data.decode == "auto" and not has_room(layout.cache, needed):
        return _stream(missing, layout, console)
    if needed > free_bytes(layout.cache):
        raise UserError(
            f"With data.decode: cache the decoded pictures must fit the disk, but they need {human_bytes(needed)} and "
            f"{layout.cache} has {human_bytes(free_bytes(layout.cache))} free: free some room (`binwise cache list` "
            "shows what the caches take), search fewer sizes and fits, or set data.decode to stream."
        )
    if missing:
        console.print(f"Decoding {_described(missing, layout)}", highlight=False, markup=False, soft_wrap=True)
        _decode(missing, content, study.data.pixel_limit, layout)
    return TrialPictures(study.data.decode, content)


def _decode(missing: Sequence[_Wanted], content: Mapping[str, str], pixel_limit: int, layout: Layout) -> None:
    """One bar over all of them."""
    total, before = sum(len(one.paths) for one in missing), 0
    with progress_bar("Decoding") as tell:
        for one in missing:
            decoded_pictures(
                one.paths,
                size=one.size,
                fit=one.fit,
                pixel_limit=pixel_limit,
                folder=layout.cache,
                content=content[one.split],
                workers=usable_cpus(),
                progress=lambda done, _, before=before: tell(before + done, total),  # type: ignore[misc]
            )
            before += len(one.paths)


def _content(paths: Mapping[str, Sequence[Path]], layout: Layout) -> dict[str, str]:
    """Each split's content digest."""
    with progress_bar("Reading") as tell:
        return {name: content_digest(file_digests(own, layout.cache, tell)) for name, own in paths.items()}


def _bytes_to_build(one: _Wanted, content: Mapping[str, str], study: StudyConfig, layout: Layout) -> int:
    return bytes_to_build(layout.cache, one.key(content, study.data.pixel_limit), len(one.paths), one.size)


def _may_fit(wanted: Sequence[_Wanted], layout: Layout) -> bool:
    """False where it is clear, before any picture is read, that the caches don't fit, whatever is there already."""
    cached = sum(entry.bytes for entry in list_caches(layout.cache_root))
    return has_room(layout.cache, max(0, _all_bytes(wanted) - cached))


def _stream(wanted: Sequence[_Wanted], layout: Layout, console: Console) -> TrialPictures:
    text = f"Streaming, as the disk lacks room to decode {_described(wanted, layout)}. Each epoch decodes them anew."
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    return TrialPictures("stream")


def _described(wanted: Sequence[_Wanted], layout: Layout) -> str:
    """`13,505 pictures to 224 px (pad): 2.0 GB in mlruns/cache/pictures, 66 GB free`."""
    pictures = sum({one.split: len(one.paths) for one in wanted}.values())
    sizes = ", ".join(map(str, sorted({one.size for one in wanted})))
    fits = ", ".join(sorted({one.fit for one in wanted}))
    place = layout.cache.relative_to(Path.cwd()) if layout.cache.is_relative_to(Path.cwd()) else layout.cache
    room = f"{human_bytes(_all_bytes(wanted))} in {place}, {human_bytes(free_bytes(layout.cache))} free"
    return f"{pictures:,} pictures to {sizes} px ({fits}): {room}"


def _all_bytes(wanted: Sequence[_Wanted]) -> int:
    return sum(cache_bytes(len(one.paths), one.size) for one in wanted)


def check_all_weights(study: StudyConfig, splits: Mapping[str, Split]) -> dict[str, int]:
    """Build each backbone, with each kind of weights, that the space or a point names, for the longest texts.

    Returns each modality's largest network in bytes.
    Raises UserError where weights can't be had, or a backbone can't take the pictures' size or the texts' length.
    """
    from trainables.build import check_weights

    largest = dict.fromkeys(study.modalities, 0)
    for modality in study.modalities:
        if modality == IMAGE:
            _check_picture_sizes(study)
        seen: list[tuple[Any, ...]] = []
        for config in _configs(study, modality, ("backbone", "weights")):
            key = (config["backbone"], config["weights"], config.get("max_length"))
            if key not in seen:
                seen.append(key)
                largest[modality] = max(largest[modality], check_weights(modality, config, splits[TRAIN]))
    return largest


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
