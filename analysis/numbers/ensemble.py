"""Several models of each modality at once: the mean of their calibrated logits, every modality with the same share.

On seven studies' val (160 to 196 samples, cross-fitted) the two best by log loss of each modality were 1.1 points above
the best pair on average; Caruana's greedy selection of as many members .4 points, by accuracy as by log loss, and its
bagged form was below the pair on three of four: so few samples can't tell which of the many mixtures is the better one.
Whether a study deploys its ensemble, its own val says (`Gain`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from analysis.numbers.logits import missing_rows
from analysis.numbers.mixture import best_mixture, mix
from analysis.numbers.pairs import Candidate, best_together
from trainables.heads.temperature import calibrated

Candidates = Mapping[str, Sequence[Candidate]]  # by modality, the best first
LIKELY = 0.1  # how likely a gain as large as the gate asks for is where there is none, at most


@dataclass(frozen=True)
class Limits:
    """What an ensemble may cost, all members together."""

    members: int = 4
    seconds: float = math.inf  # a sample
    size: float = math.inf  # bytes


@dataclass(frozen=True)
class Gain:
    """What an ensemble, or a richer fusion, has above the pair on val, each fitted on the other folds' samples."""

    share: float  # of the samples: the difference of both accuracies
    standard_error: float  # of that share, over groups of samples
    p: float  # one-sided sign test over the groups that differ: how likely so many gain where none is to be had

    @property
    def shown(self) -> bool:
        """Whether it is more than chance: above one standard error, and unlikely without a gain.

        One standard error alone is passed by chance in a sixth of the studies.
        """
        return self.share > self.standard_error and self.p < LIKELY


def ensemble_weights(candidates: Candidates, labels: NDArray[np.int64], limits: Limits) -> dict[str, float]:
    """The members' weights by name, 1 in sum; empty where no more than one of each modality fits the limits.

    Of each modality in turn the candidate with the next lowest log loss at its best temperature, as long as `limits`
    allow it; labels (N,). Candidates' costs are (seconds a sample, bytes).
    """
    factors: dict[str, float] = {}
    ordered: dict[str, list[Candidate]] = {}
    for modality, own in candidates.items():
        losses = {}
        for one in own:
            there = ~missing_rows(one.logits)
            losses[one.name], factors[one.name] = calibrated(one.logits[there], labels[there])
        ordered[modality] = sorted(own, key=lambda one: losses[one.name])
    members = _within(ordered, limits)
    if len(members) == len(candidates):
        return {}
    count = {modality: sum(of == modality for of, _ in members) for modality in candidates}
    shares = {one.name: factors[one.name] / count[modality] for modality, one in members}
    return {name: share / sum(shares.values()) for name, share in shares.items()}


def ensembled(candidates: Candidates, weights: Mapping[str, float]) -> NDArray[np.float64]:
    """The ensemble's logits (N, C); of samples that no member can take, NaN."""
    return mixed_members({one.name: one.logits for own in candidates.values() for one in own}, weights)


def mixed_members(logits: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """The mean (N, C), by their weights, of the logits (N, C) by member; NaN where all of them are.

    `logits` may have more members than `weights`. Raises ValueError as `mix` does.
    """
    own = {name: np.asarray(logits[name], dtype=np.float64) for name in weights}
    there = ~np.all([missing_rows(one) for one in own.values()], axis=0)
    found = np.full(next(iter(own.values())).shape, np.nan)
    if there.any():
        found[there] = mix({name: one[there] for name, one in own.items()}, weights)
    return found


def cross_fitted_gain(
    candidates: Candidates,
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    limits: Limits,
) -> Gain | None:
    """What the ensemble gains over the best pair on samples that neither was chosen or weighted on.

    labels (N,); folds (N,), at least two, each held out in turn while everything is done anew on the others; groups
    (N,), none of them in two folds: the samples of one count as one draw. Where the others make no ensemble, the pair
    stands for it. None where there is a modality that no sample outside of a fold has.
    """
    more = np.zeros(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        kept, own = _rows(candidates, ~held), labels[~held]
        if any(missing_rows(one.logits).all() for candidate in kept.values() for one in candidate):
            return None
        weights = ensemble_weights(kept, own, limits)
        pair = best_together(kept, own)
        rest, truth = _rows(candidates, held), labels[held]
        alone = _mixed(rest, pair, own)
        together = ensembled(rest, weights) if weights else alone
        more[held] = _right(together, truth).astype(float) - _right(alone, truth)
    return gain_of(more, groups)


def _within(ordered: Candidates, limits: Limits) -> list[tuple[str, Candidate]]:
    """Modality and candidate of each member: the first of each modality in any case, then those that fit.

    Where a modality has few, the others don't take their places: three of one kind mostly err alike.
    """
    each = max(1, limits.members // len(ordered))
    members: list[tuple[str, Candidate]] = []
    seconds = size = 0.0
    for place in range(min(each, max(map(len, ordered.values())))):
        for modality, own in ordered.items():
            if place >= len(own):
                continue
            slow, large = (*own[place].cost, 0.0, 0.0)[:2]
            fits = len(members) < limits.members and seconds + slow <= limits.seconds and size + large <= limits.size
            if place == 0 or fits:
                members.append((modality, own[place]))
                seconds, size = seconds + slow, size + large
    return members


def _rows(candidates: Candidates, rows: NDArray[np.bool_]) -> dict[str, list[Candidate]]:
    return {name: [Candidate(one.name, one.logits[rows], one.cost) for one in own] for name, own in candidates.items()}


def _mixed(rest: Candidates, pair: Mapping[str, Candidate], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The pair's logits for samples that it wasn't fitted on; `pair` has those of the samples with the labels."""
    names = {one.name for one in pair.values()}
    logits = {modality: one.logits for modality, own in rest.items() for one in own if one.name in names}
    if len(pair) == 1:
        return next(iter(logits.values()))
    return mix(logits, best_mixture({name: one.logits for name, one in pair.items()}, labels).weights)


def _right(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = logits.argmax(axis=1) == labels
    return found


def gain_of(more: NDArray[np.float64], groups: NDArray[np.int64]) -> Gain:
    """From how many more samples are right, (N,) of -1, 0 and 1; groups (N,): the samples of one count as one draw."""
    _, places = np.unique(groups, return_inverse=True)
    by_group = np.bincount(places, weights=more)
    better, worse = int((by_group > 0).sum()), int((by_group < 0).sum())
    p = float(binom.sf(better - 1, better + worse, 0.5))
    return Gain(float(more.mean()), float(np.sqrt((by_group**2).sum())) / len(more), p)
