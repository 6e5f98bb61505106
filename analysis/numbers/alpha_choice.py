"""Which alpha a study ends with, by a stated rule: the widest best plateau, or the calm one of those that are as good.

The best alpha of a few hundred samples is the best by luck in part. All within one standard error of it are as good as
val can tell; of these the second rule takes the one nearest to the least log loss, which every sample has a say in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from analysis.numbers.fusion import SAME, AlphaCurve, BestAlpha, alpha_curve, best_alpha, fuse
from analysis.numbers.intervals import Blocks
from analysis.numbers.logits import Floats, Labels, missing_rows
from analysis.numbers.sweeps import score_curve
from trainables.heads.temperature import best_factor
from trainables.names import ACCURACY, WIDEST_PLATEAU, AlphaRule, FusedMetric


@dataclass(frozen=True)
class FusionRule:
    """How alpha is chosen on val."""

    metric: FusedMetric = ACCURACY  # what it is chosen for
    rule: AlphaRule = WIDEST_PLATEAU

    def __str__(self) -> str:
        score = self.metric.replace("_", " ").replace("f1", "F1")
        if self.rule == WIDEST_PLATEAU:
            return "the middle of the widest best plateau" + ("" if self.metric == ACCURACY else f" of {score}")
        return f"the nearest to the least log loss within one standard error of the best {score}"


def chosen_alpha(
    first: NDArray[np.floating], second: NDArray[np.floating], labels: Labels, rule: FusionRule, blocks: Blocks | None
) -> BestAlpha:
    """Alpha by the rule, its accuracy, and the range of alphas that are as good by it.

    Logits (N, C) twice, NaN rows where a sample lacks a modality; labels (N,); blocks (N,): samples of one are alike.
    With the default rule it is `best_alpha`. Raises ValueError as `alpha_curve` does.
    """
    curve = alpha_curve(first, second, labels)
    if rule == FusionRule():
        return best_alpha(curve)
    scores = curve if rule.metric == ACCURACY else score_curve(first, second, labels, rule.metric)
    best = best_alpha(scores, narrowest=SAME)
    if rule.rule != WIDEST_PLATEAU:
        said = fuse(first, second, best.alpha).argmax(axis=1)
        error = standard_error(said, labels, first.shape[1], rule.metric, blocks)
        best = _nearest(scores, best.accuracy - error, least_loss_alpha(first, second, labels))
    return BestAlpha(best.alpha, float(curve.at(best.alpha)), best.low, best.high)


def standard_error(
    said: Labels, labels: Labels, classes: int, metric: FusedMetric, blocks: Blocks | None = None
) -> float:
    """How far a score lies from that of all samples that there could be, by the delta method; said and labels (N,).

    Each sample's influence is the score's derivative by its cell of the confusion matrix; samples of a block (N,) count
    together. Of the accuracy p it is the binomial sqrt(p (1 - p) / N).
    """
    influence = _influence(said, labels, classes, metric)
    if blocks is not None:
        influence = np.bincount(np.unique(blocks, return_inverse=True)[1], weights=influence).astype(np.float64)
    return float(np.sqrt((influence**2).sum()))


def least_loss_alpha(first: NDArray[np.floating], second: NDArray[np.floating], labels: Labels) -> float:
    """The alpha of the least log loss, each modality at the temperature that is best in the fusion.

    a * first + b * second with a, b >= 0 is every fusion at every temperature; its log loss is convex in both, and
    alpha is b / (a + b). The search begins at each modality's own temperature (Guo et al. 2017, 1706.04599). One half
    where no sample has both, or neither says anything.
    """
    both = ~(missing_rows(first) | missing_rows(second))
    if not both.any():
        return 0.5
    pair, truth = np.stack([first[both], second[both]]).astype(np.float64), labels[both]
    target = np.full(pair.shape[1:], 1 / (len(truth) + 1) / pair.shape[2])  # as `best_factor`: no logit without bound
    target[np.arange(len(truth)), truth] += 1 - 1 / (len(truth) + 1)

    def loss(weights: Floats) -> tuple[float, Floats]:
        chances = log_softmax(np.tensordot(weights, pair, 1), axis=1)
        slope = ((np.exp(chances) - target) * pair).sum(axis=(1, 2)) / len(truth)
        return float(-(target * chances).sum() / len(truth)), slope

    begin = [best_factor(one, truth) / 2 for one in pair]
    weights = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(0, None)] * 2).x
    return float(weights[1] / weights.sum()) if weights.sum() > 0 else 0.5


def _influence(said: Labels, labels: Labels, classes: int, metric: FusedMetric) -> Floats:
    """By how much the score would move if there were one sample like each of these more; (N,), 0 in sum."""
    right, samples = (said == labels).astype(np.float64), len(labels)
    if metric == ACCURACY:
        return np.asarray((right - right.mean()) / samples)
    hits, support = (np.bincount(labels, weights, minlength=classes) for weights in (right, None))
    if metric == "balanced_accuracy":
        recall = np.divide(hits, support, out=np.zeros(classes), where=support > 0)
        return np.asarray((right - recall[labels]) / support[labels] / (support > 0).sum())
    whole = np.maximum(support + np.bincount(said, minlength=classes), 1)
    f1 = 2 * hits / whole
    weight = np.ones(classes) / classes if metric == "macro_f1" else support / samples
    own = weight[labels] * (2 * right - f1[labels]) / whole[labels] - weight[said] * f1[said] / whole[said]
    moved = 0.0 if metric == "macro_f1" else (f1[labels] - (f1 * weight).sum()) / samples
    return np.asarray(own + moved)


def _nearest(curve: AlphaCurve, least: float, target: float) -> BestAlpha:
    """Of the alphas at which the curve has at least so much, the one nearest to the target; the range that it is in."""
    good = (curve.accuracies >= least) & (np.diff(curve.edges) > SAME)
    starts = np.flatnonzero(good & ~np.concatenate([[False], good[:-1]]))
    ends = np.flatnonzero(good & ~np.concatenate([good[1:], [False]]))
    low, high = curve.edges[starts], curve.edges[ends + 1]
    nearest = int(np.argmin(np.maximum(low - target, target - high).clip(min=0)))
    place = int(np.searchsorted(curve.edges, target, side="right")) - 1
    at, outside = target, min(max(place, int(starts[nearest])), int(ends[nearest]))
    if not low[nearest] < target < high[nearest] or target in curve.edges:  # inside of a step no sample's classes tie
        at = float(curve.edges[outside : outside + 2].mean())
    return BestAlpha(at, float(curve.at(at)), float(low[nearest]), float(high[nearest]))
