"""The picture of three weights and more."""

from __future__ import annotations

import io

import numpy as np
import pytest
from modality_names import IMAGE, TEXT
from PIL import Image

from analysis.numbers.mixture import best_mixture
from analysis.report.canvas import DOTS_PER_INCH, WIDTH
from analysis.report.plot_data import WeightsPlot, weights_info
from analysis.report.ternary import CORNERS, places, weights_figure
from analysis.report.theme import DARK, LIGHT


def drawn(names: tuple[str, ...], samples: int = 40) -> WeightsPlot:
    """The picture of random logits."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, samples)
    logits = {name: rng.normal(size=(samples, 3)) + 1.5 * np.eye(3)[labels] for name in names}
    return weights_info(logits, labels, best_mixture(logits, labels))


def is_png(content: bytes) -> bool:
    """Whether the bytes are a whole picture of the report's width."""
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    image.load()
    return image.width == WIDTH * DOTS_PER_INCH


def test_a_modality_alone_is_a_corner() -> None:
    """And equal weights are the middle of the triangle, whose sides are all of length 1."""
    assert np.allclose(places(np.eye(3)), CORNERS)
    assert np.allclose(places(np.full((1, 3), 1 / 3))[0], CORNERS.mean(axis=0))
    assert np.allclose(np.linalg.norm(CORNERS - np.roll(CORNERS, 1, axis=0), axis=1), 1)


def test_three_weights_are_shown_on_a_fine_grid() -> None:
    """Every hundredth where there are few samples, and along each weight the exact curve through the choice."""
    info = drawn((IMAGE, TEXT, "third"))
    assert info.points.shape == (5151, 3)
    assert info.accuracies.max() <= info.fusion.accuracy
    towards = info.fusion.towards
    assert info.curves[towards].at(info.fusion.weights[towards]) == info.fusion.accuracy


@pytest.mark.parametrize("names", [(IMAGE, TEXT, "a $\\frac$ b"), (IMAGE, TEXT, "c", "d"), tuple("abcdef")])
def test_any_number_of_modalities_is_drawn(names: tuple[str, ...]) -> None:
    """Three with the triangle, more with their curves alone, on both grounds and whatever they are called."""
    info = drawn(names)
    assert is_png(weights_figure(info, LIGHT))
    assert is_png(weights_figure(info, DARK))


def test_a_flat_field_is_drawn() -> None:
    """Where every mixture is right there is one shade."""
    logits = {name: np.eye(3) for name in (IMAGE, TEXT, "third")}
    info = weights_info(logits, [0, 1, 2], best_mixture(logits, [0, 1, 2]))
    assert set(info.accuracies) == {1.0}
    assert is_png(weights_figure(info))
