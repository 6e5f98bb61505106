"""The record's schema: each line as it stands on the disk, and lines of older versions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_fakes import fold
from search_fakes import epoch

from search.ledger.body import Body, Kind
from search.ledger.events import (
    BODIES,
    FORMAT,
    AttemptBegan,
    AttemptEnded,
    DataBound,
    EndedTest,
    EpochEnded,
    Event,
    Noted,
    OpenedTest,
    SessionBegan,
    SessionEnded,
    StudyChanged,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import read_ledger
from search.ledger.lines import create_lines
from search.ledger.state import OpeningRecord, Outcome
from trainables.errors import UserError
from trainables.records import StopReason

RESULT = json.dumps(epoch(1, 0.5).as_metrics())
CREATED: dict[str, Any] = {"study": {"name": "demo"}, "uid": "u", "data": {}, "versions": {}}
# As the driver writes them: a line of a study that goes on has the same keys in the same order.
WRITTEN: list[tuple[Body, str, str]] = [
    (
        StudyCreated(study={"name": "demo"}, data={}, versions={"torch": "2"}, commit="c0", uid="u"),
        "study_created",
        '{"format": 1, "study": {"name": "demo"}, "data": {}, "versions": {"torch": "2"}, "commit": "c0", "uid": "u", '
        '"warm": null}',
    ),
    (
        StudyCreated(**CREATED, test={"samples": 3, "manifest": "ab"}),
        "study_created",
        '{"format": 1, "study": {"name": "demo"}, "data": {}, "versions": {}, "commit": null, "uid": "u", '
        '"warm": null, "test": {"samples": 3, "manifest": "ab"}}',
    ),
    (StudyChanged({"name": "demo"}), "study_changed", '{"study": {"name": "demo"}}'),
    (
        DataBound({"test": {"samples": 3, "manifest": "ab"}}),
        "data_bound",
        '{"splits": {"test": {"samples": 3, "manifest": "ab"}}}',
    ),
    (
        SessionBegan("here", 7, {"torch": "2"}, {"image": {"cpus": 1}}, [{"cpus": 2, "gpus": 0}]),
        "session_began",
        '{"host": "here", "pid": 7, "versions": {"torch": "2"}, "shares": {"image": {"cpus": 1}}, '
        '"nodes": [{"cpus": 2, "gpus": 0}]}',
    ),
    (SessionEnded(Outcome.FINISHED), "session_ended", '{"outcome": "finished", "detail": null}'),
    (
        TrialCreated(3, "image", {"rate": 0.1}, {"rate": 0.1, "widths": (8, 4)}, inside=True),
        "trial_created",
        '{"number": 3, "modality": "image", "params": {"rate": 0.1}, "config": {"rate": 0.1, "widths": [8, 4]}, '
        '"inside": true}',
    ),
    (AttemptBegan(1, 0.5), "attempt_began", '{"cpus": 1, "gpus": 0.5}'),
    (
        EpochEnded(epoch(1, 0.5), ends=StopReason.COMPLETED, worker="here 12"),
        "epoch",
        f'{{"result": {RESULT}, "stop": false, "ends": "completed", "worker": "here 12"}}',
    ),
    (Noted("Half a batch."), "note", '{"text": "Half a batch."}'),
    (AttemptEnded(StopReason.PRUNED), "attempt_ended", '{"reason": "pruned", "retry": false}'),
    (
        AttemptEnded(StopReason.OOM, retry=True),
        "attempt_ended",
        '{"reason": "oom", "error": null, "retry": true}',
    ),
    (
        AttemptEnded(StopReason.INTERRUPTED, retry=True, unseen=True),
        "attempt_ended",
        '{"reason": "interrupted", "retry": true, "unseen": true}',
    ),
    (
        TrialEnded(StopReason.COMPLETED, checkpoint="image/image_003/best", digests={"weights": "ab"}),
        "trial_ended",
        '{"stop_reason": "completed", "detail": null, "error": null, "checkpoint": "image/image_003/best", '
        '"digests": {"weights": "ab"}}',
    ),
    (
        TrialEnded(StopReason.INTERRUPTED, "Ctrl-C"),
        "trial_ended",
        '{"stop_reason": "interrupted", "detail": "Ctrl-C", "checkpoint": null, "digests": {}}',
    ),
    (
        OpenedTest("s1", "t1", "2026-01-01", "2 samples gone"),
        "test_opened",
        '{"selection": "s1", "test": "t1", "opened": "2026-01-01", "change": "2 samples gone"}',
    ),
    (
        EndedTest("s1", "t1", "2026-01-02", "ab12"),
        "test_ended",
        '{"selection": "s1", "test": "t1", "ended": "2026-01-02", "sha256": "ab12"}',
    ),
]


@pytest.mark.parametrize(("body", "kind", "text"), WRITTEN)
def test_a_line_s_keys_and_their_order(body: Body, kind: str, text: str) -> None:
    """Each event is written to the byte as it always was, and read back as the same event."""
    event = Event(5, 1.5, body, "image_003" if "trial" in kind else None)
    line = json.dumps(event.to_json())
    trial = '"trial_id": "image_003", ' if "trial" in kind else ""
    assert line == f'{{"seq": 5, "at": 1.5, "kind": "{kind}", {trial}"body": {text}}}'
    again = Event.from_json(json.loads(line))
    assert json.dumps(again.to_json()) == line
    assert (again.kind, type(again.body)) == (event.kind, type(body))


def test_every_kind_is_written_and_read() -> None:
    """No kind is without its body, and the lines above leave none out."""
    assert set(BODIES) == set(Kind) == {body.kind for body, _, _ in WRITTEN}


texts = st.text(max_size=8)
reasons = st.sampled_from(StopReason)
results = st.builds(epoch, st.integers(1, 99), st.floats(0, 1))
bodies = st.one_of(
    st.builds(SessionEnded, st.sampled_from(Outcome), st.none() | texts),
    st.builds(EpochEnded, results, st.booleans(), st.none() | reasons, st.none() | texts),
    st.builds(AttemptEnded, reasons, st.none() | texts, st.booleans(), st.booleans()),
    st.builds(
        TrialEnded, reasons, st.none() | texts, st.none() | texts, digests=st.dictionaries(texts, texts, max_size=2)
    ),
    st.builds(Noted, texts),
)


@given(bodies)
def test_what_was_written_is_read(body: Body) -> None:
    """By way of JSON each event comes back as an equal one, its values of the same types."""
    event = Event(0, 0.0, body, "image_000")
    assert Event.from_json(json.loads(json.dumps(event.to_json()))) == event


def read(kind: str, body: dict[str, Any]) -> Body:
    """The body of a line."""
    return Event.from_json({"seq": 0, "at": 0.0, "kind": kind, "body": body}).body


def test_lines_of_older_versions_are_read() -> None:
    """Keys that have come since have defaults, those that nobody reads are ignored."""
    assert read("session_began", {"host": "here", "pid": 7}) == SessionBegan("here", 7)
    assert read("study_created", {"format": 1, **CREATED}) == StudyCreated(**CREATED)
    assert read("epoch", {"result": epoch(1, 0.5).as_metrics(), "stop": True}) == EpochEnded(epoch(1, 0.5), stop=True)
    assert read("attempt_ended", {"reason": "lost", "retry": True}) == AttemptEnded(StopReason.LOST, retry=True)
    assert read("trial_ended", {"stop_reason": "oom", "digests": None}) == TrialEnded(StopReason.OOM)
    assert read("note", {"text": "n", "author": "?"}) == Noted("n")


def test_numbers_that_are_not_finite_survive() -> None:
    """A loss may be infinite."""
    result = replace(epoch(1, 0.5), val_loss=math.inf)
    body = read("epoch", json.loads(json.dumps(EpochEnded(result).to_json())))
    assert body == EpochEnded(result)


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("paused", {}, "'paused' is not a valid Kind"),
        ("note", {}, "missing 1 required positional argument: 'text'"),
        ("trial_ended", {"stop_reason": "bored"}, "'bored' is not a valid StopReason"),
    ],
)
def test_a_line_that_is_no_event_is_one_message(tmp_path: Path, kind: str, body: dict[str, Any], said: str) -> None:
    """Another version's kind, a missing key and an unknown word: which one, and what to do."""
    lines = [Event(0, 0.0, StudyCreated(**CREATED)).to_json(), {"seq": 1, "at": 1.0, "kind": kind, "body": body}]
    create_lines(tmp_path / "ledger.jsonl", lines)
    with pytest.raises(UserError, match="use the version that wrote it") as error:
        read_ledger(tmp_path / "ledger.jsonl")
    assert said in str(error.value)


def test_a_newer_ledger_is_refused() -> None:
    """A format that this version doesn't know is one message."""
    with pytest.raises(UserError, match="newer Binwise"):
        fold([Event(0, 0.0, StudyCreated(**CREATED, format=FORMAT + 1))])


def test_events_come_in_order() -> None:
    """One that isn't the next is refused, before it changes anything."""
    created = Event(0, 0.0, StudyCreated(**CREATED))
    state = fold([created])
    with pytest.raises(ValueError, match="Event 1 must come next, but got 0"):
        created.apply(state)


def test_what_data_a_study_is_bound_to() -> None:
    """By what it was created with, and by what was bound since; splits of older versions aren't bound."""
    old = {"samples": 2, "digest": "x", "classes": ["Blue"]}
    facts = {"samples": 2, "manifest": "ab"}
    created = StudyCreated(**{**CREATED, "data": {"train": old, "val": {**old, "manifest": "cd"}}})
    state = fold([Event(0, 0.0, created)])
    assert {split: one["manifest"] for split, one in state.bound.items()} == {"val": "cd"}
    Event(1, 1.0, DataBound({"train": facts, "test": facts})).apply(state)
    assert {split: one["manifest"] for split, one in state.bound.items()} == {"val": "cd", "train": "ab", "test": "ab"}
    assert set(state.data) == {"train", "val"}
    assert fold([Event(0, 0.0, StudyCreated(**CREATED, test=facts))]).bound == {"test": facts}


def test_a_test_that_was_opened_and_ended() -> None:
    """Both stand in the state, in order; days after the last session they don't make it longer."""
    bodies = [SessionBegan("here", 7), OpenedTest("s", "t", "noon"), EndedTest("s", "t", "one", "ab")]
    events = [Event(0, 0.0, StudyCreated(**CREATED))]
    events += [Event(place, 10.0**place, body) for place, body in enumerate(bodies, start=1)]
    state = fold(events)
    assert state.openings == [OpeningRecord("s", "t", "noon"), OpeningRecord("s", "t", "one", result="ab")]
    assert state.seconds == 0.0


def test_what_happens_between_sessions_is_no_session_s_time() -> None:
    """A config that is changed and data that are bound days after a session's end don't make it longer."""
    bodies: list[Body] = [SessionBegan("here", 7), SessionEnded(Outcome.INTERRUPTED), StudyChanged({}), DataBound({})]
    events = [Event(0, 0.0, StudyCreated(**CREATED))]
    events += [Event(place, 10.0**place, body) for place, body in enumerate(bodies, start=1)]
    assert fold(events).seconds == 90.0
