"""`binwise fuse` at the command line: lines, JSON, and one message for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import binwise_here

from search.cli.fuse import named_files
from trainables.errors import UserError


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Predictions of two modalities on val and test, as CSV and npz."""
    rng = np.random.default_rng(0)
    for split in ("val", "test"):
        labels = rng.integers(0, 3, 200)
        for name in ("photo", "sound"):
            logits = rng.normal(size=(200, 3))
            logits[np.arange(200), labels] += 1.2
            np.savez(tmp_path / f"{split}_{name}.npz", logits=logits, classes=["A", "B", "C"])
        (tmp_path / f"{split}.csv").write_text("label\n" + "\n".join("ABC"[one] for one in labels) + "\n")
    return tmp_path


VAL = ("fuse", "--logits", "photo=val_photo.npz", "--logits", "sound=val_sound.npz", "--labels", "val.csv")
TEST = ("--test-logits", "photo=test_photo.npz", "--test-logits", "sound=test_sound.npz", "--test-labels", "test.csv")


def test_lines_and_json(files: Path) -> None:
    """Both say the same accuracy; the file has what is printed."""
    shown = binwise_here(files, *VAL, *TEST)
    assert shown.returncode == 0, shown.stderr
    printed = binwise_here(files, *VAL, *TEST, "--json", "--out", "result.json")
    raw = json.loads(printed.stdout)
    assert json.loads((files / "result.json").read_text("utf-8")) == raw
    assert f"{raw['test']['rows']['fused']['scores']['accuracy']:.1%}".replace("%", " %") in shown.stdout
    assert "on test over" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (VAL[:3], "two modalities or more"),
        ((*VAL, "--test-labels", "test.csv"), "must come with its logits (--test-logits"),
        ((*VAL, *TEST[:2], "--test-labels", "test.csv"), "the modalities of val"),
        ((*VAL[:-1], "no.csv"), "no.csv must exist"),
    ],
)
def test_a_mistake_is_one_message(files: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, no traceback."""
    labels = () if "--labels" in arguments else ("--labels", "val.csv")
    done = binwise_here(files, *arguments, *labels)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_named_files() -> None:
    """NAME=FILE, each name once; a path may hold an equals sign."""
    assert named_files("--logits", ["a=x=1.npz"]) == {"a": Path("x=1.npz")}
    for wrong in (["a"], ["=x"], ["a="], ["a=x", "a=y"]):
        with pytest.raises(UserError, match="--logits must"):
            named_files("--logits", wrong)
