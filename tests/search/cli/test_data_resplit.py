"""`binwise data resplit`: what is said, what is written, what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from made_names import demo_names
from typer.testing import CliRunner, Result

from search.cli.data import data_app
from search.study.yaml_file import load_study
from trainables.data.samples import Split
from trainables.errors import UserError

STUDY = "name: small\nmodalities: [text]\ndata: {train: train.csv, val: val.csv, test: test.csv}\n"


def write(path: Path, split: Split) -> None:
    """A list of texts and labels."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = zip(split.inputs["text"], split.label_names, strict=True)
        csv.writer(stream).writerows([("text", "label"), *rows])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a study of the demo's names in sessions."""
    monkeypatch.chdir(tmp_path)
    for name, split in demo_names(200, 0, sessions=True).items():
        write(tmp_path / f"{name}.csv", split)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def resplit(*arguments: str) -> Result:
    """Call the command; an error of the user's is raised."""
    return CliRunner().invoke(data_app, ["resplit", *arguments], catch_exceptions=False)


def test_shares_and_areas_are_told(here: Path) -> None:
    """Asked against got, the areas before and after; and what is to be typed next is a study that can be read."""
    done = resplit("study.yaml", "anew", "--like-test")
    assert done.exit_code == 0
    for words in ("val's share: 20.3% asked, ", "test 0.", "val before 0.", "val now 0.", "share no block of numbers"):
        assert words in done.output
    options = done.output.splitlines()[-1].removeprefix("Next: ").split(" --set ")
    config = load_study(here / "study.yaml", [option.removeprefix("--set ") for option in options])
    assert (config.data.train, config.data.val) == (here / "anew/train.csv", here / "anew/val.csv")
    assert sorted(path.name for path in (here / "anew").iterdir()) == ["train.csv", "val.csv"]


def test_what_is_missing_is_named(here: Path) -> None:
    """A study without test, and a call that doesn't say what val is to resemble."""
    with pytest.raises(UserError, match="--like-test"):
        resplit("study.yaml", "anew")
    (here / "study.yaml").write_text(STUDY.replace(", test: test.csv", ""))
    with pytest.raises(UserError, match=r"data\.test"):
        resplit("study.yaml", "anew", "--like-test")
    assert not (here / "anew").exists()
