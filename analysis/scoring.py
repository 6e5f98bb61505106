"""Predictions of every model on one split -> the rows of the results table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.ensemble import mixed_members
from analysis.numbers.logits import missing_rows
from analysis.numbers.metrics import score
from analysis.numbers.mixture import Mixture, mix
from analysis.results import EnsembleResult, RowScores
from analysis.rows import MAJORITY, frozen_row, linear_row
from trainables.names import ENSEMBLE, FUSED
from trainables.records import Predictions

if TYPE_CHECKING:
    from trainables.data.samples import Split


def predictions_with_gaps(split: Split, modality: str, predict: Callable[[Split], Predictions]) -> Predictions:
    """A model's predictions in the split's order; logits of NaN for samples that lack the modality.

    `predict` is given the samples that have it. Raises RuntimeError where it knows other classes or labels.
    """
    items = split.inputs.get(modality, ())
    rows = np.array([row for row, item in enumerate(items) if item is not None], dtype=np.int64)
    part = split if len(rows) in (0, len(split)) else split.rows(rows)
    found = predict(part).aligned(part.ids)
    if found.classes != part.classes or not np.array_equal(found.labels, part.labels):
        raise RuntimeError(f"The {modality} model must know the classes {part.classes}, but got {found.classes}.")
    if part is split:
        return found
    logits = np.full((len(split), len(split.classes)), np.nan, dtype=np.float32)
    logits[rows] = found.logits
    return Predictions(split.ids, logits, split.labels, split.classes, found.seconds_per_sample)


def ensemble_predictions(members: Mapping[str, Predictions], ensemble: EnsembleResult) -> Predictions:
    """What the members, by trial id and in one order, say together; a row of NaN where none has an input."""
    one = next(iter(members.values()))
    logits = mixed_members({name: member.logits for name, member in members.items()}, ensemble.weights)
    seconds = sum(members[name].seconds_per_sample for name in ensemble.weights)
    return Predictions(one.ids, logits.astype(np.float32), one.labels, one.classes, seconds)


def score_rows(
    predictions: Mapping[str, Predictions],
    baseline: Mapping[str, Predictions],
    fusion: Mixture | None,
    linear_fusion: Mixture | None,
    majority: int,
    *,
    frozen: Mapping[str, Predictions] | None = None,
    frozen_fusion: Mixture | None = None,
    ensemble: Predictions | None = None,
) -> dict[str, RowScores]:
    """By row of the results table; the predictions, by modality, are of one split and in one order.

    `baseline`: of the linear models; `frozen`: of the best heads on frozen features; `ensemble`: of its members
    together.

    A single model says the class `majority` where a sample lacks its input, so that every row counts the same samples.
    """
    one = next(iter(predictions.values()))
    guesses = np.full(len(one.ids), majority)
    linear = _with_fused(baseline, linear_fusion, majority)
    heads = _with_fused(frozen or {}, frozen_fusion, majority)
    return {
        **_with_fused(predictions, fusion, majority),
        **({} if ensemble is None else {ENSEMBLE: _scored(ensemble, majority)}),
        **{frozen_row(row): scores for row, scores in heads.items()},
        **{linear_row(row): scores for row, scores in linear.items()},
        MAJORITY: RowScores(score(guesses, one.labels, one.classes), None),
    }


def _with_fused(predictions: Mapping[str, Predictions], fusion: Mixture | None, majority: int) -> dict[str, RowScores]:
    rows = {modality: _scored(one, majority) for modality, one in predictions.items()}
    if fusion is not None:
        one = next(iter(predictions.values()))
        fused = mix({modality: predictions[modality].logits for modality in fusion.weights}, fusion.weights)
        seconds = sum(predictions[modality].seconds_per_sample for modality in fusion.weights)
        rows[FUSED] = RowScores(score(fused, one.labels, one.classes), seconds)
    return rows


def _scored(one: Predictions, majority: int) -> RowScores:
    return RowScores(score(_decided(one.logits, majority), one.labels, one.classes), one.seconds_per_sample)


def _decided(logits: NDArray[np.float32], majority: int) -> NDArray[np.generic]:
    """The logits (N, C); where rows are missing, decisions (N,). Half a row of NaN is left for `score` to refuse."""
    missing = missing_rows(logits)
    if not missing.any() or not np.isfinite(logits[~missing]).all():
        return logits
    return np.where(missing, majority, np.where(missing[:, None], 0, logits).argmax(axis=1))
