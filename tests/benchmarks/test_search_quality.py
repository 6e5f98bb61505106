"""Searches in simulated time: the queue, regret, and Binwise and Optuna on a curve that is a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lcbench
import numpy as np
import pytest
from contestants import Optunas, Ours, RaysAsha, ours
from search_quality import Quality, Scale, Size, bounds, figures, quality
from simulated import Curve, Found, mean_and_error, simulate

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


def test_what_a_peer_found_is_kept(tmp_path: Path) -> None:
    """The second time it isn't searched any more, and the regrets are the same."""
    made: list[int] = []

    def make(seed: int) -> Any:
        made.append(seed)
        return RaysAsha(seed)

    size = Size(tasks=("one",), seeds=2, trainings=3)
    scales = {"one": Scale(90, 52)}
    one, again = (quality(make, lambda task, config: learning(config), scales, size, tmp_path) for _ in range(2))
    assert made == [0, 1]
    assert np.array_equal(one.regrets, again.regrets)
    assert one.regrets.shape == (1, 2, 2)


def test_the_bound_is_the_best_peer_at_each_share_of_the_budget() -> None:
    """One peer is better early, the other late; a mean that is at the best peer's holds."""
    found = {
        name: Quality(np.array([[[early, late]] * 2]), np.ones((1, 2)))
        for name, early, late in (("own", 2, 1), ("a", 1, 3), ("b", 4, 1))
    }
    early, late = bounds(found, "own", ["a", "b"])
    assert (early.measured, early.holds, late.measured, late.holds) == (1, False, 0, True)
    assert figures(found, Size(tasks=("t",)))["regret at 100%, t"]["a"] == "3.00 ± 0.00"
