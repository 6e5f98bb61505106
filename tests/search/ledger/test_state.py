"""What is known about a study, folded from events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_fakes import fold
from search_fakes import epoch

from search.ledger.body import Body
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    Event,
    SessionBegan,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.state import StudyState, state_of
from trainables.records import StopReason

CREATED = StudyCreated(study={"name": "demo"}, uid="u", data={}, versions={})


def told(*happened: tuple[Body, str | None]) -> StudyState:
    """The state after a study's creation, a session's beginning and these, one a second."""
    events = [(CREATED, None), (SessionBegan("here", 7), None), *happened]
    return fold(Event(seq, float(seq), body, trial_id) for seq, (body, trial_id) in enumerate(events))


def trial(trial_id: str, *accuracies: float) -> list[tuple[Body, str | None]]:
    """A trial that runs, with these val accuracies."""
    modality, number = trial_id.split("_")
    begun: list[tuple[Body, str | None]] = [
        (TrialCreated(int(number), modality, {}, {}, inside=True), trial_id),
        (AttemptBegan(1, 0), trial_id),
    ]
    return [*begun, *((EpochEnded(epoch(n, one)), trial_id) for n, one in enumerate(accuracies, start=1))]


@given(st.lists(st.lists(st.sampled_from([0.25, 0.5, 0.75]), max_size=4), max_size=5))
def test_the_best_trial_is_the_first_of_the_best(curves: list[list[float]]) -> None:
    """It has the highest val accuracy that the state has seen; of equals the first; none without an epoch."""
    state = told(*(one for number, curve in enumerate(curves) for one in trial(f"image_{number:03d}", *curve)))
    best, peaks = state.best_trial("image"), [max(curve) for curve in curves if curve]
    if not peaks:
        assert best is None
        return
    assert best is not None
    assert best.best is not None
    assert best.best.val_accuracy == max(peaks) == state.best_accuracy("image")
    assert best.number == next(n for n, curve in enumerate(curves) if curve and max(curve) == max(peaks))


def test_the_best_trial_of_all_modalities() -> None:
    """Or of one: what another has counts nothing."""
    state = told(*trial("image_000", 0.5), *trial("text_000", 0.4, 0.9))
    best, images, none = state.best_trial(), state.best_trial("image"), state.best_trial("audio")
    assert (best and best.trial_id, images and images.trial_id, none) == ("text_000", "image_000", None)


def test_trials_by_state() -> None:
    """Running, waiting, and by their ends; those that aren't over are open."""
    ended = [(body, "image_001") for body in (AttemptEnded(StopReason.PRUNED), TrialEnded(StopReason.PRUNED))]
    state = told(*trial("image_000", 0.5), *trial("image_001", 0.4), *ended, *trial("text_000")[:1])
    assert state.counts() == {"running": 1, "pruned": 1, "waiting": 1}
    assert [state_of(one) for one in state.of("text")] == ["waiting"]
    assert [one.trial_id for one in state.open_trials()] == ["image_000", "text_000"]
    assert (state.created_count("image"), state.created_count("audio")) == (2, 0)


def test_a_trial_is_created_once() -> None:
    """And events are about trials that there are: else whoever appends has a bug."""
    with pytest.raises(AssertionError, match="image_000 once"):
        told(*trial("image_000"), *trial("image_000"))
    with pytest.raises(AssertionError, match="no trial image_009"):
        told((AttemptBegan(1, 0), "image_009"))
