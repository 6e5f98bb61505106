"""Every class's scores: for the report as far as one can read them, and whole as CSV for those who go on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis import wording
from analysis.files import replace_file
from analysis.numbers.confused import confused_pairs
from analysis.numbers.intervals import Interval, share_interval
from analysis.numbers.metrics import ClassScores, Scores
from trainables.words import harmless_cell

CLASSES_FILE = "classes.csv"
CONFUSED_FILE = "confused.csv"
MOST_ROWS = 30  # classes in the report's table

Cell = str | float | int | None


@dataclass(frozen=True)
class ClassRow:
    """One class: precision, recall and F1 of each model, as text."""

    name: str
    support: str
    models: tuple[tuple[str, str, str], ...]
    found: str  # the interval of the system's recall


@dataclass(frozen=True)
class ClassTable:
    """The classes of one split: all in their order, or of many the hardest ones."""

    rows: tuple[ClassRow, ...]
    note: str  # which classes these are and where the others stand; empty where all are there


def class_table(scores: Mapping[str, Scores], system: str) -> ClassTable:
    """What the report shows of the classes; `scores` by model, of which `system` says how hard a class is."""
    count = len(scores[system].per_class)
    if count <= MOST_ROWS:
        return ClassTable(tuple(_row(scores, place, system) for place in range(count)), "")
    hardest = _hardest(scores[system].per_class)[:MOST_ROWS]
    note = (
        f"The {len(hardest)} hardest of {wording.count(count)} classes, the lowest recall of {system} first. All of "
        f"them stand in {CLASSES_FILE}, and what is taken for what in {CONFUSED_FILE}."
    )
    return ClassTable(tuple(_row(scores, place, system) for place in hardest), note)


def _hardest(classes: Sequence[ClassScores]) -> list[int]:
    """The places of the classes that have samples, the lowest recall first, of equal ones that of more samples."""
    there = [(row.recall, -row.support, place) for place, row in enumerate(classes) if row.recall is not None]
    return [place for *_, place in sorted(there)]


def _row(scores: Mapping[str, Scores], place: int, system: str) -> ClassRow:
    rows = [one.per_class[place] for one in scores.values()]
    return ClassRow(
        name=rows[0].name,
        support=wording.count(rows[0].support),
        models=tuple(
            (wording.percent(row.precision), wording.percent(row.recall), wording.percent(row.f1)) for row in rows
        ),
        found=wording.shares(interval) if (interval := recall_interval(scores[system], place)) else wording.NONE,
    )


def recall_interval(scores: Scores, place: int) -> Interval | None:
    """Of the share of a class's samples that are found; None where it has none. Each sample stands for itself."""
    support, hits = scores.per_class[place].support, scores.confusion[place][place]
    return share_interval(np.arange(support) < hits) if support else None


def class_values(scores: Mapping[str, Scores], system: str) -> list[dict[str, Any]]:
    """Every class with what each model scores on it, and the interval of the system's recall; shares from 0 to 1."""
    found = []
    for place, named in enumerate(scores[system].per_class):
        interval = recall_interval(scores[system], place)
        own = {model: one.per_class[place] for model, one in scores.items()}
        each = {model: {"precision": one.precision, "recall": one.recall, "f1": one.f1} for model, one in own.items()}
        ends = None if interval is None else [interval.low, interval.high]
        found.append({"class": named.name, "samples": named.support, "models": each, "recall_interval": ends})
    return found


def write_class_tables(folder: Path, scores: Mapping[str, Scores]) -> None:
    """`classes.csv`, a row a class, and `confused.csv`, a row for each pair of classes that a model confuses."""
    replace_file(folder / CLASSES_FILE, _csv(_class_cells(scores)))
    replace_file(folder / CONFUSED_FILE, _csv(_confused_cells(scores)))


def _class_cells(scores: Mapping[str, Scores]) -> Iterable[Sequence[Cell]]:
    """Shares from 0 to 1; empty where the split has no sample of the class."""
    metrics = [f"{model}_{metric}" for model in scores for metric in ("precision", "recall", "f1")]
    yield ["number", "class", "samples", *metrics]
    for number, rows in enumerate(zip(*(one.per_class for one in scores.values()), strict=True), start=1):
        values = [value for row in rows for value in (row.precision, row.recall, row.f1)]
        yield [number, rows[0].name, rows[0].support, *values]


def _confused_cells(scores: Mapping[str, Scores]) -> Iterable[Sequence[Cell]]:
    """The most samples of a model first."""
    yield ["model", "true_class", "predicted_class", "samples", "share_of_true_class"]
    for model, one in scores.items():
        for pair in confused_pairs(one.confusion):
            names = one.per_class[pair.true].name, one.per_class[pair.predicted].name
            yield [model, *names, pair.count, pair.share]


def _csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """UTF-8, with no cell that a spreadsheet would take for a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for row in rows:
        writer.writerow([harmless_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return stream.getvalue().encode("utf-8", "backslashreplace")
