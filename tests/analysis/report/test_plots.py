"""What the plots show, and that they draw whatever a study brings."""

from __future__ import annotations

import io

import numpy as np
import pytest
from analysis_fakes import costing, trial
from modality_names import IMAGE, TEXT
from PIL import Image

from analysis.numbers.fusion import AlphaCurve, alpha_curve, alpha_grid, best_alpha
from analysis.numbers.metrics import score
from analysis.numbers.mixture import Mixture
from analysis.numbers.pareto import front_of
from analysis.report import plots
from analysis.report.canvas import DOTS_PER_INCH, WIDTH
from analysis.report.plot_data import alpha_info, bars_info, learning_curves_info
from analysis.report.theme import DARK
from trainables.names import LATENCY, SIZE
from trainables.records import StopReason

NASTY = ("a $\\frac$ b", "<script>", "x|y\nz", "a very long class name that no axis has room for")


def is_png(content: bytes) -> bool:
    """Whether the bytes are a whole picture of the report's width."""
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    image.load()
    return image.width == WIDTH * DOTS_PER_INCH


def test_learning_curves_show_every_trial_with_an_epoch() -> None:
    """Each curve is the trial's val accuracy; the selected one is named, and how each ended is known."""
    records = [
        trial(IMAGE, 0, (0.5, 0.7)),
        trial(IMAGE, 1, (0.6, 0.8, 0.7)),
        trial(IMAGE, 2, (0.3,), reason=StopReason.PRUNED),
        trial(IMAGE, 3, (), reason=StopReason.FAILED, checkpoint=False),
        trial(TEXT, 0, (0.9,)),
    ]
    info = learning_curves_info(records, IMAGE)
    assert [(c.trial_id, c.accuracies, c.reason) for c in info.curves] == [
        ("image_000", (0.5, 0.7), StopReason.COMPLETED),
        ("image_001", (0.6, 0.8, 0.7), StopReason.COMPLETED),
        ("image_002", (0.3,), StopReason.PRUNED),
    ]
    assert info.best == "image_001"
    assert is_png(plots.learning_curves_figure(records, [IMAGE, TEXT]))


def test_learning_curves_without_a_usable_trial() -> None:
    """Where no trial may be selected none is emphasised, and an empty plot is still drawn."""
    records = [trial(IMAGE, 0, (0.5,), checkpoint=False)]
    assert learning_curves_info(records, IMAGE).best is None
    assert is_png(plots.learning_curves_figure(records, [IMAGE]))
    assert is_png(plots.learning_curves_figure([], [IMAGE]))


def test_alpha_plot_is_the_exact_curve() -> None:
    """A curve of few steps is drawn as it is; one of very many is sampled at more places than there are pixels."""
    rng = np.random.default_rng(0)
    image, text, labels = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    curve = alpha_curve(image, text, labels)
    fusion = Mixture.of_alpha(best_alpha(curve), IMAGE, TEXT)
    info = alpha_info(curve, alpha_grid(image, text, labels), fusion)
    assert np.array_equal(info.edges, curve.merged().edges)
    assert is_png(plots.alpha_figure(curve, info.grid, fusion, DARK))
    many = AlphaCurve(np.linspace(0, 1, 20_001), np.arange(20_000) % 2 / 2)
    assert len(alpha_info(many, info.grid, fusion).accuracies) == 4000


def test_bars_hold_val_and_test() -> None:
    """The bars are the named metric in the given order, without test before there is one."""
    val, test = score([0, 1], [0, 1], ("a", "b")), score([0, 0], [0, 1], ("a", "b"))
    names = {IMAGE: "Image", "majority": f"Always “{NASTY[0]}”"}
    info = bars_info("Accuracy", "accuracy", names, dict.fromkeys(names, val), dict.fromkeys(names, test))
    assert (info.val, info.test) == ((1.0, 1.0), (0.5, 0.5))
    assert bars_info("Accuracy", "accuracy", names, dict.fromkeys(names, val), None).test is None
    assert is_png(plots.bars_figure(names, dict.fromkeys(names, val), dict.fromkeys(names, test)))


@pytest.mark.parametrize("sizes", [(5,), (7, 7, 7), (10**5, 10**6, 10**8), tuple(range(10**6, 12 * 10**6, 10**6))])
def test_fronts_of_any_shape_are_drawn(sizes: tuple[int, ...]) -> None:
    """One trial, equal ones, costs far apart, and more trials than there is room for names; by size and by latency."""
    records = [
        costing(trial(modality, n, (0.3 + n / 20,)), size, size / 1e9, objective)
        for modality, objective in ((IMAGE, SIZE), (TEXT, LATENCY))
        for n, size in enumerate(sizes)
    ]
    fronts = [front_of(records, modality, f"{modality}_000") for modality in (IMAGE, TEXT)]
    found = [front for front in fronts if front is not None]
    assert len(found) == 2
    assert is_png(plots.pareto_figure(found))
    assert is_png(plots.pareto_figure(found[:1], DARK))
