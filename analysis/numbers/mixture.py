"""The fusion of any number of models' logits, weighted by modality, and the search for the most accurate weights.

fused = the sum of weight * logits, the weights at least 0 and 1 in sum. A sample that lacks a modality has a row of NaN
there: it is fused over the modalities that it has, with their weights divided by their sum; where these are all 0, with
equal ones.

With two modalities the accuracy is a function of one weight, known exactly (`fusion`). With more it is known exactly
along every line, so the search goes from line to line: from the mixture of the others towards each modality in turn, as
in Och's training of many weights ("Minimum Error Rate Training in Statistical Machine Translation", 2003).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.numbers.fusion import AlphaCurve, BestAlpha, alpha_curve, best_alpha
from analysis.numbers.lines import LineBest, Lines, over_present
from analysis.numbers.logits import (
    Floats,
    Labels,
    checked_labels,
    checked_logits,
    refuse_unused,
)
from analysis.numbers.simplex import finest_steps, simplex_grid

GRID_MARGINS = 100_000_000  # that a grid's accuracies may take: points * samples * (classes - 1), about 1 s on a core
GRID_POINTS = 10_000  # of a grid at most, also where there are few samples
_SUM = 1e-9  # by which weights may miss 1 in sum


@dataclass(frozen=True)
class Mixture:
    """The chosen weights, their accuracy (a share), and the plateau of that accuracy around them.

    The plateau is along one line: the weight of the modality `towards` may be anywhere between `low` and `high` while
    the others share the rest in proportion.
    """

    weights: Mapping[str, float]  # by modality, in the order of the logits
    accuracy: float
    towards: str
    low: float
    high: float

    @classmethod
    def of_alpha(cls, best: BestAlpha, first: str, second: str) -> Mixture:
        """Two modalities' best alpha, the weight of `second`, as a mixture."""
        return cls({first: 1 - best.alpha, second: best.alpha}, best.accuracy, second, best.low, best.high)

    @property
    def best_alpha(self) -> BestAlpha | None:
        """Of two modalities: the weight of the second as the best alpha; of more: None."""
        if len(self.weights) != 2:
            return None
        return BestAlpha(self.weights[self.towards], self.accuracy, self.low, self.high)


def mix(logits: Mapping[str, ArrayLike], weights: Mapping[str, float]) -> Floats:
    """The fused logits, (N, C) float64, of (N, C) arrays by modality.

    Raises ValueError where the weights aren't of the same modalities, at least 0 and 1 in sum; where the shapes differ;
    where a logit isn't finite and its row isn't all NaN; or where a row is NaN in all of them.
    """
    names = list(logits)
    shares = _checked_weights(names, weights)
    arrays, present = checked_logits([logits[name] for name in names])
    by_sample = np.repeat(shares[:, None], arrays.shape[1], axis=1)
    lacking = ~present.all(axis=0)
    kept = over_present(shares, present[:, lacking].T)
    by_sample[:, lacking] = (kept / kept.sum(axis=1, keepdims=True)).T
    fused: Floats = np.add.reduce([weight[:, None] * one for weight, one in zip(by_sample, arrays, strict=True)])
    return fused


def best_mixture(logits: Mapping[str, ArrayLike], labels: ArrayLike) -> Mixture:
    """The most accurate weights for logits (N, C) by modality and labels (N,), indices into the classes.

    A tie between the true class and another is wrong. Two modalities: exactly `best_alpha`. Three and more: the best of
    all lines that the search followed; it begins at each modality alone, at each pair's exact best, at equal weights,
    and at the best point of a grid in each modality's corner, so that the result is never less accurate than any of
    these (a plateau narrower than 1e-12 aside, which is a rounding). The grid's steps are 1/100 where `GRID_MARGINS`
    and `GRID_POINTS` allow it, else larger. Of equal accuracy the widest plateau, then the weights nearest to equal
    ones, then the line that was followed first. Neither the modalities' names nor their order change the
    result; of modalities with equal logits the names say which is which.

    Raises ValueError where there are fewer than two modalities, as `mix` does for logits, where N is 0, a label isn't a
    class, or no sample has one of the modalities.
    """
    names = list(logits)
    if len(names) < 2:
        raise ValueError(f"A mixture must have at least two modalities, but got {names}.")
    if len(names) == 2:
        first, second = names
        best = best_alpha(alpha_curve(logits[first], logits[second], labels))
        return Mixture.of_alpha(best, first, second)
    arrays, present, classes = _checked(logits, labels)
    order = sorted(range(len(names)), key=lambda place: (_content(arrays[place], present[place]), names[place]))
    found = _search(Lines(arrays[order], present[order], classes))
    weights = {names[place]: found.weights[order.index(place)] for place in range(len(names))}
    return Mixture(weights, found.accuracy, names[order[found.towards]], found.low, found.high)


def mixture_grid(logits: Mapping[str, ArrayLike], labels: ArrayLike, steps: int | None = None) -> tuple[Floats, Floats]:
    """Points of evenly spaced weights, (G, M) in the order of the logits, and the accuracy (G,) at each.

    `steps` from 0 to 1; None: as many, up to 100, as the search takes. Raises ValueError as `best_mixture` does.
    """
    lines = Lines(*_checked(logits, labels))
    points = simplex_grid(len(logits), steps or _grid_steps(lines))
    return points, lines.right(points) / lines.samples


def weight_curves(
    logits: Mapping[str, ArrayLike], labels: ArrayLike, weights: Mapping[str, float]
) -> dict[str, AlphaCurve]:
    """By modality, the exact accuracy as its weight goes from 0 to 1 while the others keep their proportion.

    Where the others weigh nothing they share the rest equally. Raises ValueError as `mix` and `best_mixture` do.
    """
    names = list(logits)
    shares = _checked_weights(names, weights)
    lines = Lines(*_checked(logits, labels))
    return {name: lines.curve(lines.rest(shares, place), place) for place, name in enumerate(names)}


def _grid_steps(lines: Lines) -> int:
    """How many steps the search's grid has from 0 to 1."""
    return finest_steps(lines.modalities, min(GRID_MARGINS // (lines.samples * max(lines.rivals, 1)), GRID_POINTS))


def _search(lines: Lines) -> LineBest:
    """The best of all lines that were followed, no other line through it having more."""
    found = [one for start in _starts(lines) for one in _climb(lines, start)]
    while True:
        best = _best_of(found)
        # A climb goes on from what gains alone: the best one of equals may be a point from which none went on.
        onwards = list(_climb(lines, np.array(best.weights)))
        if max(one.accuracy for one in onwards) <= best.accuracy:
            return best
        found += onwards


def _best_of(found: Sequence[LineBest]) -> LineBest:
    """The most accurate; of equals the widest plateau, then the nearest to equal weights, then the first."""
    from_equal = _from_equal(np.array([one.weights for one in found]))
    widths = np.round([one.high - one.low for one in found], 12)
    accuracies = np.array([one.accuracy for one in found])
    return found[int(np.lexsort((from_equal, -widths, -accuracies))[0])]


def _starts(lines: Lines) -> Iterator[Floats]:
    """Each modality alone, each pair's best, equal weights, and the grid's best of each modality's corner."""
    alone = np.eye(lines.modalities)
    yield from alone
    for first, second in combinations(range(lines.modalities), 2):
        yield np.array(lines.towards(alone[first], second).weights)
    yield np.full(lines.modalities, 1 / lines.modalities)
    points = simplex_grid(lines.modalities, _grid_steps(lines))
    best_first = np.lexsort((_from_equal(points), -lines.right(points)))
    corner = points.argmax(axis=1)[best_first]
    for modality in range(lines.modalities):
        yield points[best_first[np.argmax(corner == modality)]]


def _climb(lines: Lines, point: Floats) -> Iterator[LineBest]:
    """Line after line, towards each modality in turn, each from the best point so far, until none gains."""
    best, modality, in_vain = int(lines.right(point[None])[0]), 0, 0
    while in_vain < lines.modalities:
        found = lines.towards(point, modality)
        yield found
        right = round(found.accuracy * lines.samples)
        in_vain += 1
        if right > best:
            point, best, in_vain = np.array(found.weights), right, 1  # on its own line nothing more is to be had
        modality = (modality + 1) % lines.modalities


def _from_equal(points: Floats) -> Floats:
    """How far weights (G, M) are from equal ones: their variance (G,), rounded so that equal distances are equal."""
    distances: Floats = np.round(np.var(points, axis=1), 12)
    return distances


def _checked(logits: Mapping[str, ArrayLike], labels: ArrayLike) -> tuple[Floats, NDArray[np.bool_], Labels]:
    arrays, present = checked_logits(list(logits.values()))
    refuse_unused(present)
    return arrays, present, checked_labels(labels, arrays.shape[1:])


def _checked_weights(names: Sequence[str], weights: Mapping[str, float]) -> Floats:
    shares = np.array([weights.get(name, np.nan) for name in names], dtype=np.float64)
    if set(names) != set(weights) or not (shares >= 0).all() or abs(shares.sum() - 1) > _SUM:
        raise ValueError(
            f"The weights must be those of {', '.join(names)}, each at least 0 and 1 in sum, but got {dict(weights)}."
        )
    return shares


def _content(logits: Floats, present: NDArray[np.bool_]) -> bytes:
    """A digest of one modality's logits (N, C): an order that depends neither on names nor on their order."""
    return hashlib.sha256(logits.tobytes() + present.tobytes()).digest()
