"""The sampler's rules: what is proposed, and what Optuna's record says about each trial."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from optuna.trial import TrialState
from sampler_fakes import CONDITIONAL, SPACE, quality, sampler

from search.methods.draws import WARM_START
from search.methods.optuna_end import OUTSIDE
from search.methods.sampler import Sampler
from search.space.conditions import active
from search.space.dimensions import Choice, FloatRange
from search.space.optuna import to_optuna
from trainables.errors import UserError
from trainables.records import StopReason

NAN = float("nan")
POINT = {"rate": 1e-3, "size": 64, "widths": (256,), "dropout": 0.1, "fixed": 3}


def run(one: Sampler, number: int, value: float | None = None) -> dict[str, Any]:
    """Propose a trial and let it complete; its values."""
    values = one.propose(number)
    one.ended(number, StopReason.COMPLETED, [quality(values) if value is None else value])
    return values


@pytest.mark.parametrize("method", ["tpe", "random", "cmaes", "gp"])
@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
def test_proposals_lie_in_the_space(space: Any, method: str, caplog: pytest.LogCaptureFixture) -> None:
    """Exactly the active keys have values, each one of its dimension, and nothing is said on the terminal."""
    if method == "cmaes":
        pytest.importorskip("cmaes")
    one = sampler(space, method)
    logging.getLogger("optuna").addHandler(caplog.handler)
    for number in range(5 if method == "gp" else 30):
        values = run(one, number)
        assert sorted(values) == sorted(active(space, values))
        assert all(space[key].contains(value) for key, value in values.items())
    logging.getLogger("optuna").removeHandler(caplog.handler)
    assert caplog.messages == []


@pytest.mark.parametrize("method", ["tpe", "cmaes"])
def test_methods_learn(method: str) -> None:
    """After some trials the proposals lie nearer to the best rate than random ones do."""
    if method == "cmaes":
        pytest.importorskip("cmaes")
    reached = {}
    for name in (method, "random"):
        one = sampler(method=name, parallel=False)
        values = [run(one, number) for number in range(60)]
        reached[name] = sum(map(quality, values[30:])) / 30
    assert reached[method] > reached["random"] + 0.05


@pytest.mark.parametrize(
    ("reason", "values", "state", "value"),
    [
        (StopReason.COMPLETED, [0.8], "COMPLETE", 0.8),
        (StopReason.COMPLETED, [NAN], "FAIL", None),
        (StopReason.COMPLETED, None, "FAIL", None),
        (StopReason.PRUNED, [0.8], "PRUNED", 0.6),
        (StopReason.PRUNED, None, "PRUNED", 0.6),
        (StopReason.DIVERGED, [0.8], "FAIL", None),
        (StopReason.OOM, None, "FAIL", None),
        (StopReason.FAILED, None, "FAIL", None),
        (StopReason.INTERRUPTED, [0.8], "FAIL", None),
    ],
)
def test_optunas_record_is_true(
    reason: StopReason, values: Sequence[float] | None, state: str, value: float | None
) -> None:
    """Each stop reason has its state; the parameters and the reports are there, an epoch's first one, finite ones."""
    one = sampler()
    proposed = one.propose(7)
    for epoch, accuracy in ((1, 0.8), (2, 0.6), (2, 0.9), (3, NAN)):
        one.reported(7, epoch, accuracy)
    assert one.study.trials[0].state == TrialState.RUNNING
    one.ended(7, reason, values)
    (trial,) = one.study.trials
    assert (trial.state.name, trial.value) == (state, value)
    assert trial.params == to_optuna(SPACE, proposed)
    assert trial.intermediate_values == {1: 0.8, 2: 0.6}
    assert trial.datetime_complete is not None


def test_a_pruned_trial_without_an_epoch_has_no_value() -> None:
    """It is pruned all the same, and later proposals aren't disturbed."""
    one = sampler()
    one.propose(0)
    one.ended(0, StopReason.PRUNED, None)
    assert (one.study.trials[0].state, one.study.trials[0].value) == (TrialState.PRUNED, None)
    assert [len(run(one, number)) for number in range(1, 9)] == [5] * 8


@pytest.mark.parametrize("method", ["tpe", "gp"])
def test_a_pruned_trial_teaches_its_best_epoch(method: str) -> None:
    """The proposals are those after trials that are complete with that value; Optuna's record says pruned."""
    proposals = []
    for reason in (StopReason.PRUNED, StopReason.COMPLETED):
        one = sampler(method=method)
        for number in range(6):
            best = quality(one.propose(number))
            one.reported(number, 1, best)
            one.reported(number, 2, best / 2)
            one.ended(number, reason, [best])
        proposals.append(one.propose(6))
        assert {trial.state for trial in one.study.trials[:6]} == {
            TrialState.PRUNED if reason == StopReason.PRUNED else TrialState.COMPLETE
        }
    assert proposals[0] == proposals[1]


def test_two_objectives_have_neither_reports_nor_pruned_trials() -> None:
    """Optuna knows neither there: both values of a complete trial are kept, a pruned one failed."""
    one = sampler(objectives=2)
    for number, reason in enumerate([StopReason.COMPLETED, StopReason.PRUNED] * 4):
        one.propose(number)
        one.reported(number, 1, 0.5)
        one.ended(number, reason, [0.8, 0.01])
    assert [trial.state.name for trial in one.study.trials] == ["COMPLETE", "FAIL"] * 4
    assert one.study.trials[0].values == [0.8, 0.01]
    assert [direction.name for direction in one.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    one.propose(9)
    with pytest.raises(ValueError, match=r"`len\(values\) == 2` must hold"):
        one.ended(9, StopReason.COMPLETED, [0.8])


@pytest.mark.parametrize("reason", [StopReason.COMPLETED, StopReason.PRUNED])
def test_a_point_outside_of_the_space_teaches_nothing(reason: StopReason) -> None:
    """The proposals are the same whether such a point scored best or worst; it keeps its number, marked."""
    proposals = []
    for score in (0.99, 0.01):
        one = sampler()
        one.started(0, None)
        one.reported(0, 1, score)
        one.ended(0, reason, [score])
        proposals.append([run(one, number) for number in range(1, 7)])
        assert one.study.trials[0].user_attrs == {OUTSIDE: True}
        assert one.study.trials[0].state == TrialState.FAIL
    assert proposals[0] == proposals[1]


def test_fixed_points_teach() -> None:
    """Proposals depend on what a point inside of the space scored."""
    proposals = []
    for score in (0.99, 0.01):
        one = sampler(startup_trials=1)
        for number in range(4):
            one.started(number, POINT | {"rate": 10.0 ** -(2 + number), "other": 1})
            one.ended(number, StopReason.COMPLETED, [score if number == 0 else 0.5])
        proposals.append(one.propose(4))
    assert proposals[0] != proposals[1]


def test_a_warm_start_teaches_and_takes_no_number() -> None:
    """Another study's trials count for the start and shape the proposals; one that doesn't fit is left out."""
    one, cold = sampler(), sampler()
    for rate in (1e-5, 1e-4, 1e-3, 1e-2):
        reason = StopReason.PRUNED if rate < 1e-4 else StopReason.COMPLETED
        assert one.add(POINT | {"rate": rate}, {1: 0.1, 2: 0.2, 3: NAN}, reason, [rate])
    assert not one.add({"rate": 1e-3}, {}, StopReason.COMPLETED, [0.5])
    assert not one.add(POINT | {"rate": 1.0}, {}, StopReason.COMPLETED, [0.5])
    assert [t.state.name for t in one.study.trials] == ["PRUNED", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert [t.value for t in one.study.trials] == [0.2, 1e-4, 1e-3, 1e-2]
    assert one.study.trials[0].intermediate_values == {1: 0.1, 2: 0.2}
    assert one.study.trials[0].user_attrs == {WARM_START: True}
    assert one.propose(0) != cold.propose(0)


def test_a_warm_start_tells_cma_es_where_to_begin() -> None:
    """With ten trials of another study its first draws lie around the best of them."""
    pytest.importorskip("cmaes")
    one = sampler(method="cmaes", startup_trials=1)
    for step in range(40):
        rate = 10 ** -(2 + step / 13)
        one.add(POINT | {"rate": rate, "dropout": 0.4}, {}, StopReason.COMPLETED, [-abs(rate - 1e-4)])
    rates = sorted(one.propose(number)["rate"] for number in range(11))
    assert 3e-5 < rates[5] < 3e-4


def test_a_trial_starts_once() -> None:
    """A second start of a number is the caller's mistake, as is news of a trial that never started."""
    one = sampler()
    one.propose(0)
    for begin in (lambda: one.propose(0), lambda: one.started(0, POINT), lambda: one.started(0, None)):
        with pytest.raises(ValueError, match="A trial is started once, but trial 0 was before"):
            begin()
    with pytest.raises(KeyError):
        one.reported(1, 1, 0.5)


@pytest.mark.parametrize("method", ["cmaes", "gp", "grid"])
def test_methods_without_two_objectives_are_refused(method: str) -> None:
    """Such a method never starts."""
    with pytest.raises(ValueError, match=f"No method {method} with 2 objectives"):
        sampler(method=method, objectives=2)


def test_cma_es_needs_two_ranges() -> None:
    """Ranges that not every trial searches don't count; the message says what to do."""
    space = {
        "kind": Choice(choices=("a", "b")),
        "rate": FloatRange(low=0, high=1),
        "other": FloatRange(low=0, high=1, when={"kind": ("a",)}),
    }
    with pytest.raises(UserError, match=r"but the space has 1 \(rate\)\. Add ranges without `when`, or take tpe\."):
        sampler(space, "cmaes")
