"""Early stopping: ASHA beside Ray's own class, Hyperband's shares, Vizier's median, and the laws of all of them."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, get_args

import numpy as np
import pytest
from controller_fakes import FakeTrial
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from search.methods.stopping import (
    SCHEDULERS,
    Asha,
    Hyperband,
    Median,
    Never,
    Rule,
    Rung,
    Scheduler,
    SchedulerName,
    bracket_sizes,
    make_scheduler,
    quantile,
)

NAN = math.nan
Result = tuple[int, int, float]  # number, epoch, value


def rays(max_epochs: int, grace: int, factor: int) -> ASHAScheduler:
    """Ray's own."""
    return ASHAScheduler(
        time_attr="epoch",
        metric="val_accuracy",
        mode="max",
        max_t=max_epochs,
        grace_period=grace,
        reduction_factor=factor,
        brackets=1,
    )


def rungs_of(scheduler: Any) -> list[Rung]:
    """The rungs of Ray's, the earliest first."""
    bracket = scheduler._brackets[0]
    return [Rung(epoch, 0, len(had), bracket.cutoff(had)) for epoch, had in reversed(bracket._rungs)]


def compare(seed: int) -> tuple[int, int]:
    """One random search on both; how many trials stopped early, and how many ended by themselves."""
    rng = np.random.default_rng(seed)
    max_epochs = int(rng.integers(1, 41))
    grace, factor = (
        int(rng.integers(1, max_epochs + 1)),
        int(rng.integers(2, 14) if rng.random() < 0.3 else rng.integers(2, 6)),
    )
    ours, theirs = Asha(Rule(grace, factor, max_epochs)), rays(max_epochs, grace, factor)
    levels = int(rng.integers(2, 1000))  # few: many ties
    trials = [FakeTrial(str(number), {}) for number in range(int(rng.integers(2, 16)))]
    for trial in trials:
        theirs.on_trial_add(None, trial)
    epochs, stopped, ended = dict.fromkeys(range(len(trials)), 0), 0, 0
    while epochs:
        number = int(rng.choice(list(epochs)))
        epochs[number] += 1
        epoch, value = epochs[number], float(rng.integers(levels)) / levels
        result = {"epoch": epoch, "val_accuracy": value}
        answer = ours.result(number, epoch, value)
        patient = rng.random() > 0.04
        if patient:
            decision = theirs.on_trial_result(None, trials[number], result)
            assert answer == (decision == TrialScheduler.STOP), (seed, number, epoch)
        if answer or not patient:
            # Ray Tune passes on the result that ends a trial in any case.
            theirs.on_trial_complete(None, trials[number], result)
            del epochs[number]
            stopped, ended = stopped + (answer and epoch < max_epochs), ended + (not patient)
    assert ours.rungs() == rungs_of(theirs), seed
    return stopped, ended


def test_asha_decides_as_rays_own() -> None:
    """Over 1,000 random searches, every decision, rung, number of entries and cutoff is that of Ray's class."""
    counts = np.array([compare(seed) for seed in range(1000)])
    assert counts.min(axis=0).tolist() == [0, 0]
    assert (counts.sum(axis=0) > 500).all()


def test_the_rungs_are_where_rays_are() -> None:
    """Exact powers too, where a logarithm in floating point may fall on either side."""
    for grace in range(1, 5):
        for factor in range(2, 6):
            for max_epochs in {*range(grace, 60), *(grace * factor**power for power in range(1, 7))}:
                there = [rung.epoch for rung in rungs_of(rays(max_epochs, grace, factor))]
                assert [r.epoch for r in Asha(Rule(grace, factor, max_epochs)).rungs()] == there


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50),
    st.integers(2, 9).map(lambda n: 1 - 1 / n) | st.floats(0, 1),
)
def test_a_quantile_is_numpys(values: list[float], share: float) -> None:
    """To the last bit, as a trial with just the cutoff goes on."""
    assert quantile(sorted(values), share) == np.quantile(values, share)


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[str, Any], list[Result]]:
    """A rule's arguments, and the interleaved epochs of some trials, with ties and NaN."""
    arguments = {
        "name": draw(st.sampled_from(list(SCHEDULERS))),
        "grace": draw(st.integers(1, 4)),
        "factor": draw(st.integers(2, 4)),
        "max_epochs": draw(st.integers(4, 20)),
        "seed": draw(st.integers(0, 9)),
    }
    values = st.sampled_from([0.1, 0.3, 0.5]) | st.floats(0, 1) | st.just(NAN)
    seen: Counter[int] = Counter()
    stream = []
    for number in draw(st.lists(st.integers(0, 6), max_size=80)):
        seen[number] += 1
        stream.append((number, seen[number], draw(values)))
    return arguments, stream


def everything(held: object) -> Any:
    """All that an object holds, to any depth."""
    if isinstance(held, list | tuple):
        return [everything(one) for one in held]
    if isinstance(held, dict):
        return {key: everything(one) for key, one in held.items()}
    return {key: everything(one) for key, one in vars(held).items()} if hasattr(held, "__dict__") else held


def fed(scheduler: Scheduler, stream: list[Result]) -> list[bool]:
    """The answers to a stream."""
    return [scheduler.result(*result) for result in stream]


@given(streams())
def test_a_replay_gives_the_same_object(case: tuple[dict[str, Any], list[Result]]) -> None:
    """State and answers follow from the stream: whoever replays a record goes on as if it had never stopped."""
    arguments, stream = case
    one, other = make_scheduler(**arguments), make_scheduler(**arguments)
    assert fed(one, stream) == fed(other, stream)
    assert everything(one) == everything(other)
    assert one.rungs() == other.rungs()


@given(streams(), st.data())
def test_a_repeated_result_changes_nothing(case: tuple[dict[str, Any], list[Result]], data: st.DataObject) -> None:
    """A resumed trial repeats epochs, perhaps with another value: the old answer again, the same state."""
    arguments, stream = case
    scheduler = make_scheduler(**arguments)
    answers = fed(scheduler, stream)
    before = everything(scheduler)
    for place in data.draw(st.lists(st.sampled_from(range(len(stream))), max_size=20) if stream else st.just([])):
        number, epoch, value = stream[place]
        assert scheduler.result(number, epoch, data.draw(st.sampled_from([value, 0.0, NAN]))) == answers[place]
    assert everything(scheduler) == before


@given(streams())
def test_no_trial_stops_before_grace(case: tuple[dict[str, Any], list[Result]]) -> None:
    """However weak it is, as long as its values are numbers."""
    arguments, stream = case
    for (_, epoch, value), stops in zip(stream, fed(make_scheduler(**arguments), stream), strict=True):
        if epoch < arguments["grace"] and math.isfinite(value):
            assert not stops


@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
@pytest.mark.parametrize("value", [NAN, math.inf, -math.inf])
def test_a_value_that_is_no_number_stops_its_trial(name: Any, value: float) -> None:
    """And enters nothing: the others are compared as if it had never been."""
    with_it, without = (make_scheduler(name, grace=1, factor=2, max_epochs=9, seed=0) for _ in range(2))
    assert with_it.result(7, 1, value)
    stream = [(number, 1, number / 9) for number in (5, 3, 4, 6, 1, 8)]
    assert fed(with_it, stream) == fed(without, stream)
    assert with_it.rungs() == without.rungs()


def test_asha_by_hand() -> None:
    """With factor 2 a trial goes on where it is at least at the median of those before; the last epoch stops each."""
    asha = Asha(Rule(1, 2, 4))
    assert fed(asha, [(0, 1, 0.5), (1, 1, 0.7), (2, 1, 0.6), (3, 1, 0.59)]) == [False, False, False, True]
    assert fed(asha, [(0, 2, 0.1), (0, 3, 0.1), (0, 4, 0.9)]) == [False, False, True]
    assert [(rung.epoch, rung.entries) for rung in asha.rungs()] == [(1, 4), (2, 1), (4, 1)]
    assert asha.rungs()[1] == Rung(epoch=2, bracket=0, entries=1, cutoff=0.1)
    assert Asha(Rule(3, 3, 30)).rungs() == [Rung(epoch, 0, 0, None) for epoch in (3, 9, 27)]


def test_hyperbands_brackets_by_hand() -> None:
    """The published example, R = 81 and eta = 3: the sizes of Algorithm 1, and each bracket's rungs."""
    assert bracket_sizes(grace=1, factor=3, max_epochs=81) == [81, 34, 15, 8, 5]
    assert bracket_sizes(grace=5, factor=2, max_epochs=9) == [1]
    rungs = [(rung.bracket, rung.epoch) for rung in Hyperband(Rule(3, 3, 30, 0)).rungs()]
    assert rungs == [(0, 3), (0, 9), (0, 27), (1, 9), (1, 27), (2, 27)]


def test_hyperbands_trials_are_compared_within_their_bracket() -> None:
    """A bracket decides as an ASHA of its own with its trials alone."""
    hyperband = Hyperband(Rule(1, 3, 9, 4))
    alone = [Asha(Rule(3**bracket, 3, 9), bracket=bracket) for bracket in range(3)]
    rng = np.random.default_rng(0)
    for epoch in range(1, 10):
        for number in range(60):
            value = float(rng.random())
            ours = hyperband.result(number, epoch, value)
            assert ours == alone[hyperband.bracket(number)].result(number, epoch, value)
    assert hyperband.rungs() == [rung for asha in alone for rung in asha.rungs()]


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(2, 4), st.integers(3, 30), st.integers(0, 20))
def test_hyperbands_shares(seed: int, grace: int, factor: int, max_epochs: int, block: int) -> None:
    """Each round of trials has every bracket as often as Hyperband would, whatever was asked before."""
    sizes = bracket_sizes(grace=grace, factor=factor, max_epochs=max_epochs)
    numbers = [block * sum(sizes) + place for place in range(sum(sizes))]
    first, second = (Hyperband(Rule(grace, factor, max_epochs, seed)) for _ in range(2))
    brackets = [first.bracket(number) for number in numbers]
    assert Counter(brackets) == dict(enumerate(sizes))
    assert [second.bracket(number) for number in reversed(numbers)] == brackets[::-1]


def test_hyperbands_brackets_stay_what_they_are() -> None:
    """A study that is resumed with a later version finds its trials where they were; another seed mixes them anew."""
    hyperband = Hyperband(Rule(3, 3, 30, 0))
    assert "".join(str(hyperband.bracket(number)) for number in range(17)) == "12002002001100101"
    other = Hyperband(Rule(3, 3, 30, 1))
    assert [other.bracket(n) for n in range(17)] != [hyperband.bracket(n) for n in range(17)]


def test_the_median_by_hand() -> None:
    """Averages over two epochs of 0.2, 0.4 and 0.6: a best of 0.4 goes on, one just below it stops."""
    median = Median(Rule(2, 3, 20))
    others = [(number, epoch, value) for epoch in (1, 2) for number, value in enumerate((0.2, 0.4, 0.6))]
    assert not any(fed(median, others))
    assert fed(median, [(3, 1, 0.1), (3, 2, 0.4)]) == [False, False]
    assert fed(median, [(4, 1, 0.1), (4, 2, 0.29)]) == [False, True]  # below 0.325: trial 3's average is 0.25
    assert fed(median, [(5, 1, 0.9), (5, 2, 0.0)]) == [False, False]  # its best counts, not its last
    assert median.rungs() == []


def test_the_median_needs_three_others() -> None:
    """Two others say nothing, and neither do those that didn't come so far."""
    median = Median(Rule(1, 3, 20))
    assert not any(fed(median, [(0, 1, 0.9), (1, 1, 0.9), (2, 1, 0.1)]))
    assert fed(median, [(3, 1, 0.1), (0, 2, 0.9), (1, 2, 0.9), (2, 2, 0.1)]) == [True, False, False, False]


@given(st.floats(0, 1), st.integers(4, 8), st.integers(1, 12))
def test_equal_trials_are_not_below_their_median(value: float, trials: int, epochs: int) -> None:
    """No rounding in the averages stops a trial that is as good as all others."""
    stream = [(number, epoch, value) for epoch in range(1, epochs + 1) for number in range(trials)]
    assert not any(fed(Median(Rule(1, 3, 20)), stream))


def test_never_stops_nothing() -> None:
    """Every trial runs to its own end, even one whose values are no numbers."""
    never = Never(Rule(1, 3, 9))
    assert not any(fed(never, [(0, 1, 0.0), (1, 1, 1.0), (0, 99, 0.0), (1, 2, NAN)]))
    assert never.rungs() == []


def test_an_unknown_rule_is_refused() -> None:
    """The message names what there is."""
    with pytest.raises(ValueError, match="asha, hyperband, median or none, but got 'bohb'"):
        make_scheduler("bohb", grace=1, factor=2, max_epochs=3, seed=0)  # type: ignore[arg-type]


def test_each_scheduler_has_its_name_and_its_words() -> None:
    """What a study may name is what there is, each by its own name; a person reads what it does."""
    assert set(get_args(SchedulerName)) == set(SCHEDULERS) == {one.name for one in SCHEDULERS.values()}
    words = {name: make_scheduler(name, grace=3, factor=4, max_epochs=27).words for name in get_args(SchedulerName)}
    assert words == {
        "asha": "asha from epoch 3 on, factor 4",
        "hyperband": "hyperband from epoch 3 on, factor 4",
        "median": "median from epoch 3 on, factor 4",
        "none": "every one to its end",
    }
    assert [name for name, one in SCHEDULERS.items() if not one.stops] == ["none"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("asha", 3 + 6 / 3 + 18 / 9),  # rungs at 3 and 9 of 27
        ("hyperband", 3 / (1 / 7 + 1 / 15 + 1 / 27)),  # brackets that begin at 3, 9 and 27
        ("median", 15),
        ("none", 27),
    ],
)
def test_expected_epochs(name: SchedulerName, expected: float) -> None:
    """By hand, for 27 epochs, a first rung at 3 and a factor of 3."""
    scheduler = make_scheduler(name, grace=3, factor=3, max_epochs=27)
    assert scheduler.expected_epochs == pytest.approx(expected)


@given(st.sampled_from(list(SCHEDULERS.values())), st.integers(1, 100), st.integers(1, 100), st.integers(2, 5))
def test_expected_epochs_lie_between_the_first_rung_and_the_last(
    kind: type[Scheduler], max_epochs: int, grace: int, factor: int
) -> None:
    """No trial is stopped before its first rung, none goes on after its last epoch."""
    expected = kind(Rule(grace, factor, max_epochs)).expected_epochs
    assert min(grace, max_epochs) - 1e-9 <= expected <= max_epochs + 1e-9
