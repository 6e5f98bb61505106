"""What is said of a Pareto front."""

from __future__ import annotations

from analysis_fakes import costing, trial
from modality_names import IMAGE

from analysis.numbers.pareto import Front, front_of
from analysis.report.fronts import front_sentence
from trainables.names import LATENCY
from trainables.records import TrialRecord


def three() -> list[TrialRecord]:
    """Three trials on a front, and one that is dominated."""
    return [
        costing(trial(IMAGE, 0, (0.5, 0.6)), 4_000_000, 0.001),
        costing(trial(IMAGE, 1, (0.9,)), 20_000_000, 0.004),
        costing(trial(IMAGE, 2, (0.8,)), 8_000_000, 0.002),
        costing(trial(IMAGE, 3, (0.7,)), 9_000_000, 0.002),
    ]


def front(records: list[TrialRecord], selected: str) -> Front:
    """The images' front."""
    found = front_of(records, IMAGE, selected)
    assert found is not None
    return found


def test_what_is_said_of_it() -> None:
    """The cheapest trial stands beside the selected one; where nothing is gained elsewhere, that is said."""
    assert front_sentence(front(three(), "image_001")).replace("\xa0", " ") == (
        "3 of 4 trials are on the front: any other is at best as accurate as one of them and at best as small. The "
        "smallest of them, image_000, takes 4.00 MB, 20.0 % of what the selected image_001 takes, at −30.0 points of "
        "val accuracy."
    )
    assert front_sentence(front(three(), "image_003")).replace("\xa0", " ").endswith("image_000, takes 4.00 MB.")
    assert front_sentence(front(three()[:3], "image_001")).startswith("3 of 3\xa0trials are on the front. The smallest")
    alone = costing(trial(IMAGE, 0, (0.8,)), 5, 0.002, LATENCY), costing(trial(IMAGE, 1, (0.7,)), 5, 0.002, LATENCY)
    assert front_sentence(front(list(alone), "image_000")).replace("\xa0", " ") == (
        "Of 2 trials none is more accurate than image_000, which was selected, and none is faster."
    )
