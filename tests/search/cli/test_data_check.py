"""`binwise data check` as a person and a program meet it: what it reads, says, writes, and its exit code."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from search.cli.main import app
from trainables.errors import UserError
from trainables.names import DATA_CHECK_FILE, DATA_CHECK_HTML
from trainables.words import is_obeyed

# As names of files; a path's separator can't be in one.
HOSTILE = ("<script>alert(1)<script>", "[red]", r"$\frac$", "\x1b[31mred", "\u202egnp.exe", "two\nlines", "\x9b2J")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: object) -> Result:
    """Call it, in this process."""
    return CliRunner().invoke(app, ["data", "check", *map(str, arguments)])


def draw(folder: Path, names: list[str], seed: int) -> None:
    """Pictures of these names; the same seed draws the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for name in names:
        Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(folder / f"{name}.png")


@pytest.fixture
def data(here: Path) -> Path:
    """A sound little data set."""
    things = {
        "Blue": ["bottle", "can", "jar", "box", "tin", "lid"],
        "Green": ["core", "peel", "leaf", "egg", "tea", "rind"],
    }
    for number, (split, label) in enumerate(product(("Train", "Val"), things)):
        draw(here / "mine" / split / label, [f"{split} {name}" for name in things[label]], number)
    return here / "mine"


def test_a_folder_is_checked_and_both_files_are_written(data: Path, here: Path) -> None:
    """The verdict first, the counts, the page's place last; JSON says the same."""
    result = call("mine")
    lines = result.output.splitlines()
    folder = here / "mlruns" / "data_checks" / "mine"
    assert result.exit_code == 0
    assert lines[0].startswith("mine: ")
    assert lines[1:3] == [
        f"  {split:5} 12 samples of 2 classes; 12 files: 12 pictures taken" for split in ("train", "val")
    ]
    assert lines[-1] == f"Page: {folder / DATA_CHECK_HTML}"
    assert len(lines) <= 40
    said = json.loads((folder / DATA_CHECK_FILE).read_text())
    assert said["counts"]["val"] == {"Blue": 6, "Green": 6}
    assert {path.name for path in folder.iterdir()} == {DATA_CHECK_FILE, DATA_CHECK_HTML}


def test_errors_and_strict_warnings_end_with_1(data: Path, here: Path) -> None:
    """A missing class in val is a warning; a class of val's own is an error."""
    for picture in (data / "Val" / "Green").iterdir():
        picture.unlink()
    assert call("mine").exit_code == 0
    assert call("mine", "--strict").exit_code == 1
    draw(data / "Val" / "Amber", ["lamp"], 9)
    result = call("mine", "--out", "elsewhere")
    assert result.exit_code == 1
    assert "Amber" in result.output
    assert (here / "elsewhere" / DATA_CHECK_HTML).is_file()


def test_json_is_all_that_is_printed(data: Path) -> None:
    """For programs: the same as the file."""
    result = call("mine", "--json")
    assert json.loads(result.stdout)["name"] == "mine"


def test_a_study_s_file_names_the_data(data: Path, here: Path) -> None:
    """Its splits and modalities; a study that was never run gets no folder among the studies."""
    (here / "study.yaml").write_text(
        "name: small\nmodalities: [image]\ndata: {train: mine/Train, val: mine/Val}\nimage: {search: {trials: 1}}\n"
    )
    result = call("study.yaml", "--set", "name=other")
    assert result.output.startswith("other: ")
    assert not (here / "mlruns" / "studies").exists()
    assert (here / "mlruns" / "data_checks" / "other" / DATA_CHECK_HTML).is_file()


def test_neither_a_study_nor_a_folder(here: Path) -> None:
    """One message that says what may be given."""
    result = call("nothing")
    assert isinstance(result.exception, UserError)
    assert "'nothing'" in str(result.exception)
    assert "folder of data" in str(result.exception)


def test_hostile_names_are_names(here: Path) -> None:
    """Markup, escapes, turned direction, line ends: in terminal, JSON and page they stay texts, each on its line."""
    for split in ("Train", "Val"):
        for label in ("<b>[red]", "Gre\u202een"):
            draw(here / "odd" / split / label, [*HOSTILE, "IMG_1", "IMG_2"], 0)
    result = call("odd", "--out", "out")
    page = (here / "out" / DATA_CHECK_HTML).read_text("utf-8")
    raw = (here / "out" / DATA_CHECK_FILE).read_text("utf-8")
    assert result.exit_code == 1, result.output  # equal pictures in train and val
    for text in (result.output, page, raw):
        assert not [char for char in text if is_obeyed(char) and char != "\n"]
    assert "<script" not in page
    assert "<b>[" not in page
    assert "&lt;script&gt;alert(1)&lt;script&gt;" in page
    found = {place["file"] for one in json.loads(raw)["findings"] for group in one["groups"] for place in group}
    assert {f"{here}/odd/Train/<b>[red]/{name}.png" for name in HOSTILE} <= found
