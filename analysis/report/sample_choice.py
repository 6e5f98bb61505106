"""Which samples the report shows: where fusing repaired a single model's mistake, and the surest mistakes left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.fusion import fuse
from analysis.numbers.metrics import softmax
from analysis.results import Selection
from trainables.names import FUSED, IMAGE, TEXT
from trainables.records import Predictions

REPAIRED = "Fusion repaired it"
WRONG = "Sure and wrong"
RIGHT = "Sure and right"


@dataclass(frozen=True, eq=False)
class Choice:
    """One sample to show."""

    row: int  # in the predictions
    kind: str  # REPAIRED, RIGHT or WRONG
    probabilities: Mapping[str, NDArray[np.float64]]  # model -> (C,)


def choose(selection: Selection, predictions: Mapping[str, Predictions], each: int = 4) -> tuple[Choice, ...]:
    """Up to `each` samples that the system gets right and up to `each` that it gets wrong, the surest ones.

    With two modalities the right ones are those that a single model alone gets wrong. Classes take turns. The
    predictions must be of one split in one order.
    """
    shares = _probabilities(selection, predictions)
    labels = next(iter(predictions.values())).labels
    decided = {model: values.argmax(axis=1) for model, values in shares.items()}
    right = decided[selection.system] == labels
    sureness = shares[selection.system].max(axis=1)
    kind, shown = RIGHT, right
    if selection.fusion is not None:
        kind, shown = REPAIRED, right & ((decided[IMAGE] != labels) | (decided[TEXT] != labels))
    rows = [(row, kind) for row in _turns(np.flatnonzero(shown), sureness, labels, each)]
    rows += [(row, WRONG) for row in _turns(np.flatnonzero(~right), sureness, labels, each)]
    return tuple(Choice(row, why, {model: values[row] for model, values in shares.items()}) for row, why in rows)


def _probabilities(selection: Selection, predictions: Mapping[str, Predictions]) -> dict[str, NDArray[np.float64]]:
    logits = {modality: one.logits.astype(np.float64) for modality, one in predictions.items()}
    if selection.fusion is not None:
        logits[FUSED] = fuse(logits[IMAGE], logits[TEXT], selection.fusion.alpha)
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
