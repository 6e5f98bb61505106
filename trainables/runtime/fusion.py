"""How the models of several modalities decide together, also where a sample lacks some of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

Floats = NDArray[np.float64]
Present = NDArray[np.bool_]
_SUM = 1e-9  # by which weights may miss 1 in sum


@dataclass(frozen=True)
class LinearFusion:
    """A fusion that is linear in log-probabilities: their products with a matrix of each modality, and a bias."""

    temperatures: Mapping[str, float]  # by modality: its logits are divided by it
    matrices: Mapping[str, tuple[tuple[float, ...], ...]]  # (C, C): what row k's log-probability adds to each class
    bias: tuple[float, ...]  # (C,)

    @classmethod
    def parsed(cls, raw: Mapping[str, Any]) -> LinearFusion:
        """From what JSON made of it. KeyError or TypeError where that is none."""
        matrices = {name: tuple(tuple(map(float, row)) for row in rows) for name, rows in raw["matrices"].items()}
        return cls(dict(raw["temperatures"]), matrices, tuple(map(float, raw["bias"])))

    def logits(self, logits: Mapping[str, Floats], otherwise: Floats) -> Floats:
        """(N, C) fused, from the logits (N, C) by modality; `otherwise` (N, C) of samples that lack a modality."""
        names = [name for name in logits if name in self.matrices]
        whole = ~np.any([np.isnan(logits[name]).any(axis=1) for name in names], axis=0)
        found = np.array(otherwise, dtype=np.float64)
        chances = [log_softmax(logits[name][whole] / self.temperatures[name]) for name in names]
        told = [one @ np.array(self.matrices[name]) for name, one in zip(names, chances, strict=True)]
        found[whole] = np.add.reduce(told) + np.array(self.bias)
        return found


def log_softmax(logits: Floats) -> Floats:
    """(N, C) the logarithms of `softmax`."""
    above = logits - logits.max(axis=-1, keepdims=True)
    found: Floats = above - np.log(np.exp(above).sum(axis=-1, keepdims=True))
    return found


def softmax(logits: Floats) -> Floats:
    """(N, C) probabilities of logits."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: Floats = shares / shares.sum(axis=-1, keepdims=True)
    return found


def fused(logits: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """(N, C) the weighted sum over modalities; a row that is NaN is left out, and the others' weights share its own.

    Where those of a sample weigh nothing at all, they count alike.
    """
    stacked = np.stack(list(logits.values()))
    present = np.asarray(~np.isnan(stacked).all(axis=-1))
    shares = np.array([weights[name] for name in logits])[:, None] * present
    shares = np.where(shares.sum(axis=0) > 0, shares, present.astype(np.float64))
    shares = shares / shares.sum(axis=0)
    found: Floats = (shares[:, :, None] * np.where(present[:, :, None], stacked, 0.0)).sum(axis=0)
    return found


def divisors(present: Mapping[str, Present], temperatures: Mapping[str, float], system: str) -> Floats:
    """(N, 1) what the logits of `system` are divided by before they are probabilities (Guo et al. 2017, 1706.04599).

    By sample: the temperature of what decides it, which is the modality where only one of those in `present`, (N,)
    each, is there. Without a temperature the logits stay as they are.
    """
    together = temperatures.get(system, 1.0)
    if len(present) == 0:
        return np.array([[together]])
    alone = np.add.reduce([there.astype(int) for there in present.values()]) == 1
    found = np.full(len(alone), together)
    for name, there in present.items():
        found[there & alone] = temperatures.get(name, 1.0)
    return found[:, None]


def checked_weights(given: Mapping[str, float] | float, modalities: Sequence[str]) -> dict[str, float]:
    """Weights of all modalities. With two of them a number, alpha, is the weight of the second.

    UserError where they aren't of these modalities, or one isn't between 0 and 1, or the sum isn't 1.
    """
    if not isinstance(given, Mapping):
        if len(modalities) != 2 or not _is_share(given):
            raise UserError(
                "The weights must be a number from 0 to 1 (alpha, the second of two modalities' weight) or one for "
                f"each of {', '.join(modalities)}, but got {given!r}."
            )
        return {modalities[0]: 1 - given, modalities[1]: float(given)}
    shares = list(given.values())
    if set(given) != set(modalities) or not all(map(_is_share, shares)) or abs(sum(shares) - 1) > _SUM:
        raise UserError(
            f"The weights must be those of {', '.join(modalities)}, each from 0 to 1 and 1 in sum, but got "
            f"{dict(given)}."
        )
    return {name: float(given[name]) for name in modalities}


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
