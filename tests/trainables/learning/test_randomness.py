"""The state of every random generator."""

from __future__ import annotations

import io
import random

import numpy as np
import torch

from trainables.learning.randomness import random_state, restore_random_state


def draw() -> list[float]:
    """From each generator, gauss as well: Python and numpy keep a second value of a pair."""
    return [torch.rand(1).item(), random.random(), random.gauss(), float(np.random.rand()), float(np.random.randn())]


def test_after_restoring_the_same_numbers_come() -> None:
    """Saved and loaded with `weights_only`, each generator goes on from where it was."""
    draw()
    stream = io.BytesIO()
    torch.save(random_state(), stream)
    expected = draw() + draw()
    stream.seek(0)
    restore_random_state(torch.load(stream, weights_only=True))
    assert draw() + draw() == expected
