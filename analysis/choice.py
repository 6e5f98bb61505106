"""Which trials a study ends with: of each modality the one that goes best with the others', or several of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.alpha_choice import FusionRule, chosen_alpha
from analysis.numbers.ensemble import Gain, Limits, cross_fitted_gain, ensemble_weights
from analysis.numbers.intervals import Blocks
from analysis.numbers.logits import Labels
from analysis.numbers.mixture import Mixture, best_mixture
from analysis.numbers.pairs import Candidate, best_together
from analysis.numbers.richer import can_be_fitted, fitted, fusion_gain
from analysis.numbers.selection import best_epoch, ranked, select_best
from analysis.results import FusionResult
from trainables.heads.folds import FOLDS, grouped_folds
from trainables.names import ACCURACY, FusionName
from trainables.records import Predictions, TrialRecord, study_checkpoint

MOST = 20  # trials of a modality that are candidates beside its heads: the best of them by themselves
# How far a candidate's val accuracy may lie below its modality's best: where a sample lacks the other modality, it
# decides alone. On halves of two studies' val the best pair was .004 and .010 better than the pair of the best, and
# .003 better in both within this reach.
REACH = 0.05

ValLogits = Callable[[Path], "NDArray[np.float32] | None"]


@dataclass(frozen=True)
class Choice:
    """What val says is the best: one trial of each modality, and who else may be chosen."""

    trials: Mapping[str, TrialRecord]  # by modality
    candidates: Mapping[str, Sequence[Candidate]]  # by modality, the best first; empty where val logits weren't kept


@dataclass(frozen=True)
class EnsembleChoice:
    """Trials that decide together, their weights by trial id, and what that gains over the best pair."""

    trials: tuple[TrialRecord, ...]
    weights: Mapping[str, float]
    gain: Gain


def chosen_trials(
    study_folder: Path,
    records: Sequence[TrialRecord],
    modalities: Sequence[str],
    labels: NDArray[np.int64],
    val_logits: ValLogits,
) -> Choice:
    """By modality, the trials whose fusion is best on val; `labels` (N,) are val's.

    Candidates are the `MOST` best trials by themselves, and all heads, whose val logits lie with their checkpoints and
    that are within `REACH` of the best.
    Where those of a modality's best trial don't (an earlier version didn't keep them), each modality has its own best.
    UserError where a modality has no trial that qualifies.
    """
    best = {modality: select_best(records, modality) for modality in modalities}
    candidates: dict[str, list[Candidate]] = {}
    for modality in modalities:
        found = [_candidate(study_folder, record, val_logits) for record in _candidates(records, modality)]
        candidates[modality] = [one for one in found if one is not None and len(one.logits) == len(labels)]
    if any(not own or own[0].name != best[name].trial_id for name, own in candidates.items()):
        return Choice(best, {})
    by_id = {record.trial_id: record for record in records}
    return Choice({name: by_id[one.name] for name, one in best_together(candidates, labels).items()}, candidates)


def chosen_ensemble(
    choice: Choice,
    records: Sequence[TrialRecord],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    limits: Limits,
) -> EnsembleChoice | None:
    """The ensemble of the candidates and its gain; None where there is none, or too little to tell its gain.

    `labels` and `groups` (N,) are val's: samples of one group are alike.
    """
    if not choice.candidates or len(np.unique(groups)) < 2:
        return None
    weights = ensemble_weights(choice.candidates, labels, limits)
    if not weights:
        return None
    gain = cross_fitted_gain(choice.candidates, labels, grouped_folds(labels, groups, seed=0), groups, limits)
    if gain is None:
        return None
    by_id = {record.trial_id: record for record in records}
    return EnsembleChoice(tuple(by_id[name] for name in weights), weights, gain)


def best_fusion(predictions: Mapping[str, Predictions], rule: FusionRule, blocks: Blocks | None) -> Mixture | None:
    """The weights of models by modality on val; None where there is nothing to fuse.

    The rule is about the alpha of two; blocks (N,): samples of one are alike.
    """
    if len(predictions) < 2:
        return None
    labels = next(iter(predictions.values())).labels
    return _fusion_of({modality: one.logits for modality, one in predictions.items()}, labels, rule, blocks)


def _fusion_of(
    logits: Mapping[str, NDArray[np.floating]], labels: Labels, rule: FusionRule, blocks: Blocks | None
) -> Mixture:
    """The weights of two modalities and more; logits (N, C) by modality."""
    if rule == FusionRule() or len(logits) > 2:
        return best_mixture(logits, labels)
    (first, one), (second, other) = logits.items()
    return Mixture.of_alpha(chosen_alpha(one, other, labels, rule, blocks), first, second)


def richer_fusions(
    predictions: Mapping[str, Predictions],
    names: Sequence[FusionName],
    rule: FusionRule,
    groups: NDArray[np.int64],
    *,
    deploy: bool,
) -> dict[str, FusionResult]:
    """By name, the richer fusions of models, by modality, on val, and whether one of them is to decide.

    None where val has too few samples of a class, or alpha is for another score than accuracy, which the gain is of.
    `deploy`: whether one may decide at all; groups (N,): samples of one are alike.
    """
    logits = {modality: one.logits.astype(np.float64) for modality, one in predictions.items()}
    labels = next(iter(predictions.values())).labels
    if rule.metric != ACCURACY or not can_be_fitted(logits, labels) or len(np.unique(groups)) < FOLDS:
        return {}

    def weigh(some: Mapping[str, NDArray[np.float64]], truth: Labels, alike: Labels) -> Mapping[str, float]:
        return _fusion_of(some, truth, rule, alike).weights

    weights, folds = weigh(logits, labels, groups), grouped_folds(labels, groups, seed=0)
    gains = {name: fusion_gain(name, logits, labels, groups, folds, weigh) for name in names}
    shown = [name for name, gain in gains.items() if gain.shown] if deploy else []
    best = max(shown, key=lambda name: gains[name].share, default=None)
    return {
        name: FusionResult(
            fitted(name, logits, labels, weights, folds), gain.share, gain.standard_error, gain.p, name == best
        )
        for name, gain in gains.items()
    }


def best_heads(records: Sequence[TrialRecord], modalities: Sequence[str]) -> dict[str, TrialRecord]:
    """By modality, the best head on frozen features, of those that have one."""
    heads = [record for record in records if record.is_head]
    own = {modality: ranked(heads, modality) for modality in modalities}
    return {modality: found[0] for modality, found in own.items() if found}


def _candidates(records: Sequence[TrialRecord], modality: str) -> list[TrialRecord]:
    """The best first."""
    every = ranked(records, modality)
    least = best_epoch(every[0]).val_accuracy - REACH
    own = [record for record in every if best_epoch(record).val_accuracy >= least]
    tuned = [record for record in own if not record.is_head][:MOST]
    return [record for record in own if record.is_head or record in tuned]


def _candidate(study_folder: Path, record: TrialRecord, val_logits: ValLogits) -> Candidate | None:
    kept, best = val_logits(study_checkpoint(study_folder, record)), best_epoch(record)
    if kept is None:
        return None
    return Candidate(record.trial_id, kept.astype(np.float64), (best.latency, float(best.weights_bytes)))
