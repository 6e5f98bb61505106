"""Several files of predictions and one of labels -> one split: the same samples, the same classes, in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.elsewhere.files import Table, labels_of, table_of
from analysis.numbers.logits import missing_rows
from trainables.data.files import quoted
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.records import Predictions

Source = Path | ArrayLike  # a file, or the values themselves
LEAST = 1e-12  # a smaller probability counts as this one, so that its logarithm is finite
NEAR_ONE = 1e-3  # by which a row of probabilities may miss 1 in sum


@dataclass(frozen=True)
class Part:
    """The predictions of one split, in one order."""

    split: Split  # ids, labels and classes; no inputs
    predictions: Mapping[str, Predictions]  # by modality; logits of NaN where a sample lacks it
    notes: tuple[str, ...]  # what was done to the files' values that a reader must know


def read_part(logits: Mapping[str, Source], labels: Source | None, classes: Sequence[str] | None = None) -> Part:
    """The files or arrays (N, C) of one split, by modality, and its labels (None: the predictions' files hold them).

    Samples are matched by their ids where every file has them, else row by row. `classes` are the columns' names where
    no file says them.

    Raises UserError where a file can't be read; samples, classes or labels don't fit together; a value isn't finite and
    its row isn't all NaN; a sample has no modality, or none has one of them.
    """
    tables = {name: table_of(name, given) for name, given in logits.items()}
    named = _classes(tables, classes)
    tables = {name: _ordered(table, named) for name, table in tables.items()}
    truth = labels_of(labels) if labels is not None else _own_labels(tables, named)
    first = next(iter(tables.values()))
    files, notes = [*tables.values(), truth], []
    if any(table.ids is None for table in files):
        _same_count(files)
        notes += ["Samples are matched row by row: not all predictions and labels have ids."]
        ids = first.ids or tuple(f"row-{number + 1}" for number in range(_count(first)))
        by_row = {name: table.values for name, table in tables.items()}
    else:
        ids = first.ids or ()
        by_row = {name: _by_id(table, ids, first) for name, table in tables.items()}
        truth = replace(truth, labels=tuple(np.array(truth.labels)[_places(truth, ids, first)].tolist()))
    indices = _indices(truth, named)
    found = {}
    for name, values in by_row.items():
        own, note = _logits(name, tables[name], np.asarray(values))
        notes += [note] if note else []
        found[name] = Predictions(ids, own, indices, named, 0.0)
    _check_present(found)
    return Part(Split(ids, indices, named, {}), found, tuple(notes))


def _classes(tables: Mapping[str, Table], given: Sequence[str] | None) -> tuple[str, ...]:
    """The classes' names, in the order of the first file that says them; of none their numbers."""
    widths = {name: _values(table).shape[1] for name, table in tables.items()}
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise UserError(f"All predictions must have the same classes, but their columns are: {told}.")
    width = next(iter(widths.values()))
    named = tuple(given) if given else next((one.classes for one in tables.values() if one.classes), None)
    if named is None:
        return tuple(map(str, range(width)))
    if len(named) != width or len(set(named)) != width:
        raise UserError(f"There must be {width} different class names, one a column, but got {quoted(list(named))}.")
    for name, table in tables.items():
        if table.classes is not None and set(table.classes) != set(named):
            odd = sorted(set(table.classes) ^ set(named))
            raise UserError(
                f"All predictions must have the same classes, but {name} ({table.path}) differs in {quoted(odd[:6])}."
            )
    return named


def _ordered(table: Table, classes: tuple[str, ...]) -> Table:
    """The table with its columns in the order of `classes`."""
    if table.classes is None or table.classes == classes:
        return replace(table, classes=classes)
    places = [table.classes.index(name) for name in classes]
    return replace(table, values=_values(table)[:, places], classes=classes)


def _own_labels(tables: Mapping[str, Table], classes: tuple[str, ...]) -> Table:
    found = [table for table in tables.values() if table.labels is not None]
    if not found:
        raise UserError("There must be labels, but no file of predictions holds any: give them with --labels.")
    for other in found[1:]:
        if not _agree(found[0], other, classes):
            raise UserError(
                f"The labels must be the same in every file, but those in {found[0].path} and {other.path} differ: "
                "give the true ones with --labels."
            )
    return Table(found[0].path, None, ids=found[0].ids, labels=found[0].labels)


def _agree(one: Table, other: Table, classes: tuple[str, ...]) -> bool:
    """Whether two files have the same labels, by id where both have ids, else row by row."""
    mine, others = _indices(one, classes).tolist(), _indices(other, classes).tolist()
    if one.ids is None or other.ids is None:
        return bool(mine == others)
    return dict(zip(one.ids, mine, strict=True)) == dict(zip(other.ids, others, strict=True))


def _same_count(files: Sequence[Table]) -> None:
    counts = {str(table.path): _count(table) for table in files}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{path} {count:,}" for path, count in counts.items())
        raise UserError(
            f"All files must have the same samples, row by row, but their rows are: {told}. With ids in every file "
            "they may be in any order."
        )


def _places(table: Table, ids: Sequence[str], first: Table) -> list[int]:
    """The row of each of `ids` in a table."""
    place = {one: row for row, one in enumerate(table.ids or ())}
    if set(place) != set(ids):
        odd = sorted(set(place) ^ set(ids))
        raise UserError(
            f"All files must have the same samples, but {table.path} and {first.path} differ in {len(odd):,} ids, such "
            f"as {quoted(odd[:3])}."
        )
    return [place[one] for one in ids]


def _by_id(table: Table, ids: Sequence[str], first: Table) -> NDArray[np.float64]:
    return _values(table)[_places(table, ids, first)]


def _indices(truth: Table, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """(N,) labels as indices: they are names of the classes, or else indices already."""
    labels, place = truth.labels or (), {name: number for number, name in enumerate(classes)}
    strange = sorted(set(labels) - set(place))
    if not strange:
        return np.array([place[one] for one in labels], dtype=np.int64)
    if all(one.isascii() and one.isdigit() and int(one) < len(classes) for one in set(labels)):
        return np.array([int(one) for one in labels], dtype=np.int64)
    raise UserError(
        f"Every label must be one of the classes {quoted(list(classes))}, or an index from 0 to {len(classes) - 1}, "
        f"but {truth.path} has {quoted(strange[:5])}. Where no file names the columns, --classes does."
    )


def _logits(name: str, table: Table, values: NDArray[np.float64]) -> tuple[NDArray[np.float32], str]:
    """The logits (N, C), of probabilities their logarithms, and what is to be said of that."""
    missing = missing_rows(values)
    rows = values[~missing]
    odd = np.flatnonzero(~np.isfinite(values).all(axis=1) & ~missing)
    if len(odd):
        raise UserError(
            f"Every value must be a finite number, or a sample's whole row empty or NaN where it lacks {name}; but in "
            f"{table.path} this isn't so for {len(odd):,} samples, the first of them sample {odd[0] + 1}."
        )
    shares = bool(len(rows)) and bool(((rows >= 0) & (rows <= 1)).all()) and values.shape[1] > 1
    shares = shares and bool((np.abs(rows.sum(axis=1) - 1) <= NEAR_ONE).all())
    if table.probabilities and not shares:
        raise UserError(f"Probabilities must be from 0 to 1 and 1 in sum, but those in {table.path} aren't.")
    if shares:
        note = f"{name}: these are probabilities, so their logarithms are fused (one below {LEAST:g} counts as that)."
        return np.log(np.maximum(values, LEAST)).astype(np.float32), note
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    if not np.isfinite(found[~missing]).all():
        raise UserError(f"Logits must be below 3e38 in size, but some in {table.path} aren't.")
    return found, ""


def _check_present(found: Mapping[str, Predictions]) -> None:
    missing = {name: missing_rows(one.logits) for name, one in found.items()}
    for name, rows in missing.items():
        if rows.all():
            raise UserError(f"Every modality must be there in at least one sample, but {name} has no row of numbers.")
    nothing = np.flatnonzero(np.all([*missing.values()], axis=0))
    if len(nothing):
        sample = next(iter(found.values())).ids[nothing[0]]
        raise UserError(
            f"Every sample must have a prediction of one modality at least, but {len(nothing):,} have none, the first "
            f"of them {sample!r}."
        )


def _values(table: Table) -> NDArray[np.float64]:
    return np.empty((0, 0)) if table.values is None else table.values


def _count(table: Table) -> int:
    return len(table.labels or ()) if table.values is None else len(table.values)
