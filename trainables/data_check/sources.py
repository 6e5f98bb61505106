"""The splits that are to be checked: found in a folder, and read as far as they can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from trainables.data.check.findings import ALL, Finding, Place
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split, check_pairs
from trainables.data_check.loosely import loosely_read
from trainables.errors import UserError
from trainables.names import TEST, TRAIN, VAL

_DEFAULTS = ReadOptions()
# What the last word of a split's folder or CSV may be: `Train`, `final_dataset_Val`, `testing.csv`.
_SPLIT_WORDS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "dev": VAL,
    "test": TEST,
    "testing": TEST,
}


@dataclass(frozen=True)
class ReadSplits:
    """What could be read, with one order of classes for all splits, and what couldn't."""

    splits: Mapping[str, Split]  # by name; those that can't be read at all are missing
    findings: tuple[Finding, ...]


def splits_in(folder: Path) -> dict[str, Path]:
    """The splits that a folder holds, by name: folders or CSVs called Train, Val or Test; else the folder, as `all`.

    They count as splits where there is a train and another one, so that a class may be called `train`.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):  # folders before CSVs
        if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() == ".csv"):
            split = _SPLIT_WORDS.get(re.split(r"[\W_]+", path.stem.casefold())[-1])
            if split is not None:
                found.setdefault(split, path)
    if TRAIN in found and len(found) > 1:
        return {name: found[name] for name in (TRAIN, VAL, TEST) if name in found}
    return {ALL: folder}


def read_splits(sources: Mapping[str, Path], modalities: Sequence[str], options: ReadOptions = _DEFAULTS) -> ReadSplits:
    """Every split, as far as it can be read: what stops a study is a finding, and the rest is read nevertheless."""
    findings: list[Finding] = []
    read: dict[str, Split] = {}
    classes: tuple[str, ...] | None = None
    for name, source in sources.items():
        split = _read(name, partial(read_split, source, options=options), classes, modalities, findings)
        if split is None and source.is_dir():
            split = loosely_read(source)
        if split is not None:
            read[name] = split
            classes = classes or split.classes
    known = _all_classes(read.values())
    splits = {name: _renumbered(split, known) for name, split in read.items()}
    findings += _shared_file(splits)
    return ReadSplits(splits, tuple(findings))


def _read(
    name: str,
    read: Callable[..., Split],
    classes: Sequence[str] | None,
    modalities: Sequence[str],
    findings: list[Finding],
) -> Split | None:
    """The split, read ever less strictly: as a study would, without required inputs, with classes of its own."""
    for known, wanted in ((classes, modalities), (classes, ()), (None, ())):
        try:
            return read(classes=known, modalities=wanted)
        except UserError as error:
            finding = fault_finding("unreadable-split", error, name)
            if finding.title not in [one.title for one in findings]:
                findings.append(finding)
    return None


def fault_finding(kind: str, error: UserError, split: str = "") -> Finding:
    """What stops a study as a finding: the rule, the places that the message lists, and what to do."""
    lines = str(error).splitlines()
    listed = [number for number, line in enumerate(lines) if line.startswith("  ")]
    if not listed:
        title, _, remedy = str(error).partition(". ")
        return Finding(kind, "error", f"{title.rstrip('.')}.", remedy)
    places = tuple(Place(lines[number].strip(), split=split) for number in listed)
    head, tail = lines[: listed[0]], lines[listed[-1] + 1 :]
    return Finding(kind, "error", " ".join(head), " ".join(tail), places)


def _all_classes(splits: Iterable[Split]) -> tuple[str, ...]:
    """Every class of every split, train's order first."""
    return tuple(dict.fromkeys(label for split in splits for label in split.classes))


def _renumbered(split: Split, classes: tuple[str, ...]) -> Split:
    numbers = np.array([classes.index(label) for label in split.classes], dtype=np.int64)
    return replace(split, classes=classes, labels=numbers[split.labels])


def _shared_file(splits: Mapping[str, Split]) -> list[Finding]:
    """A file in train and in val, which a study refuses."""
    if TRAIN in splits and VAL in splits:
        try:
            check_pairs(splits[TRAIN], splits[VAL])
        except UserError as error:
            return [fault_finding("file-in-two-splits", error, VAL)]
    return []
