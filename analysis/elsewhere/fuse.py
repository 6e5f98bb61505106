"""The weights of predictions that were made elsewhere, chosen on val, and what they gain: as in a study's analysis."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.choice import Choice
from analysis.elsewhere.parts import Part
from analysis.evidence import blocks_of, measured_optimism
from analysis.numbers.metrics import majority_class
from analysis.numbers.mixture import Mixture, best_mixture, mix
from analysis.numbers.optimism import Optimism
from analysis.numbers.paired import Comparison, compared
from analysis.numbers.pairs import Candidate
from analysis.results import RowScores
from analysis.results_json import row_json
from analysis.rows import MAJORITY, SINGLE
from analysis.scoring import Row, comparisons, rows_of, score_rows
from trainables.errors import UserError
from trainables.heads.folds import grouped_folds, groups_of
from trainables.names import ENSEMBLE, FUSED, TEST, VAL
from trainables.records import Predictions

RESERVED = (FUSED, ENSEMBLE, MAJORITY)  # names of rows that no modality may have


@dataclass(frozen=True)
class Scored:
    """What each row scores on one split."""

    rows: Mapping[str, RowScores]  # by modality, then the fusion and the majority class
    samples: int
    blocks: int  # groups of samples that are alike, by which intervals were computed; 0: each stands for itself


@dataclass(frozen=True)
class FusedElsewhere:
    """The chosen weights, what they score, and whether they are shown to gain."""

    classes: tuple[str, ...]
    fusion: Mixture
    majority: str  # the most frequent class of val
    val: Scored
    test: Scored | None
    optimism: Optimism | None  # of the fusion's val accuracy
    comparison: Comparison | None  # of the fusion with the best single model; None where val can't be divided
    compared_on: str  # test; without one val, where the weights are fitted anew for each part that is held out
    notes: tuple[str, ...]

    def as_json(self) -> str:
        """All of it as JSON; the same value gives the same text."""
        raw: dict[str, Any] = dataclasses.asdict(dataclasses.replace(self, val=None, test=None))  # type: ignore[arg-type]
        raw[VAL], raw[TEST] = _scored_json(self.val), None if self.test is None else _scored_json(self.test)
        return json.dumps(raw, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)


def fuse_elsewhere(val: Part, test: Part | None = None) -> FusedElsewhere:
    """Choose the weights on val, and say what they gain: on test where there is one, else on val, cross-fitted.

    Raises UserError where there are fewer than two modalities, the test's differ from val's, or a name is taken.
    """
    names = [*val.predictions]
    _check_names(names, None if test is None else [*test.predictions])
    if test is not None and test.split.classes != val.split.classes:
        raise UserError(f"Test must have val's classes {val.split.classes}, but has {test.split.classes}.")
    logits = {name: one.logits for name, one in val.predictions.items()}
    fusion = best_mixture(logits, val.split.labels)
    majority = majority_class(val.split.labels, len(val.split.classes))
    groups = groups_of(val.split)
    scored, rows, blocks = _scored(val, fusion, majority, groups)
    tested = comparison = None
    if test is not None:
        tested, test_rows, test_blocks = _scored(test, fusion, majority, groups_of(test.split))
        comparison = comparisons(test_rows, names, FUSED, test.split, test_blocks)[SINGLE]
    else:
        comparison = _cross_fitted(val, rows, groups, blocks)
    return FusedElsewhere(
        classes=val.split.classes,
        fusion=fusion,
        majority=val.split.classes[majority],
        val=scored,
        test=tested,
        optimism=measured_optimism(Choice({}, _candidates(val.predictions)), None, val.split.labels, blocks),
        comparison=comparison,
        compared_on=VAL if test is None else TEST,
        notes=tuple(dict.fromkeys([*val.notes, *(test.notes if test else ())])),
    )


def _check_names(names: list[str], tested: list[str] | None) -> None:
    if len(names) < 2:
        raise UserError(f"A fusion must have two modalities or more, but got {', '.join(names) or 'none'}.")
    for name in names:
        if name in RESERVED or not name.replace("_", "").replace("-", "").isalnum():
            raise UserError(
                f"A modality's name must be of letters, digits, - and _, and none of {', '.join(RESERVED)}, but got "
                f"{name!r}."
            )
    if tested is not None and set(tested) != set(names):
        raise UserError(f"Test must have the modalities of val, {', '.join(names)}, but has {', '.join(tested)}.")


def _scored(
    part: Part, fusion: Mixture, majority: int, groups: NDArray[np.int64]
) -> tuple[Scored, dict[str, Row], NDArray[np.int64] | None]:
    """What the rows score; the rows; the blocks."""
    blocks = blocks_of(groups)
    rows = rows_of({name: part.predictions[name] for name in fusion.weights}, {}, fusion, None, majority)
    untimed = {name: dataclasses.replace(row, seconds_per_sample=None) for name, row in rows.items()}
    count = 0 if blocks is None else len(np.unique(blocks))
    return Scored(score_rows(untimed, part.split, blocks), len(part.split), count), untimed, blocks


def _cross_fitted(
    val: Part, rows: Mapping[str, Row], groups: NDArray[np.int64], blocks: NDArray[np.int64] | None
) -> Comparison | None:
    """The fusion beside the best single model, on samples that its weights weren't chosen on; None: too few groups."""
    labels, logits = val.split.labels, {name: one.logits for name, one in val.predictions.items()}
    if len(np.unique(groups)) < 2:
        return None
    folds = grouped_folds(labels, groups, seed=0)
    right = np.zeros(len(labels), dtype=np.bool_)
    for fold in np.unique(folds):
        held = folds == fold
        try:
            weights = best_mixture({name: one[~held] for name, one in logits.items()}, labels[~held]).weights
        except ValueError:  # no sample outside of the fold has one of the modalities
            return None
        fused = mix({name: one[held] for name, one in logits.items()}, weights)
        right[held] = fused.argmax(axis=1) == labels[held]
    singles = {name: rows[name].decisions == labels for name in logits}
    best = max(singles, key=lambda name: float(singles[name].mean()))
    found = compared(right, singles[best], blocks)
    return found.adjusted(found.p, FUSED, best)


def _candidates(predictions: Mapping[str, Predictions]) -> dict[str, list[Candidate]]:
    return {name: [Candidate(name, one.logits.astype(np.float64))] for name, one in predictions.items()}


def _scored_json(scored: Scored) -> dict[str, Any]:
    rows = {name: row_json(row) for name, row in scored.rows.items()}
    return {"samples": scored.samples, "blocks": scored.blocks, "rows": rows}
