"""Every class's scores, in the report and as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from modality_names import IMAGE, TEXT

from analysis.numbers.metrics import Scores, score
from analysis.report.class_tables import CLASSES_FILE, CONFUSED_FILE, MOST_ROWS, class_table, write_class_tables


def scored(size: int) -> tuple[Scores, tuple[str, ...]]:
    """Four samples a class but the last, which has none; class n is found in (n mod 5) of them, else taken for 0."""
    classes = ("=cmd", *(f"class {n}" for n in range(1, size)))
    labels = np.repeat(np.arange(size - 1), 4)
    found = np.tile(np.arange(4), size - 1) < labels % 5
    return score(np.where(found, labels, 0), labels, classes), classes


def test_few_classes_stand_in_their_order() -> None:
    """All of them, without a note."""
    scores, classes = scored(MOST_ROWS)
    table = class_table({IMAGE: scores}, IMAGE)
    assert tuple(row.name for row in table.rows) == classes
    assert table.note == ""
    assert table.rows[-1].models == (("–", "–", "–"),)


def test_of_many_classes_the_hardest_are_shown() -> None:
    """The lowest recall of the system first; the note says how many there are and where all stand."""
    scores, _ = scored(1000)
    table = class_table({IMAGE: scores, TEXT: scores}, TEXT)
    assert len(table.rows) == MOST_ROWS
    assert [row.name for row in table.rows[:2]] == ["class 5", "class 10"]
    assert "The 30 hardest of 1,000 classes" in table.note
    assert CLASSES_FILE in table.note
    assert CONFUSED_FILE in table.note


def test_the_files_have_every_class_and_every_confusion(tmp_path: Path) -> None:
    """As numbers, with no cell that a spreadsheet would run, and nothing where a class has no sample."""
    scores, classes = scored(7)
    write_class_tables(tmp_path, {IMAGE: scores})
    header, *rows = csv.reader((tmp_path / CLASSES_FILE).read_text("utf-8").splitlines())
    assert header == ["number", "class", "samples", "image_precision", "image_recall", "image_f1"]
    assert [row[1] for row in rows] == ["'=cmd", *classes[1:]]
    assert rows[2][2:5] == ["4", "1.0", "0.5"]
    assert rows[-1] == ["7", "class 6", "0", "", "", ""]
    header, *rows = csv.reader((tmp_path / CONFUSED_FILE).read_text("utf-8").splitlines())
    assert header == ["model", "true_class", "predicted_class", "samples", "share_of_true_class"]
    assert rows[0] == ["image", "class 5", "'=cmd", "4", "1.0"]
    assert sum(int(row[3]) for row in rows) == scores.samples - scores.right
