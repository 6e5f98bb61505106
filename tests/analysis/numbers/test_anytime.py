"""What a study had when, as numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.numbers.anytime import Effort, Ended, Moment, effort_of

LABELS = np.array([0, 1, 0, 1], dtype=np.int64)


def logits(*scores: float) -> NDArray[np.float64]:
    """Of two classes: how much more each sample is of the second."""
    return np.array([[0.0, score] for score in scores])


LOGITS = {
    "image_head_000": logits(-3, -1, -3, 1),  # 0.75
    "text_head_000": logits(1, 3, -1, 1),  # 0.75
    "image_000": logits(-1, 1, -1, 1),  # all right
}


def head(modality: str, seconds: float, accuracy: float = 0.75) -> Ended:
    """A head trial that ended."""
    return Ended(f"{modality}_head_000", modality, True, seconds, accuracy)


def test_the_best_so_far_are_fused_and_time_adds_up() -> None:
    """One modality alone, then both: each is right where the other errs strongly."""
    tuned = Ended("image_000", "image", False, 60.0, 1.0)
    effort = effort_of([head("image", 10), head("text", 5), tuned], LOGITS.get, LABELS)
    assert effort is not None
    assert effort.moments == (
        Moment("image_head_000", True, 10, 0.75),
        Moment("text_head_000", True, 15, 1.0),
        Moment("image_000", False, 75, 1.0),
    )
    assert effort.heads == effort.moments[1]
    assert effort.tuned == effort.moments[2]


def test_without_heads_or_without_fine_tuning_there_is_nothing_to_compare() -> None:
    """And without val logits there is no curve of a fusion; of one modality there is."""
    only = effort_of([head("image", 10)], LOGITS.get, LABELS)
    assert only is not None
    assert only.tuned is None
    tuned = Effort((Moment("image_000", False, 60, 1.0),))
    assert tuned.heads is None
    assert effort_of([head("image", 10), head("text", 5)], lambda _: None, LABELS) is None
    assert effort_of([], LOGITS.get, LABELS) is None


def test_a_head_that_ends_later_belongs_to_what_came_later() -> None:
    """What heads alone had is what there was before the first fine-tuned trial ended."""
    moments = (Moment("a", True, 1, 0.5), Moment("b", False, 2, 0.6), Moment("c", True, 3, 0.7))
    assert Effort(moments).heads == moments[0]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100)), min_size=1, max_size=20))
def test_the_curve_never_falls(trials: list[tuple[float, float]]) -> None:
    """Neither the accuracy nor the time; in the end it is the best of all."""
    ended = [Ended(f"t{n}", "text", False, seconds, accuracy) for n, (accuracy, seconds) in enumerate(trials)]
    effort = effort_of(ended, LOGITS.get, LABELS)
    assert effort is not None
    for before, after in zip(effort.moments, effort.moments[1:], strict=False):
        assert before.accuracy <= after.accuracy
        assert before.seconds <= after.seconds
    assert effort.moments[-1].accuracy == max(accuracy for accuracy, _ in trials)
