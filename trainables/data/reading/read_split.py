"""A class-folder tree or a CSV -> one split."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.data.files import class_folders, listed, pictures_below, quoted
from trainables.data.reading.csv_table import read_csv
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import BUILT_IN, in_order, modality_of
from trainables.modality import Item

LABEL = "label"  # a CSV's column


@dataclass(frozen=True)
class _Row:
    """A sample before its class has a number, and where a person finds it."""

    id: str
    label: str
    items: Mapping[str, Item]  # by modality
    place: str


def read_split(source: Path, *, classes: Sequence[str] | None = None, modalities: Sequence[str] = BUILT_IN) -> Split:
    """The samples of a class-folder tree (`<Class>/*.jpg`) or of a CSV file (`text,label[,image]`).

    Every sample must have an item of each of `modalities`; of the built-in ones the others are read where they are
    there. Without `classes` (train) the classes found are the classes, sorted; with them (val, test) no other class may
    occur, while one of them may be missing. In a tree, sub-folders of a class count to it, and a sample's text is its
    file name without the ending. In a CSV, `image` is relative to the CSV's folder; spaces around a label don't count.

    Raises:
        UserError: the source is missing, empty or damaged; a class is unknown or has no picture (train), or fewer than
            two are found (train); a sample lacks an item of one of `modalities`.
    """
    if source.is_dir():
        rows = _tree_rows(source, classes, modalities)
    elif source.is_file():
        rows = _csv_rows(source, modalities)
    else:
        raise UserError(
            f"A split must be a folder of class folders or a CSV file, but {source} doesn't exist. "
            f"Check the path; a relative one starts here: {Path.cwd()}."
        )
    if not rows:
        raise UserError(f"A split needs samples, but {source} has none. Expected: `<Class>/*.jpg`, or a CSV with rows.")
    _check_items(rows, modalities, source)
    known = tuple(classes) if classes is not None else _found_classes(rows, source)
    return _table(rows, known, source)


def _check_items(rows: Sequence[_Row], modalities: Sequence[str], source: Path) -> None:
    for name in modalities:
        empty = [row.place for row in rows if row.items[name] is None or modality_of(name).is_empty(row.items[name])]
        if empty:
            raise UserError(
                f"With {name} among the modalities, every sample needs its {name}, but in {source} these have none:\n"
                f"{listed(empty)}\nGive each of them one, or remove them."
            )


def _found_classes(rows: Sequence[_Row], source: Path) -> tuple[str, ...]:
    found = tuple(sorted({row.label for row in rows}))
    if len(found) < 2:
        raise UserError(
            f"At least two classes are needed, but {source} has {quoted(found)} alone. Is it the right folder or file?"
        )
    return found


def _table(rows: Sequence[_Row], classes: tuple[str, ...], source: Path) -> Split:
    place = {name: number for number, name in enumerate(classes)}
    unknown = [f'"{row.label}" ({row.place})' for row in rows if row.label not in place]
    if unknown:
        raise UserError(
            f"Every class must be one of train's ({quoted(classes)}), but {source} has others:\n{listed(unknown)}\n"
            "Correct the label, or add samples of this class to train."
        )
    return Split(
        ids=tuple(row.id for row in rows),
        labels=np.array([place[row.label] for row in rows], dtype=np.int64),
        classes=classes,
        inputs={name: tuple(row.items[name] for row in rows) for name in rows[0].items},
    )


def _wanted(modalities: Sequence[str]) -> list[str]:
    return in_order({*BUILT_IN, *modalities})


def _tree_rows(source: Path, classes: Sequence[str] | None, modalities: Sequence[str]) -> list[_Row]:
    root = source.resolve()
    folders = class_folders(root)
    if classes is not None and (unknown := sorted(set(folders) - set(classes))):
        raise UserError(
            f"Every class must be one of train's ({quoted(classes)}), but {source} has also the folders "
            f"{quoted(unknown)}. "
            "Rename or remove them, or add samples of this class to train."
        )
    pictures = {name: pictures_below(folder, root) for name, folder in folders.items()}
    empty = [name for name, paths in pictures.items() if not paths]
    if classes is None and empty and len(empty) < len(folders):
        raise UserError(
            f"Every class of train needs pictures, but in {source} these folders have none: {quoted(empty)}. "
            "Add pictures, or remove the folder."
        )
    wanted = _wanted(modalities)
    rows = [_tree_row(path, name, root, wanted) for name, paths in pictures.items() for path in paths]
    return sorted(rows, key=lambda row: row.id)


def _tree_row(path: Path, label: str, root: Path, wanted: Sequence[str]) -> _Row:
    items = {name: modality_of(name).from_file(path) for name in wanted}
    return _Row(id=path.relative_to(root).as_posix(), label=label, items=items, place=str(path))


def _csv_rows(source: Path, modalities: Sequence[str]) -> list[_Row]:
    header, table = read_csv(source)
    _check_header(source, header, [LABEL, *(modality_of(name).column for name in modalities)])
    columns = {name: modality_of(name).column for name in _wanted(modalities)}
    ids = _naming_column(columns, header)
    root = source.parent.resolve()
    faults: list[str] = []
    rows: list[_Row] = []
    for number, (line, values) in enumerate(table, start=1):
        cells = dict(zip(header, values, strict=True))
        sample_id = posixpath.normpath(cells[ids]) if ids else f"row-{number}"
        try:
            rows.append(_csv_row(cells, columns, sample_id, f"line {line}", root))
        except ValueError as fault:
            faults.append(f"line {line}: {fault}")
    faults += [f'"{one}": {n} rows name this sample' for one, n in Counter(row.id for row in rows).items() if n > 1]
    if faults:
        raise UserError(
            f"Every row of {source} needs a label and, in each column of a modality, an item of its own (a picture "
            f"within {root}), but:\n{listed(faults)}\nCorrect these rows."
        )
    return sorted(rows, key=lambda row: row.id) if ids else rows


def _check_header(source: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [column for column in wanted if column not in header]
    if missing:
        raise UserError(
            f"The CSV {source} must have the columns {quoted(wanted)}, but {quoted(missing)} is missing. "
            f"It has {quoted(header)}. Add it, or leave it out of the study's modalities."
        )


def _naming_column(columns: Mapping[str, str], header: Sequence[str]) -> str | None:
    """The column whose cells are the samples' ids; None where rows are numbered."""
    naming = (column for name, column in columns.items() if modality_of(name).names_samples)
    return next((column for column in naming if column in header), None)


def _csv_row(cells: Mapping[str, str], columns: Mapping[str, str], sample_id: str, place: str, root: Path) -> _Row:
    """ValueError with the fault where a cell can't be read."""
    label = cells[LABEL].strip()
    if not label:
        raise ValueError("the label is empty")
    items = {
        name: modality_of(name).from_cell(cells[column], root) if column in cells else None
        for name, column in columns.items()
    }
    return _Row(sample_id, label, items, place)
