"""`trials.jsonl`, a line a trial that ended, computed from the ledger for the analysis.

It is appended to while a study runs, and can be made anew from the ledger at any time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from search.ledger.events import AttemptBegan, Event, TrialEnded
from search.ledger.state import StudyState, Trial
from trainables.data.files import replace_file
from trainables.records import TrialRecord


def ended_trials(events: Sequence[Event], state: StudyState) -> list[Trial]:
    """The trials that are over or interrupted, in the order in which they ended."""
    order = {event.trial_id: event.seq for event in events if isinstance(event.body, TrialEnded)}
    ended = [trial for trial in state.trials.values() if trial.stop_reason is not None]
    return sorted(ended, key=lambda trial: order[trial.trial_id])


def rebuild_trials_file(path: Path, state: StudyState, ended: Sequence[Trial]) -> None:
    """Make the file anew where it differs from these trials; a reader sees the old file or the new one."""
    content = "".join(f"{state.record(trial).to_json()}\n" for trial in ended).encode()
    if not path.is_file() or path.read_bytes() != content:
        replace_file(path, content)


class TrialsFile:
    """A listener that appends a line a trial that ended; one that goes on after all has none until it ends again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        self._written = {TrialRecord.from_json(line).trial_id for line in lines}

    def heard(self, event: Event, state: StudyState) -> None:
        """A line is on the disk before the next event is looked at."""
        if isinstance(event.body, TrialEnded) and event.trial_id is not None:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(state.record(state.trials[event.trial_id]).to_json() + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            self._written.add(event.trial_id)
        elif isinstance(event.body, AttemptBegan) and event.trial_id in self._written:
            self._drop(event.trial_id)
            self._written.remove(event.trial_id)

    def _drop(self, trial_id: str) -> None:
        lines = self._path.read_text("utf-8").splitlines()
        kept = [line for line in lines if TrialRecord.from_json(line).trial_id != trial_id]
        replace_file(self._path, "".join(f"{line}\n" for line in kept).encode())
