"""`binwise plan` on a small real study: with Ray, real steps, and no trace left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from command_line import binwise

from trainables.data.demo.demo import make_demo

STUDY = """
name: small
data: {train: data/Train, val: data/Val, test: data/Test}
image:
  backbone: mobilenet_v3_small
  weights: none
  size: 64
  max_epochs: 4
  search: {heads: none, trials: 3, space: {batch_size: {type: choice, choices: [32, 48]}}}
text:
  backbone: distilbert-base-uncased
  weights: none
  architecture: {n_layers: 1, dim: 64, hidden_dim: 128, n_heads: 2}
  vocabulary_size: 600
  search: {heads: none}
"""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study and its data."""
    folder = tmp_path_factory.mktemp("plan")
    make_demo(folder / "data", pictures=120, size=64, seed=0, workers=1)
    (folder / "study.yaml").write_text(STUDY)
    return folder


def plan(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it as a process of its own."""
    return binwise(folder, "plan", "study.yaml", *options, NO_PROXY="127.0.0.1")


def test_a_study_is_planned_and_nothing_is_left(folder: Path) -> None:
    """Each modality's trials were really tried, the largest batch too; no file more than before but what that took."""
    before = sorted(folder.rglob("*"))
    done = plan(folder, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    image, text = (found["modalities"][name] for name in ("image", "text"))
    assert [probe["label"] for probe in image["probes"]] == ["the section's own values", "batch_size 48"]
    assert [probe["label"] for probe in text["probes"]] == ["the section's own values"]
    for modality in (image, text):
        assert all(probe["step_seconds"] > 0 and probe["peak_bytes"] > 0 for probe in modality["probes"])
        assert modality["share"]["concurrency"] >= 1
    assert found["seconds"] > 0
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert [path.relative_to(folder).parts[:3] for path in files.difference(before)] == [
        ("mlruns", "cache", "probes")
    ] * 4  # for each modality: what was seen of its networks, what its steps took


def test_all_faults_are_one_message(folder: Path) -> None:
    """Too many GPUs, no store, a picture that can't be read in the steps, no test split: exit code 2, all of them."""
    options = ("image.search.resources.gpus=64", "tracking.uri=http://127.0.0.1:9", "data.test=data/Tset")
    broken = sorted((folder / "data" / "Val" / "TTR").glob("*.jpg"))[0]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    done = plan(folder, *(part for option in options for part in ("--set", option)), "--set", "text.max_length=600")
    broken.write_bytes(whole)
    assert done.returncode == 2
    for words in ("data/Tset", "image.search.resources.gpus is 64", "http://127.0.0.1:9", "600", broken.name):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "mlruns" / "studies").exists()
