"""A class-folder tree or a CSV -> one split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from trainables.data.files import listed, quoted
from trainables.data.reading.csv_rows import csv_samples
from trainables.data.reading.labels import (
    natural_order,
    several_fault,
    several_in_one,
    shown_label,
    twin_fault,
    twin_groups,
)
from trainables.data.reading.leave_out import source_key, without
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.table import Table
from trainables.data.reading.tree_rows import tree_samples
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import BUILT_IN, modality_of
from trainables.words import one_line


def read_split(
    source: Path,
    *,
    classes: Sequence[str] | None = None,
    modalities: Sequence[str] = BUILT_IN,
    options: ReadOptions | None = None,
) -> Split:
    """The samples of a class-folder tree (`<Class>/*.jpg`) or of a CSV file (`text,label[,image]`).

    Every sample must have an item of each of `modalities`; of the built-in ones the others are read where they are
    there. Without `classes` (train) the classes found are the classes, in natural order; with them (val, test, a begun
    study's train) no other class may occur, while one of them may be missing. In a tree, sub-folders of a class count
    to it, and a sample's text is its file name without the ending, or what the text file beside it says. In a CSV,
    `image` is relative to the CSV's folder or `options.image_root`; spaces around a label don't count; rows that share
    a picture and a label are one sample with several captions. What `options.leave_out` names isn't taken. What became
    of each file or line is the split's `account`.

    Raises:
        UserError: the source is missing, empty, damaged or of another shape; something in it is out of reach; a class
            is unknown or has no picture (train), has two spellings, or fewer than two are found (train); a label names
            several classes; a sample lacks an item of one of `modalities`.
    """
    options = options or ReadOptions()
    if source.is_dir():
        table = tree_samples(source, classes, modalities, options)
    elif source.is_file():
        table = csv_samples(source, modalities, options)
    else:
        raise UserError(
            f"A split must be a folder of class folders or a CSV file, but {one_line(str(source))} doesn't exist. "
            f"Check the path; a relative one starts here: {Path.cwd()}."
        )
    if left := options.leave_out.get(source_key(source)):
        table = without(table, left)
    if not table.ids:
        raise UserError(f"A split needs samples, but {source} has none. Expected: `<Class>/*.jpg`, or a CSV with rows.")
    _check_items(table, modalities, source)
    return _split(table, _checked_classes(table, classes, source))


def _check_items(table: Table, modalities: Sequence[str], source: Path) -> None:
    for name in modalities:
        is_empty = modality_of(name).is_empty
        empty = [table.place(row) for row, item in enumerate(table.items[name]) if item is None or is_empty(item)]
        if empty:
            raise UserError(
                f"With {name} among the modalities, every sample needs its {name}, but in {source} these have none:\n"
                f"{listed(empty)}\nGive each of them one, or remove them."
            )


def _checked_classes(table: Table, classes: Sequence[str] | None, source: Path) -> tuple[str, ...]:
    """The split's classes. UserError about labels that no class can be made of."""
    counts = Counter(table.labels)
    _refuse_odd(source, counts, classes or ())
    if classes is None:
        if len(counts) < 2:
            raise UserError(
                f"At least two classes are needed, but {source} has {quoted(sorted(counts))} alone. "
                "Is it the right folder or file?"
            )
        return tuple(natural_order(counts))
    if unknown := set(counts) - set(classes):
        raise UserError(
            f"Every class must be one of train's ({quoted(classes)}), but {source} has others:\n"
            f"{listed([_where(label, table, counts[label]) for label in natural_order(unknown)])}\n"
            "Correct the label, or add samples of this class to train."
        )
    return tuple(classes)


def _where(label: str, table: Table, count: int) -> str:
    """`"Blau" (line 7)`, `"Blau" (12 samples, the first: line 7)`."""
    first = table.place(table.labels.index(label))
    return f"{shown_label(label)} ({first if count == 1 else f'{count:,} samples, the first: {first}'})"


def _refuse_odd(source: Path, counts: Mapping[str, int], known: Sequence[str]) -> None:
    """UserError where a class has two spellings, or a label several classes; those in `known` were taken before."""
    if twins := twin_groups(counts, known):
        raise UserError(twin_fault(source, twins, counts))
    new = [label for label in counts if label not in known]
    if several := several_in_one(new, known or counts):
        raise UserError(several_fault(source, several, counts))


def _split(table: Table, classes: tuple[str, ...]) -> Split:
    place = {name: number for number, name in enumerate(classes)}
    return Split(
        ids=tuple(table.ids),
        labels=np.fromiter((place[label] for label in table.labels), dtype=np.int64, count=len(table.labels)),
        classes=classes,
        inputs={name: tuple(items) for name, items in table.items.items()},
        account=table.account,
    )
