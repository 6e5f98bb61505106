"""The picture of what a study had when."""

from __future__ import annotations

import io

from PIL import Image

from analysis.numbers.anytime import Effort, Moment
from analysis.report.effort_plot import effort_pictures

MOMENTS = (
    Moment("image_head_000", True, 30, 0.6),
    Moment("text_head_000", True, 45, 0.85),
    Moment("image_000", False, 200, 0.87),
)


def test_both_grounds_are_drawn() -> None:
    """A picture each, not of one colour."""
    picture = effort_pictures(Effort(MOMENTS))["anytime"]
    for drawn in (picture.light, picture.dark):
        assert len(Image.open(io.BytesIO(drawn)).convert("RGB").getcolors(1 << 20) or ()) > 10
    assert picture.light != picture.dark


def test_one_trial_is_no_curve() -> None:
    """Nor is none."""
    assert effort_pictures(Effort(MOMENTS[:1])) == {}
    assert effort_pictures(None) == {}
