"""The law of replay: a sampler that is told the record goes on as the one that made it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler_fakes import CONDITIONAL, SPACE, History, quality, sampler

from search.space.dimensions import Space
from trainables.records import StopReason


@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
@pytest.mark.parametrize(("method", "objectives"), [("tpe", 1), ("random", 1), ("tpe", 2), ("random", 2)])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_replayed_sampler_proposes_the_same(space: Space, method: str, objectives: int, seed: int) -> None:
    """Before each proposal of a random history, a sampler made from the record proposes the same."""
    history = History(seed, space, method, objectives)
    for _ in range(40):
        history.step()


@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_replay_rebuilds_the_state_of_cma_es(space: Space, seed: int) -> None:
    """The same law over several generations, with points among them that it hasn't proposed."""
    pytest.importorskip("cmaes")
    history = History(seed, space, "cmaes")
    for place in range(150):
        history.step(compare=place > 100)


def test_replay_rebuilds_a_gaussian_process() -> None:
    """The same law for the method that is slow: a few proposals, with trials running."""
    history = History(5, CONDITIONAL, "gp")
    for _ in range(22):
        history.step()


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_a_proposal_depends_on_its_number(method: str) -> None:
    """Numbers may come in any order and each has its own randomness; the seed changes all of them."""
    forth, back = sampler(method=method), sampler(method=method)
    one = {number: forth.propose(number) for number in range(3)}
    other = {number: back.propose(number) for number in reversed(range(3))}
    assert one == other
    assert len({values["rate"] for values in one.values()}) == 3
    assert sampler(method=method, seed=4).propose(0) != one[0]


@pytest.mark.parametrize(("parallel", "moved"), [(True, True), (False, False)])
def test_running_trials_repel_tpe_only_where_several_run(parallel: bool, moved: bool) -> None:
    """Whether a trial runs beside it changes a proposal with the constant liar alone."""
    proposals = []
    for running in ({}, {"rate": 1e-3, "size": 64, "widths": (256,), "dropout": 0.1, "fixed": 3}):
        one = sampler(parallel=parallel)
        for number in range(12):
            values = one.propose(number)
            one.ended(number, StopReason.COMPLETED, [quality(values)])
        if running:
            for number in range(20, 40):
                one.started(number, running)
        proposals.append(one.propose(12))
    assert (proposals[0] != proposals[1]) is moved
