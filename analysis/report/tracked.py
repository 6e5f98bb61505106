"""What a tracker shows of a study first: the verdict as Markdown, and tables of what the report is about.

Each table is JSON with `columns` and `data`, a list a row, as pandas reads and writes it (`orient="split"`). None has a
path of this machine or more than a bound of rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.logits import missing_rows
from analysis.numbers.metrics import softmax
from analysis.report.first_screen import Answer
from analysis.report.said import model_logits
from analysis.results import Example, FinalTest, Selection
from analysis.rows import ordered
from trainables.leaderboard import columns_of, leaderboard_rows
from trainables.modalities import modality_of
from trainables.records import Predictions, TrialRecord

MOST_ROWS = 5_000  # of a table
MOST_CLASSES = 10  # of a sample's probabilities, the likeliest
LONGEST_TEXT = 300  # characters of a cell
LONGEST_ANSWER = 700  # characters of an answer's sentences
FIRST = ("deploy", "sure", "fusing", "distrust")  # what comes first of the answers
Values = dict[str, Any]


def verdict(sentence: str, answers: Sequence[Answer], where: str) -> str:
    """Markdown: what to deploy, how good it is, what fusing gained, what to distrust, the rest; the report's place.

    `where`: the report's path within the folder of all runs.
    """
    ranked = sorted(answers, key=lambda one: FIRST.index(one.key) if one.key in FIRST else len(FIRST))
    lines = [f"- **{_plain(one.question)}** {_plain(one.value)}. {_shortened(one.words)}" for one in ranked]
    report = f"The report: `{where}` in the folder of the runs; `report.html` among the artifacts here."
    return "\n".join([f"**{_plain(sentence)}**", "", *lines, "", report]) + "\n"


def _shortened(words: Sequence[str]) -> str:
    said = _plain(" ".join(words))
    return said if len(said) <= LONGEST_ANSWER else f"{said[:LONGEST_ANSWER]} …"


def _plain(text: str) -> str:
    """A text that is no markup and no link, on one line."""
    marks = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})
    return " ".join(text.split()).translate(marks)


def prediction_rows(
    selection: Selection,
    final: FinalTest,
    predictions: Mapping[str, Predictions],
    ensemble: Predictions | None,
    examples: Sequence[Example],
) -> list[Values]:
    """A row a test sample: what it is, its label, what is said of it and with which chances. Mistakes first, if cut.

    `predictions` by modality, and `ensemble` where it is deployed, are of test and in one order.
    """
    logits = model_logits(selection, predictions, ensemble)
    one, by_id = next(iter(predictions.values())), {example.id: example for example in examples}
    said = logits[selection.system]
    there = ~missing_rows(said)
    guesses = np.where(there, np.where(there[:, None], said, 0).argmax(axis=1), selection.majority_class)
    chances = softmax(np.where(there[:, None], said, 0))
    rows = np.arange(len(one.ids))
    if len(rows) > MOST_ROWS:
        rows = np.sort(rows[np.argsort(guesses == one.labels, kind="stable")][:MOST_ROWS])
    base = Path(final.test_source)
    return [
        {
            "sample": _cut(one.ids[row]),
            **_inputs(by_id[one.ids[row]], base),
            "label": selection.classes[int(one.labels[row])],
            "predicted": selection.classes[int(guesses[row])],
            "right": bool(guesses[row] == one.labels[row]),
            "decided_by": _decided_by(selection, predictions, row) if there[row] else "majority",
            "probability": _rounded(chances[row, guesses[row]]) if there[row] else None,
            "probabilities": _likeliest(selection.classes, chances[row]) if there[row] else {},
        }
        for row in rows.tolist()
    ]


def _decided_by(selection: Selection, predictions: Mapping[str, Predictions], row: int) -> str:
    """As `binwise predict` says it: one modality where a sample has no other."""
    present = [name for name, one in predictions.items() if not np.isnan(one.logits[row]).all()]
    return present[0] if len(present) == 1 else selection.system


def _inputs(example: Example, base: Path) -> dict[str, str | None]:
    """By modality, in the registry's order: words, or the path below the test data's place."""
    found = {}
    for name in ordered(example.inputs):
        shown = example.inputs[name]
        if shown is not None and modality_of(name).shown_as != "words":
            shown = _below(shown, base)
        found[name] = None if shown is None else _cut(shown)
    return found


def _below(path: str, base: Path) -> str:
    """A path relative to a folder, or to a file's; the name alone where it lies elsewhere."""
    folder = base.parent if base.suffix else base
    relative = os.path.relpath(path, folder)
    return Path(path).name if relative.startswith(os.pardir) else Path(relative).as_posix()


def _likeliest(classes: Sequence[str], shares: NDArray[np.float64]) -> dict[str, float]:
    places = np.argsort(-shares, kind="stable")[:MOST_CLASSES].tolist()
    return {classes[place]: _rounded(shares[place]) for place in places}


def _rounded(share: float) -> float:
    return round(float(share), 6)


def class_rows(classes: Sequence[Values], split: str) -> list[Values]:
    """A row a class, of `class_tables.class_values`: each model's scores, and the interval of the system's recall."""
    found = []
    for one in classes:
        scores = {f"{model}_{key}": value for model, own in one["models"].items() for key, value in own.items()}
        low, high = one["recall_interval"] or (None, None)
        ends = {"recall_low": low, "recall_high": high}
        found.append({"class": one["class"], "split": split, "samples": one["samples"], **scores, **ends})
    return found


def trial_rows(records: Sequence[TrialRecord]) -> list[Values]:
    """The leaderboard: a row a trial, in their order; texts cut."""
    columns = columns_of(records)
    return [{name: _cell(row[name]) for name in columns} for row in leaderboard_rows(records)]


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else _cut(str(value))


def _cut(text: str) -> str:
    whole = text.encode(errors="backslashreplace").decode()
    return whole if len(whole) <= LONGEST_TEXT else f"{whole[: LONGEST_TEXT - 1]}…"


def table_json(rows: Sequence[Values]) -> bytes:
    """At most `MOST_ROWS` of them, as `columns` and `data`."""
    columns = list(rows[0]) if rows else []
    data = [[row[name] for name in columns] for row in rows[:MOST_ROWS]]
    return json.dumps({"columns": columns, "data": data}, ensure_ascii=False, allow_nan=False).encode()
