"""The searcher: what is tried first, and what Optuna is told about how each trial ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.search.optuna import OptunaSearch
from search_fakes import diverged_result, results, searching, study

from search.searcher import OUTSIDE, StudySearcher, make_sampler
from search.space import contains, to_distributions, to_optuna
from trainables.records import StopReason

OUTSIDE_POINT = {"size": 64}  # no key of the space


def make(
    points: Sequence[dict[str, Any]] = (),
    *,
    method: str = "random",
    seed: int = 3,
    startup_trials: int = 10,
    concurrency: int = 1,
) -> StudySearcher:
    """A searcher over the image space of the fakes."""
    config = study(Path("/nowhere"), image=searching(points=list(points)))
    sampler = make_sampler(method, seed=seed, startup_trials=startup_trials, concurrency=concurrency)
    own = config.image.fixed()
    return StudySearcher(config.image.search.space, config.first_points("image"), own, sampler)


def run(searcher: StudySearcher, trial_id: str, accuracies: Sequence[float]) -> dict[str, Any]:
    """Suggest a trial and let it run to its end, as Tune tells it; its hyperparameters."""
    values: dict[str, Any] = searcher.suggest(trial_id)["hyperparameters"]
    finish(searcher, trial_id, results(accuracies, StopReason.COMPLETED))
    return values


def finish(searcher: StudySearcher, trial_id: str, reports: Sequence[dict[str, Any]]) -> None:
    """Tune passes on every result but the last, which comes with the end."""
    for report in reports[:-1]:
        searcher.on_trial_result(trial_id, report)
    searcher.on_trial_complete(trial_id, result=reports[-1])


def test_own_values_come_first_then_points_then_samples() -> None:
    """The first trial has the section's own values, the next ones the points', the others lie in the space."""
    searcher = make([{"batch_size": 48}, OUTSIDE_POINT])
    config = study(Path("/nowhere"), image=searching())
    own, space = config.image.fixed(), config.image.search.space
    suggested = [searcher.suggest(str(number)) for number in range(12)]
    assert [one["number"] for one in suggested] == list(range(12))
    values = [one["hyperparameters"] for one in suggested]
    assert values[0] == own
    assert values[1] == {**own, "batch_size": 48}
    assert values[2] == {**own, "size": 64}
    for sample in values[3:]:
        assert all(contains(space[key], sample[key]) for key in space)
        assert {key: value for key, value in sample.items() if key not in space} == {
            key: value for key, value in own.items() if key not in space
        }
    assert len({value["head_learning_rate"] for value in values[3:]}) == 9
    assert {value["head_widths"] for value in values} == {(512, 256), (256, 128)}


def test_without_a_space_the_fixed_trials_run() -> None:
    """A study that searches nothing still suggests its own values."""
    config = study(Path("/nowhere"))
    sampler = make_sampler("tpe", seed=0, startup_trials=10, concurrency=1)
    searcher = StudySearcher({}, config.first_points("text"), config.text.fixed(), sampler)
    assert run(searcher, "a", (0.5,)) == config.text.fixed()
    assert searcher.trials[0].state == TrialState.COMPLETE


def test_a_point_outside_the_space_is_marked_and_has_no_params() -> None:
    """Optuna keeps it as a trial of its number, marked, without parameters that its distributions couldn't give."""
    searcher = make([OUTSIDE_POINT])
    run(searcher, "own", (0.5,))
    run(searcher, "point", (0.9,))
    own, point = searcher.trials
    assert point.number == 1
    assert point.user_attrs == {OUTSIDE: True}
    assert point.params == {}
    assert point.state.is_finished()
    assert OUTSIDE not in own.user_attrs


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_point_outside_the_space_teaches_the_sampler_nothing(concurrency: int) -> None:
    """TPE proposes the same whether such a point scored best or worst of all, and as if it hadn't been there."""
    proposals = []
    for points, score in (([OUTSIDE_POINT], 0.99), ([OUTSIDE_POINT], 0.01), ([], 0.0)):
        searcher = make(points, method="tpe", startup_trials=3, concurrency=concurrency)
        run(searcher, "own", (0.5,))
        if points:
            run(searcher, "point", (score,))
        proposals.append([run(searcher, str(number), (0.1 * (number % 7),)) for number in range(10)])
    assert proposals[0] == proposals[1] == proposals[2]


def test_inside_points_teach_the_sampler() -> None:
    """TPE's later proposals depend on what earlier trials scored: the counterpart of the test above."""
    proposals = []
    for score in (0.99, 0.01):
        searcher = make([{"batch_size": 64}], method="tpe", startup_trials=3)
        run(searcher, "own", (0.5,))
        run(searcher, "point", (score,))
        proposals.append([run(searcher, str(number), (0.1 * (number % 7),)) for number in range(10)])
    assert proposals[0] != proposals[1]


def test_a_completed_trial_has_its_best_val_accuracy() -> None:
    """Complete, with the best epoch's value rather than the last one's."""
    searcher = make()
    run(searcher, "a", (0.4, 0.8, 0.6))
    [trial] = searcher.trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.8)
    assert trial.intermediate_values == {1: 0.4, 2: 0.8, 3: 0.6}


def test_a_pruned_trial_has_every_report_and_its_last_value() -> None:
    """Pruned at its last epoch: the result that stopped it is on record too."""
    searcher = make()
    searcher.suggest("a")
    finish(searcher, "a", results((0.4, 0.7, 0.6), StopReason.PRUNED))
    [trial] = searcher.trials
    assert (trial.state, trial.value) == (TrialState.PRUNED, 0.6)
    assert trial.intermediate_values == {1: 0.4, 2: 0.7, 3: 0.6}


def test_diverged_failed_and_interrupted_trials_fail() -> None:
    """A NaN, an error, a stop from outside and a trial that Tune removed all end as failed; none stays running."""
    searcher = make()
    for trial_id in ("nan", "error", "interrupted", "removed", "no reason"):
        searcher.suggest(trial_id)
    finish(searcher, "nan", [*results((0.5,)), diverged_result(2)])
    searcher.on_trial_result("error", results((0.5,))[0])
    searcher.on_trial_complete("error", error=True)
    finish(searcher, "interrupted", results((0.5,), StopReason.INTERRUPTED))
    searcher.on_trial_complete("removed")
    finish(searcher, "no reason", results((0.5,)))
    assert [trial.state for trial in searcher.trials] == [TrialState.FAIL] * 5
    assert searcher.trials[0].intermediate_values == {1: 0.5}


def test_an_error_outweighs_a_result() -> None:
    """A trial that failed isn't complete, whatever its last result says."""
    searcher = make()
    searcher.suggest("a")
    searcher.on_trial_complete("a", result=results((0.5,), StopReason.COMPLETED)[0], error=True)
    assert searcher.trials[0].state == TrialState.FAIL


@pytest.mark.filterwarnings("ignore:The reported value is ignored")
def test_a_repeated_epoch_and_a_repeated_end_are_harmless() -> None:
    """A retry reports an epoch again and Tune may tell an end twice: the first word stands."""
    searcher = make()
    searcher.suggest("a")
    for accuracy in (0.4, 0.9):
        searcher.on_trial_result("a", results((accuracy,))[0])
    finish(searcher, "a", results((0.4, 0.6), StopReason.COMPLETED))
    searcher.on_trial_complete("a", result=results((0.1,), StopReason.PRUNED)[0])
    searcher.on_trial_complete("a", error=True)
    searcher.on_trial_complete("never suggested", error=True)
    [trial] = searcher.trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.6)
    assert trial.intermediate_values == {1: 0.4, 2: 0.6}


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_same_seed_same_suggestions(method: str) -> None:
    """One trial at a time and the same scores: the seed decides everything, another seed something else."""

    def suggested(seed: int) -> list[dict[str, Any]]:
        searcher = make(method=method, seed=seed, startup_trials=3)
        return [run(searcher, str(number), (0.1 * (number % 5),)) for number in range(8)]

    assert suggested(1) == suggested(1)
    assert suggested(1) != suggested(2)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_restored_searcher_goes_on_identically(method: str, tmp_path: Path) -> None:
    """Saved with a point waiting and a trial running: it suggests and records what the other one does."""
    points = [{"batch_size": 48}, {"batch_size": 16}, OUTSIDE_POINT]
    one = make(points, method=method, startup_trials=3)
    run(one, "a", (0.5,))
    one.suggest("b")
    one.on_trial_result("b", results((0.3,))[0])
    one.save(str(tmp_path / "searcher.pkl"))
    other = make(method=method, seed=99)
    other.restore(str(tmp_path / "searcher.pkl"))
    for searcher in (one, other):
        finish(searcher, "b", results((0.3, 0.7), StopReason.PRUNED)[1:])
    for number in range(8):
        accuracy = 0.1 * (number % 5)
        assert run(one, str(number), (accuracy,)) == run(other, str(number), (accuracy,))
    assert [(t.state, t.value, t.params, t.intermediate_values) for t in one.trials] == [
        (t.state, t.value, t.params, t.intermediate_values) for t in other.trials
    ]


def test_a_result_of_an_unknown_trial_is_passed_by() -> None:
    """After a restart Tune may speak of a trial that was suggested after the last snapshot."""
    searcher = make()
    searcher.on_trial_result("later", results((0.5,))[0])
    assert searcher.trials == []


def test_random_suggestions_equal_rays_own() -> None:
    """Behind our searcher the random sampler proposes what it does behind Ray's OptunaSearch, seed for seed."""
    config = study(Path("/nowhere"), image=searching())
    space = config.image.search.space
    sampler = make_sampler("random", seed=11, startup_trials=10, concurrency=1)
    ours = StudySearcher(space, [], config.image.fixed(), sampler)
    rays = OptunaSearch(
        space=to_distributions(space),
        metric="val_accuracy",
        mode="max",
        sampler=make_sampler("random", seed=11, startup_trials=10, concurrency=1),
    )
    for number in range(20):
        values = ours.suggest(str(number))["hyperparameters"]
        assert to_optuna(space, values) == rays.suggest(str(number))


def test_running_trials_repel_tpe_only_where_several_run() -> None:
    """The constant liar is for concurrency: alone it would change what the same seed proposes."""
    for concurrency, expected in ((1, False), (2, True)):
        sampler = make_sampler("tpe", seed=0, startup_trials=1, concurrency=concurrency)
        assert isinstance(sampler, optuna.samplers.TPESampler)
        assert sampler._constant_liar is expected
