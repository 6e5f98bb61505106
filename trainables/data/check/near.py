"""Near duplicates: pairs of pictures that are one picture saved again, smaller, brighter, a little cut or blurred.

Two steps over the pictures' fingerprints. Every pair is compared by the low frequencies of its luma, a product of
matrices in blocks, which bounds the memory. What passes is compared closely: one picture is laid over the other with
the small shift, stretch and change of brightness that fit best (least squares on the linearised difference), and what
then remains must be little, everywhere; so must the difference of the colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.fingerprint import LUMA, chroma_of, luma_of

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

BLOCK: Final = 1024  # pictures of one block of the product
PAIRS: Final = 128  # compared closely at a time: their terms stay in a core's cache

# Measured on photographs and drawings: tests/benchmarks/data_check.py.
BLUR: Final = 1.0  # px of the 32: a shift of a pixel is then still nearly linear
FREQUENCIES: Final = 8  # a side, of which the mean is left out
ALIKE: Final = 0.85  # cosine of the low frequencies
FLAT: Final = 1.0  # grey levels of standard deviation: what is below shows nothing to be compared by
SHAPE: Final = 0.1  # of the ratio width / height: the logarithms' difference
EXPLAINED: Final = 0.97  # of the luma's variance, once it is laid over the other
MOVED: Final = 1.7  # px of the 32, by a shift, and at the edge by a stretch
GAIN: Final = (0.4, 2.5)  # contrast
CELL: Final = 4  # px: what remains is averaged over so many, a side, and the worst counts
WORST: Final = 0.35  # of the standard deviation
COLOUR: Final = (3.0, 0.2)  # levels, and a share of the mean colour's strength
SPOT: Final = (10.0, 0.35)  # the same of the cell that differs most


def near_pairs(facts: Sequence[PictureFacts]) -> list[tuple[int, int]]:
    """Pairs of places in `facts` by which all near duplicates are tied together, the lower first.

    Of a group of many not every pair is among them: those that others tie already aren't compared. Pictures with a
    fault or of one colour are in none, equal ones are a pair. Time grows with the square of the pictures: seconds for
    20,000.
    """
    usable = np.array([place for place, one in enumerate(facts) if one.fingerprint and one.height], dtype=np.int64)
    if len(usable) < 2:
        return []
    fingerprints = [facts[place].fingerprint for place in usable]
    luma = _blurred(luma_of(fingerprints))
    shapes = np.log([facts[place].width / facts[place].height for place in usable])
    chroma = chroma_of(fingerprints)
    group = np.arange(len(usable))
    found: list[tuple[int, int]] = []
    for block in _candidates(luma, shapes):
        candidates = block[:, group[block[0]] != group[block[1]]]
        for start in range(0, candidates.shape[1], PAIRS):
            pairs = candidates[:, start : start + PAIRS]
            pairs = pairs[:, group[pairs[0]] != group[pairs[1]]]
            pairs = pairs[:, _same_colours(chroma[pairs[0]], chroma[pairs[1]])]
            for one, other in pairs[:, _laid_over(luma[pairs[0]], luma[pairs[1]])].T:
                group[group == group[other]] = group[one]
                found.append((int(usable[one]), int(usable[other])))
    return found


def _blurred(luma: Floats) -> Floats:
    places = np.arange(LUMA)
    weights = np.exp(-((places[:, None] - places) ** 2) / (2 * BLUR**2))
    blur = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return blur @ luma @ blur.T


def _candidates(luma: Floats, shapes: NDArray[np.float64]) -> Iterator[Rows]:
    """Pairs of rows (2, P), by blocks: those whose low frequencies and shapes are alike."""
    low, flat = _low_frequencies(luma)
    for start in range(0, len(low), BLOCK):
        for beyond in range(start, len(low), BLOCK):
            alike = low[start : start + BLOCK] @ low[beyond : beyond + BLOCK].T > ALIKE
            ones, others = np.nonzero(np.triu(alike, 1) if beyond == start else alike)
            ones, others = ones + start, others + beyond
            fits = (np.abs(shapes[ones] - shapes[others]) < SHAPE) & ~flat[ones] & ~flat[others]
            yield np.stack([ones[fits], others[fits]])


def _low_frequencies(luma: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(N, FREQUENCIES**2 - 1) of length 1, by the cosine transform; and which pictures are flat."""
    waves = np.cos(np.pi / LUMA * (np.arange(LUMA) + 0.5) * np.arange(FREQUENCIES)[:, None])
    waves = (waves * np.where(np.arange(FREQUENCIES) == 0, 1, 2**0.5)[:, None] / LUMA**0.5).astype(np.float32)
    low = (waves @ luma @ waves.T).reshape(len(luma), -1)[:, 1:]
    length = np.linalg.norm(low, axis=1, keepdims=True)
    return low / np.maximum(length, 1e-6), luma.std(axis=(1, 2)) < FLAT


def _same_colours(ones: Floats, others: Floats) -> NDArray[np.bool_]:
    """Chroma (P, 2 * CHROMA**2), but for a factor: brighter pictures have stronger colours."""
    factor = (ones * others).sum(axis=1) / np.maximum((ones**2).sum(axis=1), 1.0)
    left, strength = np.abs(others - np.clip(factor, *GAIN)[:, None] * ones), np.abs(others)
    on_the_whole = left.mean(axis=1) <= COLOUR[0] + COLOUR[1] * strength.mean(axis=1)
    return on_the_whole & (left.max(axis=1) <= SPOT[0] + SPOT[1] * strength.max(axis=1))


def _laid_over(ones: Floats, others: Floats) -> NDArray[np.bool_]:
    """Of pairs (P, LUMA, LUMA): whether one is the other but for a small shift, stretch and change of brightness.

    Solves `other = gain * one + offset + (shift + stretch * place) * slope` for both directions, the slope being that
    of their mean. Least squares by the normal equations, a little damped.
    """
    inner = slice(1, -1)
    mean = (ones + others) / 2
    across = (mean[:, inner, 2:] - mean[:, inner, :-2]) / 2
    down = (mean[:, 2:, inner] - mean[:, :-2, inner]) / 2
    place = (np.arange(1, LUMA - 1, dtype=np.float32) - (LUMA - 1) / 2) / (LUMA / 2)
    one, other = ones[:, inner, inner], others[:, inner, inner]
    one, other = (side - side.mean(axis=(1, 2), keepdims=True) for side in (one, other))
    tone = one**2 / 128
    terms = np.stack([one, tone, np.ones_like(one), across, down, across * place, down * place[:, None]], axis=1)
    values = (LUMA - 2) ** 2
    terms, wanted = terms.reshape(*terms.shape[:2], values), other.reshape(-1, values)
    gram = terms @ terms.transpose(0, 2, 1) + np.eye(terms.shape[1], dtype=np.float32)
    found = np.linalg.solve(gram, terms @ wanted[..., None])
    left = wanted - (terms.transpose(0, 2, 1) @ found)[..., 0]
    return _is_little(left, wanted) & _is_small(found[..., 0])


def _is_little(left: Floats, wanted: Floats) -> NDArray[np.bool_]:
    """What remains: against the variance, and nowhere much in one part."""
    variance = (wanted**2).mean(axis=1)
    cells = np.abs(left).reshape(-1, LUMA - 2, LUMA - 2)[:, 1:-1, 1:-1].reshape(-1, 7, CELL, 7, CELL).mean(axis=(2, 4))
    explained = 1 - (left**2).mean(axis=1) / np.maximum(variance, 1e-6)
    return (explained > EXPLAINED) & (cells.max(axis=(1, 2)) < WORST * np.sqrt(variance))


def _is_small(found: Floats) -> NDArray[np.bool_]:
    """Contrast, shift and stretch: as much as saving again does."""
    gain, _, _, *moved = found.T
    return (np.abs(moved) < MOVED).all(axis=0) & (gain > GAIN[0]) & (gain < GAIN[1])
