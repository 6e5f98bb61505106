"""The files of a study that is over: torn ones are made anew from the record and the data."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from search_fakes import epoch, study

from search.exports.rebuild import rebuild
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    SessionBegan,
    SessionEnded,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import Ledger, read_ledger
from search.ledger.state import Outcome
from search.preflight.data import read_data
from search.session.mode import Mode
from search.session.open_study import open_study
from search.session.restore_files import restore_ended
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.errors import UserError
from trainables.records import StopReason

WRITTEN = re.compile(rb'"(worker_id|datetime_\w+)":"[^"]+"')
CSV = "text,label\nold bottle,Blue\nyogurt cup,Green\n"


@pytest.fixture
def ended(tmp_path: Path) -> StudyConfig:
    """A study of texts that has come to its end, with all its files."""
    for name in ("train", "val"):
        (tmp_path / f"{name}.csv").write_text(CSV)
    data = {name: str(tmp_path / f"{name}.csv") for name in ("train", "val")}
    made = study(tmp_path, modalities=["text"], data=data)
    layout = Layout.of(made)
    ledger = open_study(made, layout, read_data(made), Mode(), shown_study=made)
    run_one_trial(ledger)
    ledger.close()
    rebuild(layout.folder)
    return made


def run_one_trial(ledger: Ledger) -> None:
    """A session with one trial in it."""
    ledger.append(SessionBegan("here", 1))
    ledger.append(TrialCreated(0, "text", {}, {}, inside=True), "text_000")
    ledger.append(AttemptBegan(1, 0), "text_000")
    ledger.append(EpochEnded(epoch(1, 0.5), ends=StopReason.COMPLETED), "text_000")
    ledger.append(AttemptEnded(StopReason.COMPLETED), "text_000")
    ledger.append(TrialEnded(StopReason.COMPLETED), "text_000")
    ledger.append(SessionEnded(Outcome.FINISHED))


def restored(made: StudyConfig) -> None:
    """As a search does that has nothing to do."""
    layout = Layout.of(made)
    restore_ended(made, layout, read_ledger(layout.ledger_file)[1])


@pytest.mark.parametrize("kind", ["gone", "empty", "half", "binary"])
@pytest.mark.parametrize("name", ["study.yaml", "data.jsonl.gz", "trials.jsonl", "optuna.journal"])
def test_a_torn_file_is_made_anew(ended: StudyConfig, name: str, kind: str) -> None:
    """Byte for byte, but for who wrote Optuna's journal and when."""
    path = Layout.of(ended).folder / name
    whole = path.read_bytes()
    torn = {"empty": b"", "half": whole[: len(whole) // 2], "binary": b"\xff\x00" + whole}
    path.unlink()
    if kind in torn:
        path.write_bytes(torn[kind])
    restored(ended)
    assert WRITTEN.sub(b"", path.read_bytes()) == WRITTEN.sub(b"", whole)


def test_a_flipped_bit_of_the_data_is_seen(ended: StudyConfig) -> None:
    """By the digest: the table would be read without a fault."""
    path = Layout.of(ended).data_file
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b"yogurt", b"yogurp")))
    restored(ended)
    assert path.read_bytes() == whole


def test_what_was_edited_by_hand_stays(ended: StudyConfig) -> None:
    """A test split that was named after the search, say; no whole file is written again."""
    layout = Layout.of(ended)
    layout.study_file.write_text(layout.study_file.read_text().replace("test: null", "test: there.csv"))
    files = sorted(path for path in layout.folder.iterdir() if path.is_file())
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    restored(ended)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before


def test_other_data_don_t_take_the_place_of_a_torn_table(ended: StudyConfig, tmp_path: Path) -> None:
    """The message names what differs, and the torn file stays."""
    path = Layout.of(ended).data_file
    path.write_bytes(b"")
    (tmp_path / "val.csv").write_text(CSV.replace("bottle", "can"))
    with pytest.raises(UserError, match=r"train or val has changed since 'demo' began:\n  val\.digest"):
        restored(ended)
    assert path.read_bytes() == b""
