"""`trials.jsonl`: a line a trial, complete in itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_fakes import epoch, record, start_of

from search.collect import TrialsFile
from trainables.records import StopReason, TrialRecord

RECORDS = [
    record(0, (0.4, 0.8), StopReason.COMPLETED),
    record(1, (0.4,), StopReason.PRUNED),
    record(2, (), StopReason.FAILED, error='Traceback:\n  File "a.py"\nValueError: {"no": [json]}'),
    record(3, (0.1,), StopReason.DIVERGED, params={}, config={"weights": None, "on": True}),
    record(4, (), StopReason.INTERRUPTED),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the trials go."""
    return tmp_path / "trials.jsonl"


def read(path: Path) -> list[TrialRecord]:
    """As the analysis reads it."""
    return [TrialRecord.from_json(line) for line in path.read_text("utf-8").splitlines()]


def test_each_trial_is_one_line_that_reads_back_equal(path: Path) -> None:
    """Whatever became of a trial, its line gives back the same record: tuples and nothings too."""
    writer = TrialsFile(path)
    for one in RECORDS:
        writer.trial_ended(one)
    assert read(path) == RECORDS


def test_a_line_is_there_before_the_next_event(path: Path) -> None:
    """No line waits in a buffer, and starts and epochs leave none."""
    writer = TrialsFile(path)
    writer.trial_started(start_of(0))
    writer.epoch_ended(start_of(0), epoch(1, 0.5))
    assert not path.exists()
    for count, one in enumerate(RECORDS, start=1):
        writer.trial_ended(one)
        assert len(read(path)) == count


def test_a_second_writer_appends(path: Path) -> None:
    """The text search goes on where the image search left off."""
    TrialsFile(path).trial_ended(RECORDS[0])
    TrialsFile(path).trial_ended(RECORDS[1])
    assert read(path) == RECORDS[:2]


@pytest.mark.parametrize("odd", ["größer · 瓶", "line\u2028separator\x85", "broken \udc80 name", "nul \x00"])
def test_no_text_breaks_a_line(path: Path, odd: str) -> None:
    """An error or a value may hold any character: of other scripts, a line separator, half of a pair."""
    one = record(0, (), StopReason.FAILED, error=odd, params={"backbone": odd}, config={"backbone": odd})
    TrialsFile(path).trial_ended(one)
    TrialsFile(path).trial_ended(RECORDS[0])
    assert read(path) == [one, RECORDS[0]]
