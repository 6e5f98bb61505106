"""The fusion of two models' logits, and its accuracy as an exact function of the weight alpha.

fused = alpha * second + (1 - alpha) * first, where first and second are two modalities in the registry's order: alpha 0
is the first modality alone, alpha 1 the second. Each logit of the fusion is linear in alpha, so "the true class beats
every other" holds on one interval of alpha for every sample; the sorted end points give the whole accuracy curve. This
is Och's line search in one dimension ("Minimum Error Rate Training in Statistical Machine Translation", 2003), where a
grid of alphas only samples the curve.

A sample that lacks a modality has a row of NaN there, and the other modality decides alone, whatever alpha is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.numbers.logits import Floats, checked_labels, checked_logits, margins, refuse_unused, safe_scale

AlphaRange = tuple[float, float]
AlphaGrid = tuple[tuple[float, float], ...]  # (alpha, accuracy)

GRID_POINTS = 11  # the publication's 0.0, 0.1, ..., 1.0
_SMALLEST = float(np.nextafter(0.0, 1.0))
_BELOW_ONE = float(np.nextafter(1.0, 0.0))
SAME = 1e-12  # two widths or distances that differ by less are equal: they are differences of rounded roots


@dataclass(frozen=True, eq=False)
class AlphaCurve:
    """Accuracy of the fusion as a step function of alpha: `accuracies[k]` holds from `edges[k]` to `edges[k + 1]`."""

    edges: Floats  # (K + 1,) rising strictly from 0 to 1
    accuracies: Floats  # (K,) shares of the samples

    def at(self, alpha: ArrayLike) -> Any:
        """The accuracy at one alpha (float) or at many (array of the same shape).

        On an inner edge, where a sample's classes tie, the step to its right counts. Raises ValueError outside of
        [0, 1].
        """
        alphas = np.asarray(alpha, dtype=np.float64)
        if not np.all((alphas >= 0) & (alphas <= 1)):
            raise ValueError(f"`0 <= alpha <= 1` must hold, but got {alpha!r}.")
        place = np.searchsorted(self.edges, alphas, side="right") - 1
        found = self.accuracies[np.minimum(place, len(self.accuracies) - 1)]
        return float(found) if alphas.ndim == 0 else found

    def merged(self) -> AlphaCurve:
        """The same curve with neighbouring steps of equal accuracy joined."""
        starts = np.concatenate([[True], np.diff(self.accuracies) != 0])
        return AlphaCurve(np.append(self.edges[:-1][starts], 1.0), self.accuracies[starts])


@dataclass(frozen=True)
class BestAlpha:
    """The chosen alpha, its accuracy (a share), and the plateau of that accuracy around it."""

    alpha: float
    accuracy: float
    low: float
    high: float


def fuse(first_logits: ArrayLike, second_logits: ArrayLike, alpha: float) -> Floats:
    """The fused logits, (N, C) float64, of two (N, C) arrays; a row that is NaN in one of them is the other's.

    Raises ValueError where alpha isn't in [0, 1], the shapes differ, a logit isn't finite while its row isn't all NaN,
    or a row is NaN in both.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"`0 <= alpha <= 1` must hold, but got {alpha}.")
    logits, present = checked_logits([first_logits, second_logits])
    first, second = logits
    fused: Floats = alpha * second + (1 - alpha) * first
    fused[~present[0]], fused[~present[1]] = second[~present[0]], first[~present[1]]
    return fused


def alpha_curve(first_logits: ArrayLike, second_logits: ArrayLike, labels: ArrayLike) -> AlphaCurve:
    """The exact accuracy curve of the fusion: logits (N, C) twice, labels (N,) indices into the classes.

    A tie between the true class and another is wrong; inside a step there are none but those that hold for every alpha.
    Takes O(N C + N log N). Raises ValueError as `fuse` does, and where N is 0, a label isn't a class, or no sample has
    one of the modalities.
    """
    logits, present = checked_logits([first_logits, second_logits])
    refuse_unused(present)
    classes = checked_labels(labels, logits.shape[1:])
    scale = safe_scale(logits)
    first = np.where(present[0, :, None], logits[0], logits[1]) * scale
    second = np.where(present[1, :, None], logits[1], logits[0]) * scale
    pairs = zip(margins(first, classes), margins(second, classes), strict=True)
    low, high = winning_intervals(pairs, len(classes))
    return curve_of(low, high, len(classes))


def best_alpha(curve: AlphaCurve, narrowest: float = 0.0) -> BestAlpha:
    """The middle of the widest plateau with the highest accuracy; of equally wide ones the nearest 0.5, then the lower.

    Where that middle is itself a break inside the plateau (one sample wins there, another loses, both tie), the middle
    of a step beside it is taken. Plateaus that aren't wider than `narrowest` don't count.
    """
    merged = curve.merged()
    accuracies = np.where(np.diff(merged.edges) > narrowest, merged.accuracies, -1.0)
    best = np.flatnonzero(accuracies == accuracies.max())
    low, high = merged.edges[best], merged.edges[best + 1]
    widest = high - low >= (high - low).max() - SAME
    middles = (low + high) / 2
    order = sorted(np.flatnonzero(widest), key=lambda k: (round(float(abs(middles[k] - 0.5)), 12), middles[k]))
    plateau = float(low[order[0]]), float(high[order[0]])
    return BestAlpha(_off_the_break(curve, plateau), float(accuracies.max()), *plateau)


def alpha_grid(
    first_logits: ArrayLike, second_logits: ArrayLike, labels: ArrayLike, points: int = GRID_POINTS
) -> AlphaGrid:
    """(alpha, accuracy) at evenly spaced alphas from 0 to 1, by the largest fused logit: the publication's sweep.

    Raises ValueError as in `alpha_curve`.
    """
    logits, _ = checked_logits([first_logits, second_logits])
    classes = checked_labels(labels, logits.shape[1:])
    alphas = [k / (points - 1) for k in range(points)]
    return tuple(
        (alpha, float(np.mean(fuse(first_logits, second_logits, alpha).argmax(axis=1) == classes))) for alpha in alphas
    )


def winning_intervals(pairs: Iterable[tuple[Floats, Floats]], samples: int) -> tuple[Floats, Floats]:
    """(low, high), each (N,): the sample is right for low < alpha < high, nowhere where low >= high.

    `pairs` has for every rival the margins (N,) at alpha 0 and at alpha 1.
    """
    low, high = np.zeros(samples), np.ones(samples)
    for at_first, at_second in pairs:
        root = _roots(at_first, at_second)
        np.maximum(low, root, out=low, where=at_first <= 0)
        np.minimum(high, root, out=high, where=at_second <= 0)
    return low, high


def _roots(at_first: Floats, at_second: Floats) -> Floats:
    """Where the margin, `at_first` at alpha 0 and `at_second` at alpha 1, crosses 0; (N,).

    1 and 0 where it is positive or nowhere positive on (0, 1): as a lower limit 1 excludes all, as an upper one 0 does,
    and a margin that isn't positive at either end is given 1 as lower and thereby excludes all.
    """
    falls = (at_first > 0) & (at_second <= 0)
    rises = (at_first <= 0) & (at_second > 0)
    crosses = falls | rises
    root = np.divide(at_first, at_first - at_second, out=np.ones_like(at_first), where=crosses)
    # A model that decides without a tie keeps its end of the interval, however near to it the root is rounded.
    strictly = crosses & (at_first != 0) & (at_second != 0)
    return np.clip(root, _SMALLEST, _BELOW_ONE, out=root, where=strictly)


def curve_of(low: Floats, high: Floats, samples: int, always: int = 0) -> AlphaCurve:
    """The accuracy curve of all samples: those that are right for low < alpha < high, and `always` that are everywhere.

    `low` and `high` (n,) are of those alone of which it depends on alpha; `samples` counts all.
    """
    wins = low < high
    low, high = np.sort(low[wins]), np.sort(high[wins])
    edges = np.unique(np.concatenate([[0.0, 1.0], low, high]))
    starts = edges[:-1]
    right = np.searchsorted(low, starts, side="right") - np.searchsorted(high, starts, side="right")
    return AlphaCurve(edges, (always + right) / samples)


def _off_the_break(curve: AlphaCurve, plateau: AlphaRange) -> float:
    low, high = plateau
    middle = (low + high) / 2
    inside = curve.edges[(curve.edges > low) & (curve.edges < high)]
    at = np.flatnonzero(np.abs(inside - middle) <= SAME)
    if at.size == 0:
        return middle
    steps = np.concatenate([[low], inside, [high]])
    before, after = (float(steps[k : k + 2].mean()) for k in (at[0], at[-1] + 1))
    return after if abs(after - 0.5) < abs(before - 0.5) - SAME else before
