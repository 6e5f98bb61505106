"""A study that an earlier version began, and that was killed there, goes on here: resumed, analysed, tested, reported.

`begun_study.tar.gz` has its folder and its pictures: one image trial and one text trial are over, a second text trial
was killed after its first epoch. The machine that it was begun on is gone, and so are its paths.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from command_line import binwise_here

from analysis.lineage import data_digests
from search.ledger.ledger import read_ledger
from search.ledger.lines import read_lines
from trainables.records import StopReason, TrialRecord

ARCHIVE = Path(__file__).with_name("begun_study.tar.gz")
pytestmark = pytest.mark.timeout(480)


def test_an_earlier_versions_study_goes_on(tmp_path: Path) -> None:
    """Its record grows and keeps every line; the killed trial goes on from its state; old checkpoints are selected.

    It knew its data by their sizes alone. From here on it knows them by their manifests, test's too: one that shrank
    is refused, and where that is accepted the report says so.
    """
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "mlruns/studies/begun"
    before = read_lines(folder / "ledger.jsonl").lines
    weights = (folder / "image/image_000/best/weights.safetensors").read_bytes()
    for arguments in (("search", "study.yaml", "--resume"), ("analyze", "begun")):
        done = binwise_here(tmp_path, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    assert read_lines(folder / "ledger.jsonl").lines[: len(before)] == before
    state = read_ledger(folder / "ledger.jsonl")[1]
    assert {trial_id: len(trial.epochs) for trial_id, trial in state.trials.items()}["text_001"] == 3
    assert state.trials["text_001"].notes == ["Resumed after epoch 1."]
    assert all(trial.stop_reason in (StopReason.COMPLETED, StopReason.PRUNED) for trial in state.trials.values())
    assert (folder / "image/image_000/best/weights.safetensors").read_bytes() == weights
    lines = (folder / "trials.jsonl").read_text("utf-8").splitlines()
    assert sorted(TrialRecord.from_json(line).trial_id for line in lines) == [
        *("image_000", "image_001"),
        *("text_000", "text_001", "text_002"),
    ]
    selection = json.loads((folder / "analysis/selection.json").read_text("utf-8"))
    assert set(selection["models"]) == {"image", "text"}
    assert {split: facts["samples"] for split, facts in state.bound.items()} == {"train": 76, "val": 19, "test": 25}
    assert data_digests(folder) == {split: facts["manifest"] for split, facts in state.bound.items()}
    config = (folder / "study.yaml").read_text("utf-8")
    assert "registered_model: auto" in config
    (folder / "study.yaml").write_text(config.replace("registered_model: auto", "registered_model: null"), "utf-8")
    (tmp_path / "data/Test").rename(tmp_path / "moved")
    next((tmp_path / "moved/Blue").iterdir()).unlink()
    refused = binwise_here(tmp_path, "test", "begun", "moved")
    assert (refused.returncode, "have changed since the search began:\n  1 sample gone" in refused.stderr) == (2, True)
    for arguments in (("test", "begun", "moved", "--accept-changed-test"), ("report", "begun")):
        done = binwise_here(tmp_path, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    final = json.loads((folder / "analysis/final_test.json").read_text("utf-8"))
    assert (final["openings"], final["samples"], final["changes"]) == (1, 24, ["1 sample gone"])
    assert "accepted (--accept-changed-test): 1 sample gone" in (folder / "analysis/report.html").read_text("utf-8")
