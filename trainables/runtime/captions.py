"""Samples with one caption or several: the captions one after the other, and back to one value a sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TextItem = str | tuple[str, ...]  # a sample's text; or its captions, two or more


def captions_of(item: TextItem) -> tuple[str, ...]:
    """The captions of a sample, one or more."""
    return (item,) if isinstance(item, str) else item


def text_item(captions: Sequence[str]) -> TextItem:
    """The item of a sample with these captions. ValueError where there is none."""
    if not captions:
        raise ValueError("A sample must have a caption, but got none.")
    return captions[0] if len(captions) == 1 else tuple(captions)


def flattened(items: Iterable[TextItem]) -> list[str]:
    """(M,) all samples' captions, one after the other."""
    return [caption for item in items for caption in captions_of(item)]


@dataclass(frozen=True, eq=False)
class CaptionRows:
    """Where each sample's captions are among `flattened` ones: sample n has those from first[n] to first[n + 1]."""

    first: NDArray[np.int64]  # (N + 1,), from 0 to M

    @classmethod
    def of(cls, items: Sequence[TextItem]) -> CaptionRows:
        """The places of these samples' captions."""
        first = np.zeros(len(items) + 1, dtype=np.int64)
        np.cumsum([len(captions_of(item)) for item in items], out=first[1:])
        return cls(first)

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def _single(self) -> bool:
        return int(self.first[-1]) == len(self)

    def drawn(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """(N,) the row of one caption of each sample, drawn anew in each epoch.

        The same seed and epoch draw the same, however far the trial has come: an epoch that is taken up again goes on
        with its own captions.
        """
        if self._single:
            return np.arange(len(self), dtype=np.int64)
        places = np.random.default_rng([seed, epoch]).random(len(self)) * np.diff(self.first)
        return self.first[:-1] + places.astype(np.int64)

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) each sample's mean over its captions, of values (M, C); a single caption's own, bit for bit."""
        if self._single:
            return values
        sums = np.add.reduceat(values, self.first[:-1], axis=0)
        counts = np.diff(self.first)[:, None].astype(np.float32)
        return (sums / counts).astype(np.float32, copy=False)
