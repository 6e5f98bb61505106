"""A modality that a package brings: from the YAML to the report, resumed on the way, with no line changed elsewhere."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import command_line
import numpy as np
import pytest
from PIL import Image

from trainables.records import TrialRecord

PACKAGE = Path(__file__).parents[1] / "fakes" / "numbers_modality"
COLOURS = {"Black": (30, 30, 30), "Blue": (40, 60, 220), "Green": (40, 190, 60)}
WORDS = {"Black": ("nappy", "chips"), "Blue": ("bottle", "paper"), "Green": ("apple", "leaves")}
STUDY = """
name: three
seed: 3
modalities: [image, text, numbers]
tracking: {registered_model: null}
data: {train: data/train.csv, val: data/val.csv, test: data/test.csv}
image:
  backbone: test_efficientnet
  weights: none
  size: 32
  head_widths: []
  head_dropouts: []
  max_epochs: 2
  batch_size: 16
  batchnorm_momentum: 0.1
  search: {heads: none, trials: 1, scheduler: {name: none}}
text:
  weights: none
  architecture: {n_layers: 1, dim: 32, hidden_dim: 64, n_heads: 2, max_position_embeddings: 64}
  vocabulary_size: 150
  max_epochs: 2
  batch_size: 16
  learning_rate: 3e-3
  search: {heads: none, trials: 1, scheduler: {name: none}}
numbers:
  max_epochs: 8
  search:
    trials: 3
    space:
      learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}
      hidden: {type: choice, choices: [4, 16]}
    scheduler: {name: asha, grace: 2, factor: 2}
"""
pytestmark = pytest.mark.timeout(480)


def binwise(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, where the package is installed (or, as here, on the path with its metadata)."""
    return command_line.binwise(folder, *arguments, PYTHONPATH=str(PACKAGE))


def make_data(folder: Path) -> None:
    """Noisy pictures, ambiguous words and noisy numbers: none of them tells a class for sure."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for split, count in (("train", 90), ("val", 45), ("test", 45)):
        with (folder / f"{split}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["image", "text", "numbers", "label"])
            for row in range(count):
                label = list(COLOURS)[row % 3]
                pixels = np.array(COLOURS[label]) + rng.normal(0, 90, size=(32, 32, 3))
                name = f"{split}_{row}.png"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
                said = label if rng.random() < 0.7 else str(rng.choice(list(COLOURS)))
                numbers = (row % 3 + rng.normal(0, 0.7), rng.normal(0, 1))
                cell = ";".join(f"{one:.3f}" for one in numbers)
                writer.writerow([name, f"{rng.choice(WORDS[said])} {row}", cell, label])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study, searched, extended, analysed, tested and reported."""
    folder = tmp_path_factory.mktemp("three")
    make_data(folder / "data")
    (folder / "study.yaml").write_text(STUDY)
    for arguments in (("search", "study.yaml"), ("run", "study.yaml", "--resume", "--more", "1")):
        done = binwise(folder, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
    return folder


def records(folder: Path) -> list[TrialRecord]:
    """The study's trials."""
    lines = (folder / "mlruns/studies/three/trials.jsonl").read_text("utf-8").splitlines()
    return [TrialRecord.from_json(line) for line in lines]


def test_its_trials_are_searched_and_extended(study: Path) -> None:
    """Its heads, three trials and one more, within the space, each with its checkpoint; the others as they are."""
    found = sorted((one for one in records(study) if one.modality == "numbers"), key=lambda one: one.trial_id)
    tuned = [record for record in found if not record.is_head]
    assert [record.trial_id for record in tuned] == [f"numbers_00{n}" for n in range(4)]
    assert [record.config["head"] for record in found if record.is_head] == ["kernel_ridge", "logistic", "neighbours"]
    assert all(record.config["hidden"] in (4, 16) for record in tuned)
    assert all((study / "mlruns/studies/three" / str(record.checkpoint)).is_dir() for record in found)
    assert {record.modality for record in records(study)} == {"image", "text", "numbers"}


def test_the_three_are_fused(study: Path) -> None:
    """Weights of all three that add up to one; on val no worse than any of them; rows for each, tested once."""
    analysis = study / "mlruns/studies/three/analysis"
    selection = json.loads((analysis / "selection.json").read_text("utf-8"))
    weights = selection["fusion"]["weights"]
    assert set(weights) == {"image", "text", "numbers"}
    assert sum(weights.values()) == pytest.approx(1)
    accuracy = {row: one["scores"]["accuracy"] for row, one in selection["val"].items()}
    assert accuracy["fused"] >= max(accuracy[name] for name in weights)
    assert accuracy["numbers"] > accuracy["majority"]
    rows = {*weights, "fused", "majority", "frozen_numbers", "linear_fused", *(f"linear_{name}" for name in weights)}
    assert set(accuracy) == rows
    assert set(json.loads((analysis / "final_test.json").read_text("utf-8"))["test"]) == rows


def test_the_report_shows_it(study: Path) -> None:
    """Its row, its trials and its items are in both files."""
    analysis = study / "mlruns/studies/three/analysis"
    for name in ("report.md", "report.html"):
        text = (analysis / name).read_text("utf-8")
        assert "Numbers" in text
        assert "numbers_00" in text
    assert (analysis / "plots/learning_curves.png").stat().st_size > 0


def test_it_predicts(study: Path) -> None:
    """Beside a picture whose name is its text; a cell that is none is refused."""
    picture = str(study / "data/test_1.png")
    whole = binwise(study, "predict", "three", picture, "--input", "numbers=1.0;0.1", "--json")
    assert whole.returncode == 0, whole.stderr
    found = json.loads(whole.stdout)
    assert found["decided_by"] == "fused"
    assert set(found["logits"]) == {"image", "text", "numbers", "fused"}
    wrong = binwise(study, "predict", "three", "--input", "numbers=heavy")
    assert (wrong.returncode, "isn't a list of numbers" in wrong.stderr) == (2, True)


def test_it_is_resumed_as_it_began(study: Path) -> None:
    """Its hyperparameters are fixed as the others' are, what changes nothing of what is learned is free."""
    text = (study / "study.yaml").read_text()
    (study / "other.yaml").write_text(text.replace("numbers:\n  max_epochs: 8", "numbers:\n  max_epochs: 9"))
    other = binwise(study, "search", "other.yaml", "--resume")
    assert other.returncode == 2
    assert "numbers.max_epochs: 8 -> 9" in other.stderr
