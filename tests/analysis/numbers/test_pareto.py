"""The Pareto front: its law, and what the report takes from it."""

from __future__ import annotations

import dataclasses

from analysis_fakes import costing, trial
from hypothesis import given
from hypothesis import strategies as st
from modality_names import IMAGE, TEXT

from analysis.numbers.pareto import Front, TrialPoint, differing, front_of, pareto_front
from analysis.numbers.selection import select_best
from trainables.names import SIZE
from trainables.records import StopReason, TrialRecord

# Few values, so that ties are common.
POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=30).map(
    lambda pairs: [TrialPoint(f"text_{n:03d}", accuracy / 5, float(cost)) for n, (accuracy, cost) in enumerate(pairs)]
)


def dominates(one: TrialPoint, other: TrialPoint) -> bool:
    """The definition, word by word."""
    as_good = one.accuracy >= other.accuracy and one.cost <= other.cost
    return as_good and (one.accuracy > other.accuracy or one.cost < other.cost)


@given(POINTS)
def test_on_the_front_is_who_is_not_dominated(points: list[TrialPoint]) -> None:
    """Nobody on the front is dominated, everybody off it is, by someone on it; the order is by cost and by accuracy."""
    front = pareto_front(points)
    off = [point for point in points if point not in front]
    assert not any(dominates(one, other) for other in front for one in points)
    assert all(any(dominates(one, other) for one in front) for other in off)
    assert len(front) + len(off) == len(points)
    assert list(front) == sorted(front, key=lambda one: (one.cost, one.accuracy))


@given(POINTS)
def test_equal_points_stand_or_fall_together(points: list[TrialPoint]) -> None:
    """A trial as good as one on the front is on it too."""
    twins = [dataclasses.replace(point, trial_id=f"twin {point.trial_id}") for point in points]
    front = {point.trial_id for point in pareto_front([*points, *twins])}
    assert all((point.trial_id in front) == (twin.trial_id in front) for point, twin in zip(points, twins, strict=True))


@given(POINTS)
def test_the_selected_trial_is_on_the_front(points: list[TrialPoint]) -> None:
    """The selection is by val accuracy and, of equals, by the second objective: so it is never a dominated trial."""
    records = [
        costing(trial(TEXT, n, (point.accuracy,), losses=(0.01 * n,)), int(point.cost))
        for n, point in enumerate(points)
    ]
    if records:
        selected = select_best(records, TEXT).trial_id
        front = front_of(records, TEXT, selected)
        assert front is not None
        assert front.front[-1].accuracy == max(point.accuracy for point in points)
        assert selected in {point.trial_id for point in front.front}


def three() -> list[TrialRecord]:
    """Three trials on a front, one dominated, and those that nobody can use."""
    return [
        costing(trial(IMAGE, 0, (0.5, 0.6), params={"lr": 0.1, "size": 64}), 4_000_000, 0.001),
        costing(trial(IMAGE, 1, (0.9,), params={"lr": 0.1, "size": 224}), 20_000_000, 0.004),
        costing(trial(IMAGE, 2, (0.8,), params={"lr": 0.1}), 8_000_000, 0.002),
        costing(trial(IMAGE, 3, (0.7,), params={"lr": 0.2}), 9_000_000, 0.002),
        costing(trial(IMAGE, 4, (0.99,), reason=StopReason.FAILED), 1, 0.002),
        costing(trial(IMAGE, 5, (0.99,), checkpoint=False), 1, 0.002),
        costing(trial(IMAGE, 6, (0.99,)), 0, 0.0),
        trial(TEXT, 0, (0.9,)),
    ]


def front(records: list[TrialRecord], selected: str) -> Front:
    """The images' front."""
    found = front_of(records, IMAGE, selected)
    assert found is not None
    return found


def test_the_front_of_a_study() -> None:
    """Of the trials that may be selected and whose cost is known; its rows name the parameters that differ."""
    found = front(three(), "image_001")
    assert [point.trial_id for point in found.points] == ["image_000", "image_001", "image_002", "image_003"]
    assert [(row.trial_id, row.accuracy, row.epoch, row.weights_bytes, row.latency) for row in found.rows] == [
        ("image_001", 0.9, 1, 20_000_000, 0.004),
        ("image_002", 0.8, 1, 8_000_000, 0.002),
        ("image_000", 0.6, 2, 4_000_000, 0.001),
    ]
    assert [dict(row.params) for row in found.rows] == [{"size": 224}, {}, {"size": 64}]
    assert found.objective == SIZE


def test_there_is_no_front_of_one_objective() -> None:
    """Nor where no cost is known."""
    assert front_of(three(), TEXT, "text_000") is None
    assert front_of([costing(trial(IMAGE, 0, (0.5,)), 0)], IMAGE, "image_000") is None


def test_parameters_that_differ() -> None:
    """A parameter that a trial doesn't have differs; a single trial's are all told."""
    assert differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}]) == [{"b": 2}, {"b": 3, "c": 4}]
    assert differing([{"a": 1}]) == [{"a": 1}]
    assert differing([]) == []
