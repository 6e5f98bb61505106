"""Train and val dealt anew, so that val is as far from train as test is: two CSVs beside links to the pictures."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from threadpoolctl import threadpool_limits

from trainables.data.check.shortcuts import sample_names
from trainables.data.files import copy_file, new_folder, quoted
from trainables.data.making.like_test import LikeTest, choose_like_test
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.names import IMAGE_COLUMN, LABEL_COLUMN, TEXT_COLUMN, TRAIN, VAL

PICTURES = "pictures"  # the folder of links
FEWEST = 60  # samples of train and val together, and half as many of test


@dataclass(frozen=True)
class ResplitReport:
    """What was written: samples by split and class, how they were chosen, and how many pictures had to be copied."""

    destination: Path
    counts: dict[str, dict[str, int]]
    chosen: LikeTest
    copied: int  # where the file system takes no hard links


def resplit_like_test(
    train: Split, val: Split, test_names: Sequence[str], destination: Path, *, share: float | None = None, seed: int = 0
) -> ResplitReport:
    """Write `destination/train.csv` and `val.csv`: train's and val's samples, dealt anew; no file of theirs is touched.

    Of test the names alone are given, so that none of its labels can have a part in it. `share` of the samples become
    val (default: as many as there were). Pictures are hard links in `destination/pictures`, or copies where there can
    be none.

    Raises UserError where there are too few samples, the destination isn't free, or a modality is neither text nor
    image.
    """
    asked = len(val) / (len(train) + len(val)) if share is None else share
    _check(train, val, test_names, asked)
    names = [*sample_names(train), *sample_names(val)]
    labels = np.concatenate([train.labels, val.labels])
    was_val = np.arange(len(names)) >= len(train)
    with threadpool_limits(limits=1, user_api="blas"):  # many small fits
        chosen = choose_like_test(names, labels, was_val, test_names, share=asked, seed=seed)
    samples = [*_samples(train, TRAIN), *_samples(val, VAL)]
    counts, copied = {}, 0
    with new_folder(destination) as folder:
        for name, wanted in ((TRAIN, ~chosen.in_val), (VAL, chosen.in_val)):
            rows = np.flatnonzero(wanted)
            copied += _write(folder, name, [samples[row] for row in rows])
            held = np.bincount(labels[rows], minlength=len(train.classes))
            counts[name] = dict(zip(train.classes, held.tolist(), strict=True))
    return ResplitReport(destination, counts, chosen, copied)


@dataclass(frozen=True)
class _Sample:
    text: str | None
    label: str
    picture: Path | None
    link: str  # where its picture lies below the new folder


def _samples(split: Split, name: str) -> list[_Sample]:
    nothing = (None,) * len(split)
    texts, pictures = split.inputs.get(TEXT_COLUMN, nothing), split.inputs.get(IMAGE_COLUMN, nothing)
    return [
        _Sample(text, label, picture, f"{PICTURES}/{name}/{_inside(sample_id, row)}")
        for row, (sample_id, text, label, picture) in enumerate(
            zip(split.ids, texts, split.label_names, pictures, strict=True)
        )
    ]


def _inside(sample_id: str, row: int) -> str:
    """The sample's id as a path within a folder; a number before its name where it would lead out."""
    path = PurePosixPath(sample_id)
    return f"{row}_{path.name}" if path.is_absolute() or ".." in path.parts else sample_id


def _write(folder: Path, name: str, samples: Sequence[_Sample]) -> int:
    """One split's CSV and its pictures; how many of them had to be copied."""
    has_text = any(sample.text is not None for sample in samples)
    has_picture = any(sample.picture is not None for sample in samples)
    columns = [*([TEXT_COLUMN] if has_text else []), LABEL_COLUMN, *([IMAGE_COLUMN] if has_picture else [])]
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        rows = ({TEXT_COLUMN: one.text, LABEL_COLUMN: one.label, IMAGE_COLUMN: one.link} for one in samples)
        writer.writerows(rows)
    pairs = [(one.picture, folder / one.link) for one in samples if one.picture is not None]
    return sum(not _linked(picture, place) for picture, place in pairs)


def _linked(picture: Path, place: Path) -> bool:
    """Put a picture there, as a link where that can be."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(picture.resolve(), place)
    except OSError:  # another file system, or one without links
        copy_file(picture, place)
        return False
    return True


def _check(train: Split, val: Split, test_names: Sequence[str], share: float) -> None:
    if not 0 < share < 1:
        raise UserError(f"`0 < val < 1` must hold, a share of train and val together, but got val={share}.")
    count = len(train) + len(val)
    if count < FEWEST or len(test_names) < FEWEST / 2:
        raise UserError(
            f"A val like test is chosen by names, and needs {FEWEST} samples of train and val and {FEWEST // 2} of "
            f"test, but got {count} and {len(test_names)}."
        )
    if others := sorted({*train.inputs, *val.inputs} - {TEXT_COLUMN, IMAGE_COLUMN}):
        raise UserError(f"Texts and pictures can be dealt anew, but the data have {quoted(others)}, too.")
