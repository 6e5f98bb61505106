"""Trials as they end -> `trials.jsonl`, each line complete in itself, failed and pruned trials included."""

from __future__ import annotations

import os
from pathlib import Path

from search.events import TrialStart
from trainables.records import EpochResult, TrialRecord


class TrialsFile:
    """A listener that appends one line a trial; a line is on disk before the next event is looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def trial_started(self, start: TrialStart) -> None:
        """Nothing is known yet."""

    def epoch_ended(self, start: TrialStart, result: EpochResult) -> None:
        """Epochs are written with their trial."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Append its line."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(record.to_json() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
