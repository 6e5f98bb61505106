"""The fusion of two models' logits, and its accuracy as an exact function of the weight alpha.

fused = alpha * text + (1 - alpha) * image: alpha 0 is the image model alone, alpha 1 the text model alone. Each logit
of the fusion is linear in alpha, so "the true class beats every other" holds on one interval of alpha for every
sample; the sorted end points give the whole accuracy curve. This is Och's line search in one dimension ("Minimum Error
Rate Training in Statistical Machine Translation", 2003), where a grid of alphas only samples the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
AlphaRange = tuple[float, float]

GRID_POINTS = 11  # the publication's 0.0, 0.1, ..., 1.0
_SMALLEST = float(np.nextafter(0.0, 1.0))
_BELOW_ONE = float(np.nextafter(1.0, 0.0))
_SAME = 1e-12  # two widths or distances that differ by less are equal: they are differences of rounded roots


@dataclass(frozen=True, eq=False)
class AlphaCurve:
    """Accuracy of the fusion as a step function of alpha: `accuracies[k]` holds from `edges[k]` to `edges[k + 1]`."""

    edges: Floats  # (K + 1,) rising strictly from 0 to 1
    accuracies: Floats  # (K,) shares of the samples

    def at(self, alpha: ArrayLike) -> Any:
        """The accuracy at one alpha (float) or at many (array of the same shape).

        On an inner edge, where a sample's classes tie, the step to its right counts. ValueError outside of [0, 1].
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


def fuse(image_logits: ArrayLike, text_logits: ArrayLike, alpha: float) -> Floats:
    """The fused logits, (N, C) float64, of two (N, C) arrays.

    ValueError where alpha isn't in [0, 1], where the shapes differ, or where a logit isn't finite.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"`0 <= alpha <= 1` must hold, but got {alpha}.")
    image, text = _checked_logits(image_logits, text_logits)
    fused: Floats = alpha * text + (1 - alpha) * image
    return fused


def alpha_curve(image_logits: ArrayLike, text_logits: ArrayLike, labels: ArrayLike) -> AlphaCurve:
    """The exact accuracy curve of the fusion: logits (N, C) twice, labels (N,) indices into the classes.

    A tie between the true class and another is wrong; inside a step there are none but those that hold for every alpha.
    Takes O(N C + N log N). ValueError where shapes don't fit, N is 0, a label isn't a class or a logit isn't finite.
    """
    image, text = _checked_logits(image_logits, text_logits)
    classes = _checked_labels(labels, image.shape)
    low, high = _winning_intervals(image, text, classes)
    wins = low < high
    return _sweep(low[wins], high[wins], len(classes))


def best_alpha(curve: AlphaCurve) -> BestAlpha:
    """The middle of the widest plateau with the highest accuracy; of equally wide ones the nearest 0.5, then the lower.

    Where that middle is itself a break inside the plateau (one sample wins there, another loses, both tie), the middle
    of a step beside it is taken.
    """
    merged = curve.merged()
    best = np.flatnonzero(merged.accuracies == merged.accuracies.max())
    low, high = merged.edges[best], merged.edges[best + 1]
    widest = high - low >= (high - low).max() - _SAME
    middles = (low + high) / 2
    order = sorted(np.flatnonzero(widest), key=lambda k: (round(float(abs(middles[k] - 0.5)), 12), middles[k]))
    plateau = float(low[order[0]]), float(high[order[0]])
    return BestAlpha(_off_the_break(curve, plateau), float(merged.accuracies.max()), *plateau)


def alpha_grid(
    image_logits: ArrayLike, text_logits: ArrayLike, labels: ArrayLike, points: int = GRID_POINTS
) -> tuple[tuple[float, float], ...]:
    """(alpha, accuracy) at evenly spaced alphas from 0 to 1, by the largest fused logit: the publication's sweep.

    ValueError as in `alpha_curve`.
    """
    image, text = _checked_logits(image_logits, text_logits)
    classes = _checked_labels(labels, image.shape)
    alphas = [k / (points - 1) for k in range(points)]
    return tuple((alpha, float(np.mean(fuse(image, text, alpha).argmax(axis=1) == classes))) for alpha in alphas)


def _checked_logits(image_logits: ArrayLike, text_logits: ArrayLike) -> tuple[Floats, Floats]:
    image = np.asarray(image_logits, dtype=np.float64)
    text = np.asarray(text_logits, dtype=np.float64)
    if image.ndim != 2 or image.shape != text.shape or image.size == 0:
        raise ValueError(f"Both logits must have one shape (N, C), N and C >= 1, but got {image.shape}, {text.shape}.")
    if not (np.isfinite(image).all() and np.isfinite(text).all()):
        raise ValueError("Every logit must be finite, but some are NaN or infinite: the model that made them diverged.")
    return image, text


def _checked_labels(labels: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    classes = np.asarray(labels, dtype=np.int64)
    if classes.shape != shape[:1] or classes.min() < 0 or classes.max() >= shape[1]:
        raise ValueError(
            f"`labels` must have shape {shape[:1]} with values from 0 to {shape[1] - 1}, "
            f"but got shape {classes.shape} with values from {classes.min(initial=0)} to {classes.max(initial=0)}."
        )
    return classes


def _winning_intervals(image: Floats, text: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(low, high), each (N,): the sample is right for low < alpha < high, nowhere where low >= high."""
    scale = 0.125 if max(np.abs(image).max(), np.abs(text).max()) > 1e300 else 1.0  # differences must not overflow
    rows = np.arange(len(labels))
    image_true, text_true = image[rows, labels] * scale, text[rows, labels] * scale
    low, high = np.zeros(len(labels)), np.ones(len(labels))
    for rival in range(image.shape[1]):
        at_image = image_true - image[:, rival] * scale
        at_text = text_true - text[:, rival] * scale
        other = labels != rival
        root = _roots(at_image, at_text)
        np.maximum(low, root, out=low, where=other & (at_image <= 0))
        np.minimum(high, root, out=high, where=other & (at_text <= 0))
    return low, high


def _roots(at_image: Floats, at_text: Floats) -> Floats:
    """Where the margin, `at_image` at alpha 0 and `at_text` at alpha 1, crosses 0; (N,).

    1 and 0 where it is positive or nowhere positive on (0, 1): as a lower limit 1 excludes all, as an upper one 0 does,
    and a margin that isn't positive at either end is given 1 as lower and thereby excludes all.
    """
    falls = (at_image > 0) & (at_text <= 0)
    rises = (at_image <= 0) & (at_text > 0)
    crosses = falls | rises
    root = np.divide(at_image, at_image - at_text, out=np.ones_like(at_image), where=crosses)
    # A model that decides without a tie keeps its end of the interval, however near to it the root is rounded.
    strictly = crosses & (at_image != 0) & (at_text != 0)
    return np.clip(root, _SMALLEST, _BELOW_ONE, out=root, where=strictly)


def _sweep(low: Floats, high: Floats, samples: int) -> AlphaCurve:
    low, high = np.sort(low), np.sort(high)
    edges = np.unique(np.concatenate([[0.0, 1.0], low, high]))
    starts = edges[:-1]
    right = np.searchsorted(low, starts, side="right") - np.searchsorted(high, starts, side="right")
    return AlphaCurve(edges, right / samples)


def _off_the_break(curve: AlphaCurve, plateau: AlphaRange) -> float:
    low, high = plateau
    middle = (low + high) / 2
    inside = curve.edges[(curve.edges > low) & (curve.edges < high)]
    at = np.flatnonzero(np.abs(inside - middle) <= _SAME)
    if at.size == 0:
        return middle
    steps = np.concatenate([[low], inside, [high]])
    before, after = (float(steps[k : k + 2].mean()) for k in (at[0], at[-1] + 1))
    return after if abs(after - 0.5) < abs(before - 0.5) - _SAME else before
