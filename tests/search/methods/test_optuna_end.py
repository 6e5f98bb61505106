"""A trial's end in Optuna's words."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from search.methods.optuna_end import optuna_end
from trainables.records import StopReason

REPORTS = {1: 0.5, 3: 0.6, 2: 0.8}


@pytest.mark.parametrize(
    ("reason", "values", "objectives", "expected"),
    [
        (StopReason.COMPLETED, [0.8], 1, (TrialState.COMPLETE, [0.8])),
        (StopReason.COMPLETED, [0.8, 3], 2, (TrialState.COMPLETE, [0.8, 3.0])),
        (StopReason.COMPLETED, None, 1, (TrialState.FAIL, None)),
        (StopReason.COMPLETED, [math.nan], 1, (TrialState.FAIL, None)),
        (StopReason.COMPLETED, [0.8, math.inf], 2, (TrialState.FAIL, None)),
        (StopReason.PRUNED, [0.8], 1, (TrialState.PRUNED, [0.6])),
        (StopReason.PRUNED, [0.8, 3.0], 2, (TrialState.FAIL, None)),
    ],
)
def test_completed_and_pruned_trials_have_values(
    reason: StopReason, values: list[float] | None, objectives: int, expected: tuple[TrialState, list[float] | None]
) -> None:
    """A completed one its objectives, if all are finite; a pruned one its last report."""
    assert optuna_end(reason, values, REPORTS, objectives=objectives) == expected


@pytest.mark.parametrize("reason", [one for one in StopReason if one not in ("completed", "pruned")])
def test_all_others_have_failed(reason: StopReason) -> None:
    """However good they were."""
    assert optuna_end(reason, [0.8], REPORTS, objectives=1) == (TrialState.FAIL, None)


def test_a_pruned_trial_without_a_report_has_no_value() -> None:
    """It has its state all the same."""
    assert optuna_end(StopReason.PRUNED, None, {}, objectives=1) == (TrialState.PRUNED, None)


def test_a_value_an_objective() -> None:
    """Another number of them is our own fault."""
    with pytest.raises(ValueError, match=r"`len\(values\) == 1` must hold"):
        optuna_end(StopReason.COMPLETED, [0.8, 3.0], REPORTS, objectives=1)
