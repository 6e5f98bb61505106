"""`binwise data clean`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.cli.main import app
from search.preflight.data import read_data
from search.study.config import StudyConfig
from trainables.data.check.findings import Finding, Place
from trainables.errors import UserError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory with two CSVs of texts, and a check of them that found something."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val"):
        rows = [f"{split} text {number},{('A', 'B')[number % 2]}" for number in range(6)]
        (tmp_path / f"{split}.csv").write_text("\n".join(["text,label", *rows]))
    places = (Place("row-1", "odd\x1b", "train", "A"), Place("row-2", "odd", "val", "B"))
    twice = tuple(Place(f"row-{n}", "", "val", "A") for n in (3, 5))
    findings = [
        Finding("unreadable-pictures", "error", "", places=places),
        Finding("equal-within-split", "note", "", groups=(twice,)),
    ]
    check = {"sources": {"train": "train.csv", "val": "val.csv"}, "findings": [one.as_dict() for one in findings]}
    (tmp_path / "data_check.json").write_text(json.dumps(check))
    return tmp_path


def call(*arguments: object) -> str:
    """Run `binwise data clean`; what it says. Its mistakes are raised."""
    result = CliRunner().invoke(app, ["data", "clean", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return str(result.output)


def test_the_list_and_what_a_study_does_with_it(here: Path) -> None:
    """What was written and what stays is told, with the key; the study then reads the data without them."""
    said = call("data_check.json")
    assert f"{here}/leave_out.csv: 1 of train, 1 of val" in said
    assert "row-1: unreadable: odd\\x1b" in said
    assert "2 pictures of val and test are there twice" in said
    assert f"data:\n  leave_out: {here}/leave_out.csv" in said
    data = {"train": "train.csv", "val": "val.csv", "leave_out": "leave_out.csv"}
    study = StudyConfig.model_validate({"name": "s", "modalities": ["text"], "data": data})
    splits = read_data(study)
    assert splits["train"].ids == tuple(f"row-{number}" for number in range(2, 7))
    assert splits["val"].ids == ("row-1", *(f"row-{number}" for number in range(3, 7)))


def test_a_list_isn_t_written_over(here: Path) -> None:
    """It may have been changed by hand; another name is taken."""
    call(here)
    with pytest.raises(UserError, match=r"leave_out\.csv exists"):
        call(here)
    call(here, "--out", "other.csv")
    assert (here / "other.csv").read_text() == (here / "leave_out.csv").read_text()


def test_nothing_to_leave_out(here: Path) -> None:
    """Said, and no list is written."""
    check = json.loads((here / "data_check.json").read_text())
    (here / "data_check.json").write_text(json.dumps({**check, "findings": []}))
    assert call(here) == "There is nothing to leave out.\n"
    assert not (here / "leave_out.csv").exists()


def test_a_list_that_is_gone(here: Path) -> None:
    """A study that names it can't be read: one error."""
    data = {"train": "train.csv", "val": "val.csv", "leave_out": "gone.csv"}
    with pytest.raises(UserError, match=r"gone\.csv"):
        read_data(StudyConfig.model_validate({"name": "s", "modalities": ["text"], "data": data}))
