"""An image in MLflow's words: its statuses, its own tags, its limits. No store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Run, RunData, RunInfo, RunStatus, RunTag
from tracking_fakes import begin, new_study, whole_trial

from search.exports.mlflow import runs
from search.exports.run_images import Projection
from search.exports.run_store import DataInput, RunImage
from search.exports.run_store import RunStatus as Ours
from search.ledger.ledger import read_ledger


@pytest.fixture
def image(tmp_path: Path) -> RunImage:
    """A trial's."""
    _, layout, ledger = new_study(tmp_path)
    begin(ledger)
    trial_id = whole_trial(ledger, 0, (0.5,), "failed", error="ValueError: no")
    return Projection(read_ledger(layout.ledger_file)[0]).image(trial_id)


def test_mlflow_s_own_tags(image: RunImage) -> None:
    """The page, what made it and from which commit, and the run above it; ours stay as they are."""
    tags = runs.tags_of(image, "abc")
    own = {key: tag for key, tag in tags.items() if key.startswith("mlflow.")}
    assert own == {
        "mlflow.note.content": image.description,
        "mlflow.source.name": "binwise",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": "c0ffee",
        "mlflow.parentRunId": "abc",
    }
    assert {key: tag for key, tag in tags.items() if key not in own} == dict(image.tags)
    bare = runs.tags_of(replace(image, description="", commit=None), None)
    assert {key for key in bare if key.startswith("mlflow.")} == {"mlflow.source.name", "mlflow.source.type"}


def test_long_texts_are_cut(image: RunImage) -> None:
    """Of errors and notes the end is kept, of all others the beginning; nothing is longer than MLflow takes."""
    text = "a" * 5000 + "b" * 4000
    long = replace(image, tags={"error": text, "notes": text, "worker": text}, params={"key": text}, description=text)
    tags = runs.tags_of(long, None)
    kept = {key: tags[key][-4000:] for key in ("error", "notes", "worker", "mlflow.note.content")}
    assert kept == {
        "error": text[-4000:],
        "notes": text[-4000:],
        "worker": "a" * 4000,
        "mlflow.note.content": "a" * 4000,
    }
    assert {len(tags[key]) for key in kept} == {5000}
    assert runs.params_of(long) == {"key": text[:5000]}


def test_texts_that_databases_refuse_are_escaped(image: RunImage) -> None:
    """A null character or half a character pair in an error can't stop the whole record."""
    odd = replace(image, tags={"error": "a\0b \ud800"}, params={"key": "a\0b \ud800"})
    assert runs.tags_of(odd, None)["error"] == "a\\0b \\ud800"
    assert runs.params_of(odd) == {"key": "a\\0b \\ud800"}


def test_a_split_is_a_data_set(image: RunImage) -> None:
    """Its name within MLflow's limit, where it lies, its columns and counts, and which split it is."""
    given = DataInput("n" * 300, "ab", "val", "/data/val", (("image", "binary"), ("label", "string")), 4, 2)
    [one] = runs.data_of(replace(image, data=(given,)))
    assert (len(one.dataset.name), one.dataset.digest, one.dataset.source_type) == (200, "ab", "local")
    assert json.loads(one.dataset.source) == {"uri": "/data/val"}
    assert json.loads(one.dataset.schema) == {
        "mlflow_colspec": [{"name": "image", "type": "binary"}, {"name": "label", "type": "string"}]
    }
    assert json.loads(one.dataset.profile) == {"num_rows": 4, "num_classes": 2}
    assert [(tag.key, tag.value) for tag in one.tags] == [("mlflow.data.context", "val")]


@pytest.mark.parametrize("status", RunStatus.all_status())
def test_every_status_of_mlflow_s_is_one_of_ours(status: int) -> None:
    """And back again, but for a run that somebody has scheduled."""
    word = RunStatus.to_string(status)
    info = RunInfo("abc", "0", "user", word, 1_000, 2_000, "active")
    remote = runs.remote_of(Run(info, RunData(tags=[RunTag("binwise.trial", "image_000")])))
    assert (remote.key, remote.ended) == ("image_000", 2_000)
    assert remote.status == (Ours.RUNNING if word == "SCHEDULED" else remote.status)
    assert runs.STATUS_OF[remote.status] == ("RUNNING" if word == "SCHEDULED" else word)
