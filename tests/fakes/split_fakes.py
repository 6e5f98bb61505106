"""Splits by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from modality_names import IMAGE, TEXT
from numpy.typing import NDArray

from trainables.data.samples import Split


def made_split(
    ids: Sequence[str],
    texts: Sequence[str],
    labels: NDArray[np.int64],
    images: Sequence[Path | None],
    classes: Sequence[str],
) -> Split:
    """A split of texts and, perhaps, pictures."""
    return Split(tuple(ids), labels, tuple(classes), {IMAGE: tuple(images), TEXT: tuple(texts)})


def with_inputs(split: Split, **inputs: Sequence[Any]) -> Split:
    """The same split with other items, by modality."""
    changed = {name: tuple(items) for name, items in inputs.items()}
    return dataclasses.replace(split, inputs={**split.inputs, **changed})
