"""Splits of names alone: those of the demo's pictures, numbered by chance or by session; no picture is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainables.data.demo.sessions import plan_sessions
from trainables.data.demo.shots import SPLIT_SHARES, Shot, plan, things
from trainables.data.samples import Split

CLASSES = tuple(sorted({thing.label for thing in things()}))


def demo_names(pictures: int, seed: int, *, sessions: bool) -> dict[str, Split]:
    """Train, val and test of the demo's names."""
    shots = plan_sessions(pictures, seed) if sessions else plan(pictures, seed)
    return {name.lower(): _split([shot for shot in shots if shot.split == name]) for name in SPLIT_SHARES}


def _split(shots: Sequence[Shot]) -> Split:
    ids = tuple(f"{shot.thing.label}/{shot.name}" for shot in shots)
    labels = np.array([CLASSES.index(shot.thing.label) for shot in shots], dtype=np.int64)
    return Split(ids, labels, CLASSES, {"text": tuple(Path(shot.name).stem for shot in shots)})
