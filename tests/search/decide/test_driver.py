"""The study's decisions: simulated trials through the real ledger, samplers and schedulers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_fakes import epoch
from simulation import MAX_EPOCHS, curve, facts, new_ledger, search_of, session, simulate

from search.decide.failures import Failure
from search.decide.terms import Limits, Next, NextAttempt, Resources
from search.ledger.events import EpochEnded, SessionBegan, SessionEnded
from search.ledger.ledger import Ledger, read_ledger
from search.ledger.lines import mirror_of
from search.ledger.state import Outcome
from trainables.records import StopReason

FAILED = Failure(StopReason.FAILED, "Traceback\nRuntimeError: a cable", curable=True)
LOST = Failure(StopReason.LOST, "The actor died.", curable=True)


def test_a_study_runs_to_its_end(tmp_path: Path) -> None:
    """Twelve trials, the fixed ones first, each epoch once, every one over: completed at the last epoch, or pruned."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    simulate(driver)
    assert driver.finished
    assert driver.close() == Outcome.FINISHED
    trials = list(ledger.state.trials.values())
    assert [trial.number for trial in trials] == list(range(12))
    assert trials[0].config == {"rate": 1e-2, "decay": 0.1, "size": 32, "depth": 2}
    assert (trials[1].config["depth"], trials[1].inside, trials[1].params["depth"]) == (3, False, 3)
    assert all((t.stop_reason == StopReason.COMPLETED) == (len(t.epochs) == MAX_EPOCHS) for t in trials)
    assert {t.stop_reason for t in trials} == {StopReason.COMPLETED, StopReason.PRUNED}


@pytest.mark.parametrize("method", ["tpe", "random", "cmaes"])
@pytest.mark.parametrize("scheduler", ["asha", "hyperband", "median", "none"])
def test_killed_anywhere_it_ends_the_same(tmp_path: Path, method: str, scheduler: str) -> None:
    """Whichever event was the last one before the driver was killed, the resumed study has the same trials."""
    ledger = new_ledger(tmp_path)
    simulate(session(ledger, search_of(method=method, scheduler=scheduler)))
    expected = facts(ledger)
    lines = (tmp_path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines), 7):
        (tmp_path / "ledger.jsonl").write_bytes(b"".join(lines[:cut]))
        mirror_of(tmp_path / "ledger.jsonl").unlink()
        again = Ledger(tmp_path / "ledger.jsonl")
        simulate(session(again, search_of(method=method, scheduler=scheduler)))
        assert facts(again) == expected, cut


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=6), at_once=st.integers(1, 3))
def test_stopped_again_and_again_nothing_is_lost(tmp_path: Path, cuts: list[int], at_once: int) -> None:
    """With several sessions and several trials at once there are twelve trials, each epoch once, and none is open."""
    ledger = new_ledger(tmp_path)
    for events in cuts:
        driver = session(ledger, search_of(parallel=at_once > 1), at_once=at_once)
        simulate(driver, events=events)
        if events % 2:
            driver.request_stop(Outcome.INTERRUPTED)
            driver.close()
        ledger = Ledger(tmp_path / "ledger.jsonl")
    simulate(session(ledger, search_of(parallel=at_once > 1), at_once=at_once))
    trials = ledger.state.trials.values()
    assert sorted(trial.number for trial in trials) == list(range(12))
    assert all(trial.over for trial in trials)
    for trial in trials:
        attempt = NextAttempt(trial.trial_id, trial.number, "image", trial.config, 0, Resources(1, 0))
        assert [e.val_accuracy for e in trial.epochs] == [curve(attempt, e.epoch) for e in trial.epochs]


def test_two_modalities_share_the_machine(tmp_path: Path) -> None:
    """As long as there is anything to do no place is empty, and both come to their ends side by side."""
    ledger = new_ledger(tmp_path)
    searches = [search_of("image", trials=4), search_of("text", trials=8)]
    driver = session(ledger, *searches, at_once=3)
    begun = [driver.next_attempt() for _ in range(4)]
    assert [one.modality for one in begun if isinstance(one, NextAttempt)] == ["image", "text", "text"]
    assert begun[3] is Next.WAIT
    ledger = Ledger(tmp_path / "ledger.jsonl")
    simulate(session(ledger, search_of("image", trials=4), search_of("text", trials=8), at_once=3))
    _, state = read_ledger(tmp_path / "ledger.jsonl")
    assert (len(state.of("image")), len(state.of("text"))) == (4, 8)


def first(driver: object) -> NextAttempt:
    """The next attempt, which there is."""
    found = driver.next_attempt()  # type: ignore[attr-defined]
    assert isinstance(found, NextAttempt)
    return found


def test_a_failed_attempt_is_tried_again_and_goes_on(tmp_path: Path) -> None:
    """The same trial, from where it was, before any new one; after two retries it has failed, with its error."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    driver.epoch_ended(attempt.trial_id, epoch(1, 0.5))
    for _ in range(2):
        driver.attempt_failed(attempt.trial_id, FAILED)
        again = first(driver)
        assert (again.trial_id, again.recorded) == (attempt.trial_id, 1)
    driver.attempt_failed(attempt.trial_id, LOST)
    trial = ledger.state.trials[attempt.trial_id]
    assert trial.stop_reason == StopReason.LOST
    assert [one.reason for one in trial.attempts] == [StopReason.FAILED, StopReason.FAILED, StopReason.LOST]
    assert trial.error == "The actor died."
    assert first(driver).trial_id != attempt.trial_id


def test_what_a_retry_can_t_cure_isn_t_tried_again(tmp_path: Path) -> None:
    """A wrong value fails at once."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    driver.attempt_failed(attempt.trial_id, Failure(StopReason.FAILED, "ValueError: no", curable=False))
    assert ledger.state.trials[attempt.trial_id].stop_reason == StopReason.FAILED
    assert len(ledger.state.trials[attempt.trial_id].attempts) == 1


def test_out_of_memory_gets_more_of_it(tmp_path: Path) -> None:
    """Each retry has a larger share, also after a new start; with a whole GPU it is over, as oom."""
    ledger = new_ledger(tmp_path)

    def larger(modality: str, resources: Resources) -> Resources | None:
        return Resources(resources.cpus, resources.gpus * 2) if resources.gpus < 1 else None

    driver = session(ledger, search_of(resources=Resources(1, 0.25)), larger=larger)
    attempt = first(driver)
    driver.trial_stopped(attempt.trial_id, StopReason.OOM, "even one sample at a time")
    assert first(driver).resources.gpus == 0.5
    ledger = Ledger(tmp_path / "ledger.jsonl")
    driver = session(ledger, search_of(resources=Resources(1, 0.25)), larger=larger)
    assert first(driver).resources.gpus == 0.5
    driver.trial_stopped(attempt.trial_id, StopReason.OOM)
    assert first(driver).resources.gpus == 1.0
    driver.trial_stopped(attempt.trial_id, StopReason.OOM)
    assert ledger.state.trials[attempt.trial_id].stop_reason == StopReason.OOM


def test_too_many_failures_in_a_row_stop_the_study(tmp_path: Path) -> None:
    """It says how many and why, and begins nothing more; a trial that ends well begins the count anew."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger, limits=Limits(retries=0, in_a_row=3))
    for outcome in ("failed", "failed", "completed", "failed", "failed"):
        attempt = first(driver)
        if outcome == "failed":
            driver.attempt_failed(attempt.trial_id, FAILED)
        else:
            driver.epoch_ended(attempt.trial_id, epoch(1, 0.5), ends=StopReason.COMPLETED)
    assert driver.stop is None
    driver.attempt_failed(first(driver).trial_id, FAILED)
    assert driver.next_attempt() is Next.DONE
    assert driver.close() == Outcome.FAILING
    assert (
        "3 trials failed one after the other, the last with: RuntimeError: a cable" in ledger.state.sessions[-1].detail
    )


def test_a_full_disk_stops_the_study_and_costs_no_trial(tmp_path: Path) -> None:
    """The trial is interrupted, not failed: it goes on when there is room again."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    failure = Failure(StopReason.INTERRUPTED, "OSError: No space left on device", curable=False, stops_study=True)
    driver.attempt_failed(attempt.trial_id, failure)
    assert driver.next_attempt() is Next.DONE
    assert driver.close() == Outcome.DISK_FULL
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert first(session(ledger)).trial_id == attempt.trial_id
    assert ledger.state.trials[attempt.trial_id].failed_attempts == 0


def test_a_target_ends_its_modality_only(tmp_path: Path) -> None:
    """Once reached, the modality begins no trial and its running ones stop at their next epoch, as interrupted."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger, search_of("image", target=0.9), search_of("text"), at_once=4)
    begun = [first(driver) for _ in range(4)]
    images = [one for one in begun if one.modality == "image"]
    assert driver.epoch_ended(images[0].trial_id, epoch(1, 0.95))
    assert driver.epoch_ended(images[1].trial_id, epoch(1, 0.2))
    assert ledger.state.trials[images[1].trial_id].stop_reason in {StopReason.INTERRUPTED, StopReason.PRUNED}
    simulate(driver, begun=[one for one in begun if one.modality == "text"])
    assert len(ledger.state.of("image")) == 2
    assert len(ledger.state.of("text")) == 12
    assert driver.close() == Outcome.TARGET


def test_the_time_budget_counts_all_sessions(tmp_path: Path) -> None:
    """What earlier sessions used is used; the study ends, and what ran is interrupted."""
    new_ledger(tmp_path).close()
    now = [100.0]
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=lambda: now[0])
    ledger.append(SessionBegan("here", 1))
    now[0] = 150.0
    ledger.append(SessionEnded(Outcome.INTERRUPTED))
    now[0] = 10_000.0
    driver = session(ledger, limits=Limits(seconds=60.0))
    assert isinstance(driver.next_attempt(), NextAttempt)
    driver = session(ledger, limits=Limits(seconds=49.0))
    assert driver.next_attempt() is Next.DONE
    assert driver.close() == Outcome.TIME_BUDGET


def test_a_killed_driver_s_decision_stands(tmp_path: Path) -> None:
    """Killed between the decision to stop a trial and its end: the trial is pruned at the next start, not run on."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    ledger.append(EpochEnded(epoch(1, 0.5), stop=True), attempt.trial_id)
    again = session(Ledger(tmp_path / "ledger.jsonl"))
    assert again.ledger.state.trials[attempt.trial_id].stop_reason == StopReason.PRUNED
    assert first(again).trial_id != attempt.trial_id


def test_a_repeated_epoch_changes_nothing(tmp_path: Path) -> None:
    """A trial from an older state repeats epochs; each is on record once."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    driver.epoch_ended(attempt.trial_id, epoch(1, 0.5))
    before = ledger.state.next_seq
    assert not driver.epoch_ended(attempt.trial_id, epoch(1, 0.7))
    assert ledger.state.next_seq == before


def test_more_trials_learn_from_those_before(tmp_path: Path) -> None:
    """An extended study goes on as one that had been planned that long from the beginning."""
    ledger = new_ledger(tmp_path)
    simulate(session(ledger, search_of(trials=8)))
    ledger = Ledger(tmp_path / "ledger.jsonl")
    simulate(session(ledger, search_of(trials=12)))
    whole = new_ledger(tmp_path, "whole.jsonl")
    simulate(session(whole))
    assert facts(ledger) == facts(whole)


def test_news_of_an_ended_attempt_is_no_news(tmp_path: Path) -> None:
    """An epoch, an end and an error that come late change nothing: the record and the sampler stay as they were."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    driver.epoch_ended(attempt.trial_id, epoch(1, 0.5), ends=StopReason.COMPLETED)
    before = ledger.state.next_seq
    assert driver.epoch_ended(attempt.trial_id, epoch(2, 0.9))
    assert driver.epoch_ended(attempt.trial_id, epoch(2, 0.9), ends=StopReason.COMPLETED)
    driver.trial_stopped(attempt.trial_id, StopReason.INTERRUPTED)
    driver.attempt_failed(attempt.trial_id, LOST)
    assert ledger.state.next_seq == before


def test_an_epoch_that_is_left_out_is_asked_for_again(tmp_path: Path) -> None:
    """The record has each epoch, in order: the trial is tried again from there, and can be read at any time."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger)
    attempt = first(driver)
    driver.epoch_ended(attempt.trial_id, epoch(1, 0.5))
    assert driver.epoch_ended(attempt.trial_id, epoch(3, 0.5))
    again = first(driver)
    assert (again.trial_id, again.recorded) == (attempt.trial_id, 1)
    _, state = read_ledger(tmp_path / "ledger.jsonl")
    assert state.trials[attempt.trial_id].attempts[0].error == "Epoch 2 must be reported next, but got epoch 3."


def test_several_at_once_are_begun_in_order(tmp_path: Path) -> None:
    """What broke off comes first, in the order in which it broke off, then new trials; each once."""
    ledger = new_ledger(tmp_path)
    driver = session(ledger, search_of(parallel=True), at_once=3)
    begun = [first(driver).number for _ in range(3)]
    assert driver.next_attempt() is Next.WAIT
    driver.attempt_failed("image_002", LOST)
    driver.attempt_failed("image_000", FAILED)
    assert [first(driver).number for _ in range(2)] == [2, 0]
    driver.attempts_vanished()
    assert sorted(first(driver).number for _ in range(3)) == begun
    assert driver.next_attempt() is Next.WAIT
    assert all(trial.failed_attempts <= 1 for trial in ledger.state.trials.values())


def test_a_larger_share_survives_other_failures(tmp_path: Path) -> None:
    """A trial that ran out of memory and was then lost, or interrupted by a new start, keeps what it was given."""
    ledger = new_ledger(tmp_path)

    def larger(modality: str, resources: Resources) -> Resources | None:
        return Resources(resources.cpus, resources.gpus * 2) if resources.gpus < 1 else None

    driver = session(ledger, search_of(resources=Resources(1, 0.25)), larger=larger)
    attempt = first(driver)
    driver.trial_stopped(attempt.trial_id, StopReason.OOM)
    driver.attempt_failed(first(driver).trial_id, LOST)
    assert first(driver).resources.gpus == 0.5
    driver = session(Ledger(tmp_path / "ledger.jsonl"), search_of(resources=Resources(1, 0.25)), larger=larger)
    again = first(driver)
    assert (again.trial_id, again.resources.gpus) == (attempt.trial_id, 0.5)
