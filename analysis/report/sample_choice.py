"""Which samples the report shows: where fusing repaired a single model's mistake, and the surest mistakes left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.logits import missing_rows
from analysis.numbers.metrics import softmax
from analysis.report.said import model_logits
from analysis.results import Selection
from trainables.records import Predictions

REPAIRED = "Fusion repaired it"
WRONG = "Sure and wrong"
RIGHT = "Sure and right"


@dataclass(frozen=True, eq=False)
class ShownSample:
    """A sample to show: its row, why it is shown, and what each model says of it."""

    row: int  # in the predictions
    kind: str  # REPAIRED, RIGHT or WRONG
    probabilities: Mapping[str, NDArray[np.float64]]  # model -> (C,), of the models whose input the sample has


def choose(
    selection: Selection,
    predictions: Mapping[str, Predictions],
    ensemble: Predictions | None = None,
    each: int = 4,
) -> tuple[ShownSample, ...]:
    """Up to `each` samples that the system gets right and up to `each` that it gets wrong, the surest ones.

    With more than one modality the right ones are those that a single model alone gets wrong. Classes take turns. The
    predictions, by modality and of the ensemble where it is deployed, must be of one split in one order; a sample that
    has no input for the system isn't shown.
    """
    shares = _probabilities(selection, predictions, ensemble)
    labels = next(iter(predictions.values())).labels
    there = {model: ~missing_rows(values) for model, values in shares.items()}
    right = {model: there[model] & (values.argmax(axis=1) == labels) for model, values in shares.items()}
    wrong = {model: there[model] & ~right[model] for model in shares}
    sureness = shares[selection.system].max(axis=1)
    kind, shown = RIGHT, right[selection.system]
    if selection.fusion is not None:
        kind = REPAIRED
        shown = shown & np.any([wrong[modality] for modality in predictions], axis=0)
    rows = [(row, kind) for row in _turns(np.flatnonzero(shown), sureness, labels, each)]
    rows += [(row, WRONG) for row in _turns(np.flatnonzero(wrong[selection.system]), sureness, labels, each)]
    return tuple(
        ShownSample(row, why, {model: values[row] for model, values in shares.items() if there[model][row]})
        for row, why in rows
    )


def _probabilities(
    selection: Selection, predictions: Mapping[str, Predictions], ensemble: Predictions | None
) -> dict[str, NDArray[np.float64]]:
    """The probabilities (N, C) by model; rows of NaN where a sample lacks the model's input."""
    logits = model_logits(selection, predictions, ensemble)
    return {model: softmax(values) for model, values in logits.items()}


def _turns(rows: NDArray[np.intp], sureness: NDArray[np.float64], labels: NDArray[np.int64], most: int) -> list[int]:
    """The surest rows of each class in turn: every class's first, then every class's second, and so on."""
    place_in_class: dict[int, int] = {}
    ordered = []
    for row in rows[np.argsort(-sureness[rows], kind="stable")].tolist():
        turn = place_in_class.get(int(labels[row]), 0)
        place_in_class[int(labels[row])] = turn + 1
        ordered.append((turn, -float(sureness[row]), row))
    return [row for _, _, row in sorted(ordered)[:most]]
