"""Head trials come first, rank the networks, and set the bar for what is fine-tuned."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from simulation import OWN, curve, facts, new_ledger, search_of, session, simulate

from search.decide.driver import StudyDriver
from search.decide.rung_zero import hopeless
from search.decide.terms import Limits, ModalitySearch, NextAttempt
from search.ledger.ledger import Ledger
from search.ledger.lines import mirror_of
from search.ledger.state import Outcome
from trainables.names import HEAD
from trainables.records import StopReason

HEADS = (
    {**OWN, HEAD: "kernel_ridge", "net": "a"},
    {**OWN, HEAD: "kernel_ridge", "net": "b"},
    {**OWN, HEAD: "logistic", "net": "a"},
)


def with_heads(**changes: Any) -> ModalitySearch:
    """A search that three head trials precede, on two networks."""
    return search_of(**{"heads": HEADS, "ranked": "net", **changes})


def value(attempt: NextAttempt, number: int) -> float:
    """Heads have 0.6, on network b 0.7; other trials as they have it."""
    if HEAD in attempt.config:
        return 0.7 if attempt.config["net"] == "b" else 0.6
    return curve(attempt, number)


def run(driver: StudyDriver, worth: Any = value) -> None:
    """As `simulate`, with heads that end by themselves after their one epoch."""
    heads_end(driver)
    simulate(driver, worth)


def heads_end(driver: StudyDriver) -> None:
    """The simulation knows trials of many epochs alone: a head's only epoch ends it."""
    recorded = driver.epoch_ended

    def epoch_ended(trial_id: str, result: Any, worker: Any = None, ends: Any = None) -> bool:
        is_head = driver.ledger.state.trials[trial_id].is_head
        return recorded(trial_id, result, worker, StopReason.COMPLETED if is_head else ends)

    driver.epoch_ended = epoch_ended  # type: ignore[method-assign]


def test_heads_come_first_and_change_nothing_of_what_follows(tmp_path: Path) -> None:
    """They have numbers and names of their own; sampler and scheduler never hear of them."""
    ledger, plain = new_ledger(tmp_path), new_ledger(tmp_path, "plain.jsonl")
    run(session(ledger, with_heads()))
    simulate(session(plain, search_of()))
    names = list(ledger.state.trials)
    assert names[:3] == ["image_head_000", "image_head_001", "image_head_002"]
    assert {name: one for name, one in facts(ledger).items() if "head" not in name} == facts(plain)
    assert [len(ledger.state.trials[name].epochs) for name in names[:3]] == [1, 1, 1]
    assert (ledger.state.heads_count("image"), ledger.state.created_count("image")) == (3, 12)


def test_killed_anywhere_it_ends_the_same(tmp_path: Path) -> None:
    """Whichever event was the last one before the driver was killed."""
    ledger = new_ledger(tmp_path)
    run(session(ledger, with_heads(trials=5)))
    expected = facts(ledger)
    lines = (tmp_path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines)):
        (tmp_path / "ledger.jsonl").write_bytes(b"".join(lines[:cut]))
        mirror_of(tmp_path / "ledger.jsonl").unlink()
        again = Ledger(tmp_path / "ledger.jsonl")
        run(session(again, with_heads(trials=5)))
        assert facts(again) == expected, cut


def test_the_first_trial_has_the_best_heads_network(tmp_path: Path) -> None:
    """Where the space has the choice; it waits for the heads, and what follows is the sampler's."""
    own = {**OWN, "net": "a"}
    ledger = new_ledger(tmp_path)
    searched = search_of().searched
    points = [type(search_of().points[0])(own, True)]
    run(session(ledger, with_heads(own=own, points=points, networks=("a", "b"), searched=searched), at_once=2))
    assert ledger.state.trials["image_000"].config["net"] == "b"
    assert ledger.state.trials["image_001"].config["net"] == "a"
    ends = [event.trial_id for event in ledger.events if event.kind in ("trial_ended", "trial_created")]
    assert all("head" in str(name) for name in ends[: 2 * len(HEADS)])


def test_a_recipe_may_stay_the_first_trial(tmp_path: Path) -> None:
    """Then it runs on its own network, and the first point has the best head's; the next one keeps what it names."""
    own, kind = {**OWN, "net": "a"}, type(search_of().points[0])
    ledger = new_ledger(tmp_path)
    search = with_heads(
        own=own, points=[kind(own, True)] * 3, networks=("a", "b"), searched=search_of().searched, moved=1
    )
    run(session(ledger, search))
    assert [ledger.state.trials[f"image_00{number}"].config["net"] for number in range(3)] == ["a", "b", "a"]


def test_without_further_points_the_recipe_runs_on_the_best_network_too(tmp_path: Path) -> None:
    """As the second trial; where the best network is its own, or there is no choice, the second is the sampler's."""
    kind = type(search_of().points[0])
    found = []
    for net, networks in (("a", ("a", "b")), ("b", ("a", "b")), ("a", ())):
        own = {**OWN, "net": net}
        ledger = new_ledger(tmp_path, f"{len(found)}.jsonl")
        more = {"own": own, "points": [kind(own, True)], "networks": networks, "searched": search_of().searched}
        run(session(ledger, with_heads(**more, moved=1)))
        first, second = (ledger.state.trials[f"image_00{number}"].config for number in range(2))
        assert first == own
        found.append(second == {**own, "net": "b"})
        assert second["net"] == ("b" if found[-1] else net)
    assert found == [True, False, False]


def test_without_a_choice_nothing_waits(tmp_path: Path) -> None:
    """Heads of one network leave the other place to the first trial."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger, with_heads(heads=HEADS[:1]), at_once=2)
    begun = [driver.next_attempt(), driver.next_attempt()]
    assert [one.trial_id for one in begun if isinstance(one, NextAttempt)] == ["image_head_000", "image_000"]


def test_a_search_without_gain_over_the_heads_stops(tmp_path: Path) -> None:
    """After `patience` trials; it is finished, its last trial says why, and a resumed study stays so."""
    ledger = new_ledger(tmp_path)
    run(session(ledger, with_heads(patience=4)), lambda attempt, number: 0.95 if HEAD in attempt.config else 0.5)
    assert ledger.state.created_count("image") == 4
    note = ledger.state.trials["image_003"].notes[-1]
    assert "none of 4 is better on val than the head image_head_000 (0.950)" in note
    again = session(ledger, with_heads(patience=4))
    simulate(again)
    assert (again.finished, again.close()) == (True, Outcome.FINISHED)
    assert ledger.state.trials["image_003"].notes.count(note) == 1
    assert hopeless(ledger.state, "image", 5) is None


def test_one_gain_is_enough_to_go_on(tmp_path: Path) -> None:
    """All twelve trials run."""
    ledger = new_ledger(tmp_path)
    run(session(ledger, with_heads(patience=2)), lambda attempt, number: 0.5 if HEAD in attempt.config else 0.51)
    assert ledger.state.created_count("image") == 12


def test_what_the_stopped_search_had_goes_to_the_other(tmp_path: Path) -> None:
    """Every place is filled until the other one ends."""
    ledger = new_ledger(tmp_path)
    text = search_of("text")
    run(session(ledger, with_heads(patience=2), text, at_once=2), lambda attempt, number: 0.5)
    assert ledger.state.created_count("image") <= 3  # one may have been begun beside the second
    assert ledger.state.created_count("text") == 12


def test_heads_alone_are_a_search_too(tmp_path: Path) -> None:
    """With no trial to follow all of them run, whatever their share; the other modality's trials go on beside them."""
    ledger = new_ledger(tmp_path)
    driver = session(
        ledger, with_heads(trials=0), search_of("text"), limits=Limits(seconds=1e9, head_share=0.0, head_seconds=0.0)
    )
    assert not driver.finished
    run(driver)
    assert (ledger.state.heads_count("image"), ledger.state.created_count("image")) == (3, 0)
    assert ledger.state.created_count("text") == 12
    assert (driver.finished, driver.close()) == (True, Outcome.FINISHED)


def test_heads_have_a_share_of_the_time_budget(tmp_path: Path) -> None:
    """The first one always runs; once the share is used up, no further one begins."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger, with_heads(), limits=Limits(seconds=1e9, head_share=0.0, head_seconds=0.0))
    run(driver)
    assert ledger.state.heads_count("image") == 1


def test_of_a_short_budget_heads_have_up_to_a_minute() -> None:
    """Never more than a third of it; of a long one their share."""
    assert Limits(seconds=None).head_limit() == math.inf
    assert Limits(seconds=90).head_limit() == 30
    assert Limits(seconds=600).head_limit() == 60
    assert Limits(seconds=7200).head_limit() == 360


def test_the_best_head_is_the_first_of_equals(tmp_path: Path) -> None:
    """None where there is none."""
    ledger = new_ledger(tmp_path)
    assert ledger.state.best_head("image") is None
    run(session(ledger, with_heads()), lambda attempt, number: 0.5)
    head = ledger.state.best_head("image")
    assert head is not None
    assert head.trial_id == "image_head_000"
