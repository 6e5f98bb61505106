"""What is said of the time that lies ahead."""

from __future__ import annotations

from search.show.load import Load
from search.show.time_range import time_line, time_range


def test_a_range_holds_the_estimate() -> None:
    """It reaches further up than down: what isn't counted takes longer."""
    low, high = time_range(120)
    assert low < 120 < high
    assert high - 120 > 120 - low


def test_modalities_add_up_and_a_busy_machine_is_said() -> None:
    """Each one's range, and that of all; a quiet machine isn't mentioned."""
    seconds = {"image": 600.0, "text": 600.0}
    said = time_line(seconds, Load(2, 0.3))
    assert said == "Time: 14-30 min (image 7-15 min, text 7-15 min) by the steps that were tried"
    busy = time_line(seconds, Load(2, 6.1))
    assert busy == f"{said}; this machine is busy: 2 cores, load 6.1, so it may take longer"
