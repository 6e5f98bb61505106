"""How long a search will take."""

from __future__ import annotations

import pytest

from search.preflight.duration import Work, estimate, slowdown


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
    ("gpus", "busy", "expected"),
    [(0.25, 0.5, 2.0), (0.25, 0.2, 1.0), (0.3333, 0.5, 1.5), (1.0, 0.9, 1.0), (0.0, None, 1.0), (0.25, None, 1.0)],
)
def test_trials_on_one_gpu_slow_each_other_down(gpus: float, busy: float | None, expected: float) -> None:
    """Only once they would keep it busy for more than all of the time."""
    assert slowdown(gpus, busy) == pytest.approx(expected)
