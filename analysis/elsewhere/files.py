"""One file of predictions or labels, as others write them: npz, npy or CSV, and never a pickle."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.data.files import quoted
from trainables.errors import UserError

ENDINGS = (".npz", ".npy", ".csv")
ID_COLUMN, LABEL_COLUMN = "id", "label"  # of a CSV; every other column is a class
LOGITS, PROBABILITIES = "logits", "probabilities"  # an npz has one of them
IDS, LABELS, CLASSES = "ids", "labels", "classes"  # ... and may have these


@dataclass(frozen=True)
class Table:
    """What one file says, as it stands there."""

    path: Path
    values: NDArray[np.float64] | None  # (N, C), rows of NaN where a sample lacks the modality; None: labels alone
    probabilities: bool = False  # whether it says that its values are such
    ids: tuple[str, ...] | None = None  # (N,)
    classes: tuple[str, ...] | None = None  # (C,)
    labels: tuple[str, ...] | None = None  # (N,) names of classes, or their indices


def table_of(name: str, given: Path | ArrayLike) -> Table:
    """The predictions of a modality: a file's, or the values (N, C) themselves. Raises UserError as `read_table`."""
    if isinstance(given, str | Path):
        return read_table(Path(given))
    values = np.asarray(given)
    return _checked(Table(Path(name), _numbers(values) if values.dtype.kind in "fiu" else None))


def labels_of(given: Path | ArrayLike) -> Table:
    """Labels: a file's, or the names or indices (N,) themselves. Raises UserError as `read_labels`."""
    if isinstance(given, str | Path):
        return read_labels(Path(given))
    try:
        return Table(Path("labels"), None, labels=_texts(np.asarray(given)))
    except ValueError as error:
        raise UserError(f"Labels must be of classes, (N,), but {error}.") from error


def read_table(path: Path) -> Table:
    """What a file of predictions holds.

    Raises UserError where there is none, its ending is none of `ENDINGS`, it can't be read without a pickle, or it has
    no values (N, C).
    """
    return _checked(_read(path))


def _checked(table: Table) -> Table:
    """UserError where there are no values (N, C), or what belongs to them is longer or shorter."""
    path = table.path
    if table.values is None or table.values.ndim != 2 or table.values.size == 0:
        found = "none" if table.values is None else f"the shape {table.values.shape}"
        raise UserError(f"{path} must hold logits, a row a sample and a column a class (N, C), but has {found}.")
    for name, given, count in (("ids", table.ids, 0), ("labels", table.labels, 0), ("classes", table.classes, 1)):
        if given is not None and len(given) != table.values.shape[count]:
            raise UserError(
                f"{path} must have {table.values.shape[count]} {name}, as its logits do, but has {len(given)}."
            )
    return _with_own_ids(table)


def read_labels(path: Path) -> Table:
    """What a file of labels holds: a CSV's column `label` or its only one, an npy (N,), an npz's `labels`.

    Raises UserError as `read_table`, or where it has no labels.
    """
    table = _read(path, labels_alone=True)
    if not table.labels:
        raise UserError(
            f"{path} must hold labels: a CSV with the column `{LABEL_COLUMN}` (or that column alone), an npy of (N,), "
            f"or an npz with `{LABELS}`; but it has none."
        )
    if table.ids is not None and len(table.ids) != len(table.labels):
        raise UserError(f"{path} must have {len(table.labels)} ids, as many as labels, but has {len(table.ids)}.")
    return _with_own_ids(table)


def _read(path: Path, *, labels_alone: bool = False) -> Table:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"A file of predictions or labels must be one of {', '.join(ENDINGS)}, but got {path}.")
    if not path.is_file():
        raise UserError(f"The file {path} must exist, but doesn't. Check the path.")
    try:
        if ending == ".csv":
            return _csv(path, labels_alone=labels_alone)
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return Table(path, None, labels=_texts(loaded)) if labels_alone else Table(path, _numbers(loaded))
        with loaded as held:
            return _npz(path, {name: held[name] for name in held.files}, labels_alone=labels_alone)
    except UserError:
        raise
    except (ValueError, OSError, EOFError, KeyError, BadZipFile, csv.Error) as error:
        raise UserError(
            f"{path} must be readable as {ending[1:]}, without a pickle, but got {type(error).__name__}: {error}."
        ) from error


def _npz(path: Path, held: Mapping[str, NDArray[Any]], *, labels_alone: bool) -> Table:
    named = [name for name in (LOGITS, PROBABILITIES) if name in held]
    if not labels_alone and len(named) != 1:
        raise UserError(
            f"{path} must hold one array `{LOGITS}` or `{PROBABILITIES}`, (N, C), but has {quoted(sorted(held))}."
        )
    return Table(
        path,
        None if labels_alone else _numbers(held[named[0]]),
        probabilities=named == [PROBABILITIES],
        ids=_texts(held[IDS]) if IDS in held else None,
        classes=_texts(held[CLASSES]) if CLASSES in held else None,
        labels=_texts(held[LABELS]) if LABELS in held else None,
    )


def _csv(path: Path, *, labels_alone: bool) -> Table:
    columns = _columns(path)
    ids, labels = columns.get(ID_COLUMN), columns.get(LABEL_COLUMN)
    classes = tuple(name for name in columns if name not in (ID_COLUMN, LABEL_COLUMN))
    if labels_alone:
        return Table(path, None, ids=ids, labels=columns[classes[0]] if not labels and len(classes) == 1 else labels)
    values = np.array([_cells(path, columns[name], name) for name in classes], dtype=np.float64).T
    return Table(path, values if classes else None, ids=ids, classes=classes, labels=labels)


def _columns(path: Path) -> dict[str, tuple[str, ...]]:
    """A CSV's cells by column. UserError where rows differ in length, or two columns have one name."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = [row for row in csv.reader(stream) if row] or [[]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise UserError(f"{path} must have {len(head)} cells in each row, but row {number} has {len(row)}.")
    if len(set(head)) != len(head):
        raise UserError(f"{path} must have a name of its own for each column, but got {quoted(head)}.")
    return {name: tuple(row[place] for row in rows) for place, name in enumerate(head)}


def _cells(path: Path, cells: Sequence[str], column: str) -> list[float]:
    """A CSV's column as numbers; NaN for an empty cell."""
    found = []
    for number, cell in enumerate(cells, start=2):
        try:
            found.append(float(cell) if cell.strip() else float("nan"))
        except ValueError:
            raise UserError(
                f"{path} must hold a number in every cell of a class, but row {number}, column {column!r} has "
                f"{cell!r}. The columns `{ID_COLUMN}` and `{LABEL_COLUMN}` alone are no classes."
            ) from None
    return found


def _numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind not in "fiu":
        raise ValueError(f"the values are {values.dtype}, no numbers")
    return values.astype(np.float64)


def _texts(values: NDArray[Any]) -> tuple[str, ...]:
    """Names, or whole numbers as their digits."""
    if values.ndim != 1 or values.dtype.kind not in "iuUS":
        raise ValueError(f"names and labels are (N,), texts or whole numbers, but these are {values.dtype}")
    decoded = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values
    return tuple(map(str, decoded.tolist()))


def _with_own_ids(table: Table) -> Table:
    if table.ids is not None and len(set(table.ids)) != len(table.ids):
        twice = [one for one, count in Counter(table.ids).items() if count > 1]
        raise UserError(f"{table.path} must have each id once, but has some twice: {quoted(twice[:3])}.")
    return table
