"""The ledger of a study: events that are on the disk before anyone hears of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from search.ledger.body import Body
from search.ledger.clock import Clock, SessionClock, moment_now
from search.ledger.events import Event, SessionBegan, StudyCreated
from search.ledger.lines import LinesFile, create_lines, mirror_of, read_lines
from search.ledger.state import StudyState
from trainables.errors import UserError
from trainables.words import one_line

log = logging.getLogger("binwise.ledger")


@dataclass(frozen=True)
class Lag:
    """How far a store that is computed from the ledger is behind it."""

    events_behind: int
    seconds_behind: float  # since the oldest event that it lacks was recorded
    last_error: str | None  # why, without secrets


class Listener(Protocol):
    """Who wants to know what is on record: views, and records for other programs that are computed from this one."""

    def heard(self, event: Event, state: StudyState) -> None:
        """An event was written; `state` has it in it."""


class Ledger:
    """The one writer. Whoever holds it holds the study's lock."""

    def __init__(self, path: Path, clock: Clock = moment_now) -> None:
        """Open an existing ledger. UserError where it can't be read as a whole."""
        self._file = LinesFile(path)
        self._clock = SessionClock(clock)
        self.notes = self._file.recovered.notes
        # What was on record when it was opened.
        self.events, self.state = _parsed(path, self._file.recovered.events)
        self.state.clock = self._clock.lived
        self.listeners: list[Listener] = []
        self.failure: OSError | None = None  # why the disk doesn't take any more

    def append(self, body: Body, trial_id: str | None = None) -> Event:
        """Write an event, apply it, and tell the listeners. OSError where the disk doesn't take it.

        `trial_id`: the trial that it is about, if any.
        """
        event = self._event(body, trial_id)
        try:
            self._file.append([event.to_json()])
        except OSError as error:
            self.failure = error
            raise
        event.apply(self.state)
        for listener in self.listeners:
            try:
                listener.heard(event, self.state)
            except Exception:  # what is computed from the ledger can be computed again; the study goes on
                log.warning("%s didn't take an event.", type(listener).__name__, exc_info=True)
        return event

    def _event(self, body: Body, trial_id: str | None) -> Event:
        seq, last_at = self.state.next_seq, self.state.last_at
        if isinstance(body, SessionBegan):
            return Event(seq, self._clock.begin(last_at), body, trial_id)
        at, used, asleep = self._clock.read(last_at)
        return Event(seq, at, body, trial_id, used, asleep) if body.of_session else Event(seq, at, body, trial_id)

    def now(self) -> float:
        """Seconds since 1970, as events' times: from the last one on by a clock that nobody sets, awake."""
        sessions = self.state.sessions
        return self.state.lived() + (sessions[-1].ahead if sessions else 0.0)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def create_ledger(path: Path, created: StudyCreated, at: float) -> None:
    """A new ledger with the study's creation, at `at` (seconds since 1970), as its first event."""
    create_lines(path, [Event(0, at, created).to_json()])


def read_ledger(path: Path) -> tuple[list[Event], StudyState]:
    """A ledger's events and state, for readers; another process may be writing it. UserError where it is damaged."""
    if not path.is_file() and not mirror_of(path).is_file():
        raise UserError(f"A study must have its ledger, but {path} isn't there: run the study first.")
    return _parsed(path, read_lines(path).events)


def _parsed(path: Path, raw: Sequence[Mapping[str, Any]]) -> tuple[list[Event], StudyState]:
    """The events and the state that they fold into. UserError where one is none, or doesn't follow."""
    events: list[Event] = []
    state = StudyState()
    for one in raw:
        try:
            events.append(Event.from_json(one))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}: line {len(events) + 1} isn't an event of this version ({one_line(str(error))}): use the "
                "version that wrote it; where the file was changed, put a backup in its place."
            ) from error
        try:
            events[-1].apply(state)
        except (AssertionError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{path}: line {len(events)} ({events[-1].kind}) doesn't follow from the lines before it "
                f"({one_line(str(error))}): the file was changed; put a backup in its place."
            ) from error
    return events, state
