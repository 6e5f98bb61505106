"""Searches in simulated time: the queue, regret, and Binwise and Optuna on a curve that is a formula."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import contestants
import lcbench
import numpy as np
import pytest
from contestants import InProcess, Optunas, Ours, RaysAsha, ours
from quality_runs import Amount, Entrant, Run, Scale, regret, split
from search_quality import Quality, bounds, figures, table
from simulated import TRAINED, Curve, Found, mean_and_error, simulate

from search.study.sections import SearchSection


class Listed:
    """Begins what it is told to, one after the other, and stops trials at an epoch each."""

    def __init__(self, stops: Sequence[int]) -> None:
        self.stops, self.events = stops, list[tuple[int, int]]()

    def begin(self, number: int) -> Mapping[str, Any]:
        """The number is the configuration."""
        return {"number": number}

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """Whether its epoch has come."""
        self.events.append((number, epoch))
        return epoch == self.stops[number]


def steady(seconds: float, *accuracies: float) -> Curve:
    """A curve whose epochs take equally long."""
    return Curve(np.array(accuracies), seconds * np.arange(1, len(accuracies) + 1))


def learning(config: Mapping[str, Any]) -> Curve:
    """Up to 90% at a learning rate of 1e-2, by 52 epochs; larger batches are faster."""
    top = 90 - 10 * abs(np.log10(config["learning_rate"]) + 2)
    epochs = np.arange(1, lcbench.EPOCHS + 1)
    return Curve(top * (1 - np.exp(-epochs / 10)), epochs * 64 / config["batch_size"])


def test_events_come_in_the_order_of_their_time() -> None:
    """Two workers, the second trial is slower: by hand. A worker that is free begins the next trial at once."""
    curves = [steady(1, 10, 20, 15), steady(2, 30, 40, 50), steady(1, 5, 60, 5), steady(9, 1)]
    searcher = Listed([3, 2, 9, 9])
    found = simulate(searcher, lambda config: curves[config["number"]], workers=2, budget=2 * 5)
    assert searcher.events == [(0, 1), (0, 2), (1, 1), (0, 3), (1, 2), (2, 1), (2, 2)]
    assert (list(found.times), list(found.accuracies), found.trials) == ([2, 4, 4, 8, 10], [10, 20, 30, 40, 60], 4)


def test_the_best_so_far_is_known_at_each_time() -> None:
    """Nothing before the first epoch's end; an epoch that ends then counts."""
    found = Found([2.0, 4.0], [10.0, 30.0], 1)
    assert [found.at(seconds) for seconds in (1.9, 2, 3.9, 4, 100)] == [0, 10, 10, 30, 30]


def test_the_error_is_that_of_the_seeds_and_not_of_the_tasks() -> None:
    """By hand: two tasks of variance 1 with four seeds: sqrt(1/4 + 1/4) / 2, however far they lie apart."""
    ones = np.array([1, 1, -1, -1]) * 3**0.5 / 2
    mean, error = mean_and_error(np.array([ones, ones + 8]))
    assert mean == pytest.approx(4)
    assert error == pytest.approx(0.5**0.5 / 2)


@pytest.mark.parametrize("make", [ours(startup_trials=4), RaysAsha], ids=["ours", "ray"])
def test_stopping_early_begins_more_trials_than_the_budget_has_trainings(make: Any) -> None:
    """About 12 full trainings' time; the same seed finds the same."""
    budget = 12 * float(learning({"learning_rate": 1e-2, "batch_size": 64}).seconds[-1])
    found, again = (simulate(make(3), learning, workers=4, budget=budget) for _ in range(2))
    assert found == again
    assert found.trials > 24
    assert found.accuracies[-1] > 75


def test_a_search_without_early_stopping_trains_to_the_end() -> None:
    """Ours at random, and Optuna: each trial's last epoch is told, and with a peer's pruner none is stopped."""
    import optuna

    section = SearchSection(method="random", scheduler={"name": "none"})
    peer = Optunas(optuna.samplers.RandomSampler(seed=1), optuna.pruners.NopPruner())
    for contestant in (Ours(section, 1), peer):
        config = contestant.begin(0)
        accuracies = learning(config).accuracies / 100
        ends = [
            contestant.result(0, epoch + 1, float(a), epoch + 1 == len(accuracies))
            for epoch, a in enumerate(accuracies)
        ]
        assert ends == [False] * (lcbench.EPOCHS - 1) + [True]


def test_a_configuration_goes_on_where_it_was_trained_to() -> None:
    """By hand: after two epochs of one and three seconds, the third is over a second later."""
    curve = Curve(np.array([10.0, 20, 30]), np.array([1.0, 3, 4]))

    class Promoted(Listed):
        def begin(self, number: int) -> Mapping[str, Any]:
            return {TRAINED: 2 if number == 1 else 0}

    searcher = Promoted([2, 3, 9])
    found = simulate(searcher, lambda config: curve, workers=1, budget=4)
    assert searcher.events == [(0, 1), (0, 2), (1, 3)]
    assert (list(found.times), list(found.accuracies)) == ([1, 3, 4], [10, 20, 30])


class Formula:
    """In the surrogate's place: the same curve on each task, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def curve(self, task: str, config: Mapping[str, Any]) -> Curve:
        """The formula's."""
        self.asked += 1
        return learning(config)


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    """Without time nothing is searched; then every run is kept, and the second time none is searched again."""
    surrogate: Any = Formula()
    entrants = {name: Entrant(RaysAsha, "1", seeds) for name, seeds in (("two", 2), ("one", 1))}
    amount = Amount(seeds=2, trainings=3, random_curves=20)
    assert table(surrogate, ["7", "8"], entrants, amount, tmp_path, -1.0) == {}
    found, again = (table(surrogate, ["7", "8"], entrants, amount, tmp_path, float("inf")) for _ in range(2))
    asked = surrogate.asked
    assert {name: one.regrets.shape for name, one in found.items()} == {"two": (2, 2, 4), "one": (2, 1, 4)}
    assert all(np.array_equal(found[name].regrets, again[name].regrets) for name in found)
    table(surrogate, ["7", "8"], entrants, amount, tmp_path, float("inf"))
    assert surrogate.asked == asked
    changed = {"one": Entrant(RaysAsha, "2", 1)}
    table(surrogate, ["7"], changed, amount, tmp_path, float("inf"))
    assert surrogate.asked > asked


def test_tasks_for_choosing_and_sealed_ones_are_told_apart_by_number() -> None:
    """By number, not by letter."""
    assert split(["100", "3", "20"]) == (["3", "100"], ["20"])


def test_regret_is_relative_to_random_trainings() -> None:
    """The best is 0, the median 100; a better one has less than 0."""
    assert regret(Run([70, 90, 80, 92], 1, 0.0), Scale(best=90, median=80, seconds=1)).tolist() == [200, 0, 100, -20]


def told(*means: float) -> Quality:
    """Eight tasks, two seeds; every task a little apart, at each share the mean given."""
    spread = np.linspace(-1, 1, 8)[:, None, None] * np.array([1.0, -1])[None, :, None]
    return Quality(np.array(means)[None, None, :] + spread * 0.1, np.ones((8, 2)), 1.0)


def test_the_bounds_are_the_nearest_peer_early_and_the_best_of_all_late() -> None:
    """Early a variant of ours doesn't count, late it does."""
    found = {"own": told(9, 2, 9, 1), "variant": told(9, 1, 9, -1), "a": told(9, 3, 9, 4), "b": told(9, 5, 9, 2)}
    ahead, p, late = bounds(found, "own", ["own", "variant"])
    assert (ahead.measured, ahead.holds) == (pytest.approx(-1), True)
    assert "a" in ahead.what
    assert (p.measured, p.holds) == (pytest.approx(2 / 2**8), True)
    assert (late.measured, late.holds) == (pytest.approx(2), False)
    assert "variant" in late.what
    assert figures(found, "own")["a"].startswith(
        "9.0 ± 0.0, 3.0 ± 0.0, 9.0 ± 0.0, 4.0 ± 0.0; seeds 2, trials 1, CPU 1.0 s; p 0.0078, 0.00"
    )


def test_a_peer_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process trains up to its rung, goes on from there, and ends with the contestant; one that fails is named."""
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if 'begin' in asked:\n"
        "        assert asked['begin'] < 2\n"
        "        answer = {'config': {'x': 1}, 'trained': asked['begin'], 'until': asked['begin'] + 1}\n"
        "    else:\n"
        "        answer = {}\n"
        "    print(json.dumps(answer), flush=True)\n"
    )
    monkeypatch.setattr(contestants, "WORKER", worker)
    monkeypatch.setenv("BINWISE_PEERS", sys.executable)
    peer = InProcess("any", 0)
    assert peer.begin(0) == {"x": 1, TRAINED: 0}
    assert peer.result(0, 1, 0.5, last=False)
    assert peer.begin(1) == {"x": 1, TRAINED: 1}
    assert not peer.result(1, 1, 0.5, last=False)
    with pytest.raises(RuntimeError, match="ended with 1"):
        peer.begin(2)
