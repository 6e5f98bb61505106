"""How long a search will take."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fakes import study

from search.preflight.duration import Work, estimate, expected_epochs, scheduler_of, slowdown


def work(trials: int = 8, at_once: int = 2, slower: float = 1.0) -> Work:
    """Trials of 5 epochs, each of 10 steps of 0.5 s and 100 samples of 10 ms: 6 s."""
    return Work(
        trials=trials,
        epochs=5.0,
        steps_per_epoch=10,
        step_seconds=0.5,
        val_samples=100,
        evaluate_seconds_per_sample=0.01,
        at_once=at_once,
        slowdown=slower,
    )


def test_trials_by_epochs_by_steps() -> None:
    """Four rounds of two trials of 30 s."""
    assert estimate(work()) == pytest.approx(120)
    assert estimate(work(slower=1.5)) == pytest.approx(180)


def test_the_last_round_counts_whole() -> None:
    """Nine trials by two are five rounds."""
    assert estimate(work(trials=9)) == pytest.approx(150)


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("asha", 3 + 6 / 3 + 18 / 9),  # rungs at 3 and 9 of 27
        ("hyperband", 3 / (1 / 7 + 1 / 15 + 1 / 27)),  # brackets that begin at 3, 9 and 27
        ("median", 15),
        ("none", 27),
    ],
)
def test_expected_epochs(scheduler: str, expected: float) -> None:
    """By hand, for 27 epochs, a first rung at 3 and a factor of 3."""
    assert expected_epochs(scheduler, 27, 3, 3) == pytest.approx(expected)


@given(
    st.sampled_from(["asha", "hyperband", "median", "none"]),
    st.integers(1, 100),
    st.integers(1, 100),
    st.integers(2, 5),
)
def test_expected_epochs_lie_between_the_first_rung_and_the_last(
    scheduler: str, max_epochs: int, grace: int, factor: int
) -> None:
    """No trial is stopped before its first rung, none goes on after its last epoch."""
    expected = expected_epochs(scheduler, max_epochs, grace, factor)
    assert min(grace, max_epochs) - 1e-9 <= expected <= max_epochs + 1e-9


@pytest.mark.parametrize(
    ("gpus", "busy", "expected"),
    [(0.25, 0.5, 2.0), (0.25, 0.2, 1.0), (0.3333, 0.5, 1.5), (1.0, 0.9, 1.0), (0.0, None, 1.0), (0.25, None, 1.0)],
)
def test_trials_on_one_gpu_slow_each_other_down(gpus: float, busy: float | None, expected: float) -> None:
    """Only once they would keep it busy for more than all of the time."""
    assert slowdown(gpus, busy) == pytest.approx(expected)


def test_the_scheduler_is_read_off_the_section(tmp_path: Path) -> None:
    """Its name, first rung and factor."""
    assert scheduler_of(study(tmp_path).image) == ("asha", 3, 3)
