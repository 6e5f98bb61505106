"""Predictions of every model on one split -> the rows of the results table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.calibration import calibration
from analysis.numbers.ensemble import mixed_members
from analysis.numbers.intervals import Blocks, share_interval
from analysis.numbers.logits import missing_rows
from analysis.numbers.metrics import score
from analysis.numbers.mixture import Mixture, mix
from analysis.numbers.paired import Comparison, compared, holm
from analysis.results import EnsembleResult, RowScores
from analysis.rows import FROZEN, FROZEN_SYSTEM, LINEAR, LINEAR_SYSTEM, MAJORITY, SINGLE, frozen_row, linear_row
from trainables.heads.temperature import best_factor, log_loss
from trainables.names import ENSEMBLE, FUSED
from trainables.records import Predictions
from trainables.runtime.fusion import LinearFusion

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


@dataclass(frozen=True)
class Row:
    """What one row of the results table says of a split."""

    said: NDArray[np.generic]  # logits (N, C); where samples lack its input, the decisions (N,)
    seconds_per_sample: float | None  # of inference; None where nothing is computed
    partial: NDArray[np.floating] | None = None  # logits (N, C) where samples lack its input: there NaN

    @property
    def logits(self) -> NDArray[np.float64] | None:
        """(N, C), NaN where a sample lacks its input; None of a row of mere decisions."""
        logits = self.partial if self.said.ndim == 1 else self.said
        return None if logits is None else logits.astype(np.float64)

    @property
    def decisions(self) -> NDArray[np.int64]:
        """The class of each sample (N,), as an index."""
        found = self.said.argmax(axis=1) if self.said.ndim == 2 else self.said
        return np.asarray(found, dtype=np.int64)


def rows_of(
    predictions: Mapping[str, Predictions],
    baseline: Mapping[str, Predictions],
    fusion: Mixture | None,
    linear_fusion: Mixture | None,
    majority: int,
    *,
    frozen: Mapping[str, Predictions] | None = None,
    frozen_fusion: Mixture | None = None,
    ensemble: Predictions | None = None,
    fusions: Mapping[str, LinearFusion] | None = None,
) -> dict[str, Row]:
    """By row of the results table; the predictions, by modality, are of one split and in one order.

    `baseline`: of the linear models; `frozen`: of the best heads on frozen features; `ensemble`: of its members
    together; `fusions`: richer ones by name.

    A single model says the class `majority` where a sample lacks its input, so that every row counts the same samples.
    """
    one = next(iter(predictions.values()))
    linear = _with_fused(baseline, linear_fusion, majority)
    heads = _with_fused(frozen or {}, frozen_fusion, majority)
    return {
        **(own := _with_fused(predictions, fusion, majority)),
        **_richer(predictions, fusions or {}, own),
        **({} if ensemble is None else {ENSEMBLE: _row(ensemble, majority)}),
        **{frozen_row(row): found for row, found in heads.items()},
        **{linear_row(row): found for row, found in linear.items()},
        MAJORITY: Row(np.full(len(one.ids), majority), None),
    }


def temperatures_of(rows: Mapping[str, Row], split: Split) -> dict[str, float]:
    """By row: what its logits are to be divided by for the least log loss on val; none of a row of mere decisions.

    Samples that lack a row's input don't count.
    """
    logits = {name: row.logits for name, row in rows.items()}
    return {name: _temperature(own, split.labels) for name, own in logits.items() if own is not None}


def with_temperatures(ensemble: EnsembleResult | None, members: Mapping[str, Predictions]) -> EnsembleResult | None:
    """The ensemble with those of its members; `members`: predictions by trial id, in one order."""
    return ensemble and replace(ensemble, temperatures=member_temperatures(members, ensemble))


def member_temperatures(members: Mapping[str, Predictions], ensemble: EnsembleResult) -> dict[str, float]:
    """By modality: the same of an ensemble's members of it, which decide where a sample has no other modality.

    `members`: predictions by trial id, in one order.
    """
    found = {}
    for modality, share in ensemble.shares().items():
        own = {
            name: ensemble.weights[name] / share for name, one in ensemble.members.items() if one.modality == modality
        }
        logits = mixed_members({name: members[name].logits for name in own}, own)
        found[modality] = _temperature(logits, members[next(iter(own))].labels)
    return found


def _temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    there = ~missing_rows(logits)
    return round(1 / best_factor(logits[there], labels[there]), 4) if there.any() else 1.0


def score_rows(
    rows: Mapping[str, Row],
    split: Split,
    blocks: Blocks | None = None,
    temperatures: Mapping[str, float] | None = None,
) -> dict[str, RowScores]:
    """What each row scores on the split that it speaks of.

    `blocks` (N,): samples of one are alike; `temperatures`: by row, of those that have one, as val says.
    """
    return {name: _scored(row, split, blocks, (temperatures or {}).get(name)) for name, row in rows.items()}


def comparisons(
    rows: Mapping[str, Row], selection_rows: Sequence[str], system: str, split: Split, blocks: Blocks | None = None
) -> dict[str, Comparison]:
    """What is compared, by what it is compared with: the fusion with the best single model, the system with baselines.

    `selection_rows`: the selected models. The single model is the one that is best on these very samples: a gain over
    another one would flatter the fusion. Every p is adjusted for how many comparisons there are (Holm).
    """
    right = {name: row.decisions == split.labels for name, row in rows.items()}
    pairs: dict[str, tuple[str, str]] = {}
    if FUSED in rows:
        pairs[SINGLE] = FUSED, max(selection_rows, key=lambda name: float(right[name].mean()))
    for name, prefix in ((FROZEN_SYSTEM, FROZEN), (LINEAR_SYSTEM, LINEAR)):
        others = [row for row in rows if row.startswith(prefix)]
        if others and not np.array_equal(rows[others[-1]].decisions, rows[system].decisions):
            pairs[name] = system, others[-1]
    found = {name: compared(right[one], right[other], blocks) for name, (one, other) in pairs.items()}
    adjusted = holm({name: one.p for name, one in found.items()})
    return {name: one.adjusted(adjusted[name], *pairs[name]) for name, one in found.items()}


def _with_fused(predictions: Mapping[str, Predictions], fusion: Mixture | None, majority: int) -> dict[str, Row]:
    rows = {modality: _row(one, majority) for modality, one in predictions.items()}
    if fusion is not None:
        fused = mix({modality: predictions[modality].logits for modality in fusion.weights}, fusion.weights)
        seconds = sum(predictions[modality].seconds_per_sample for modality in fusion.weights)
        rows[FUSED] = Row(fused, seconds)
    return rows


def _richer(
    predictions: Mapping[str, Predictions], fusions: Mapping[str, LinearFusion], own: Mapping[str, Row]
) -> dict[str, Row]:
    """Each richer fusion's row; `own`: the fused row is what decides where a sample lacks a modality."""
    logits = {modality: one.logits.astype(np.float64) for modality, one in predictions.items()}
    return {
        name: Row(one.logits(logits, own[FUSED].said.astype(np.float64)), own[FUSED].seconds_per_sample)
        for name, one in fusions.items()
    }


def _row(one: Predictions, majority: int) -> Row:
    said = _decided(one.logits, majority)
    return Row(said, one.seconds_per_sample, None if said.ndim == 2 else one.logits)


def _scored(row: Row, split: Split, blocks: Blocks | None, temperature: float | None) -> RowScores:
    scores = score(row.said, split.labels, split.classes)
    interval = share_interval(row.decisions == split.labels, blocks)
    logits = row.said.astype(np.float64) if row.said.ndim == 2 else None
    told = None if logits is None else calibration(logits, split.labels)
    calm = None if logits is None or temperature is None else log_loss(logits / temperature, split.labels)
    return RowScores(
        scores,
        row.seconds_per_sample,
        interval,
        log_loss=told.log_loss if told else None,
        brier=told.brier if told else None,
        calibration_error=told.error if told else None,
        temperature=temperature,
        calibrated_log_loss=calm,
    )


def _decided(logits: NDArray[np.float32], majority: int) -> NDArray[np.generic]:
    """The logits (N, C); where rows are missing, decisions (N,). Half a row of NaN is left for `score` to refuse."""
    missing = missing_rows(logits)
    if not missing.any() or not np.isfinite(logits[~missing]).all():
        return logits
    return np.where(missing, majority, np.where(missing[:, None], 0, logits).argmax(axis=1))
