"""`binwise data import`, as it is typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from search.cli.main import app
from trainables.errors import UserError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory with two classes of ten pictures each, and a CSV of them."""
    monkeypatch.chdir(tmp_path)
    rows = ["words,kind,file"]
    for number in range(20):
        label = ("Blue", "[red]Green")[number % 2]
        path = Path("s") / label / f"{chr(97 + number)}{chr(97 + number)} thing.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        rows.append(f"{path.stem},{label},{path}")
    Path("all.csv").write_text("\n".join(rows))
    return tmp_path


def call(*arguments: object) -> list[str]:
    """Run `binwise data import`; its lines. Its mistakes are raised."""
    result = CliRunner().invoke(app, ["data", "import", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return str(result.output).splitlines()


def test_a_folder_is_told_with_its_shares(here: Path) -> None:
    """Asked beside got, what was left out and why, what became of each file, the lines of a study."""
    (here / "s/Blue/photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (here / "s/Blue/odd\x1b[31m.png").write_bytes(b"")
    lines = call("s", "out", "--val", "0.2", "--test", "0.2")
    assert lines[0] == "out: 20 samples, 20 groups that stay together"
    assert lines[1] == "  Train      12   60.0% (asked 60.0%)  Blue 6, [red]Green 6"
    text = "\n".join(lines)
    assert "left out: 2 (2 unusable), each with its reason in left_out.csv" in text
    assert "Blue/odd\\x1b[31m.png: the file is empty" in text
    assert "convert it to JPEG" in text
    assert lines[-4:] == ["data:", "  train: out/Train", "  val: out/Val", "  test: out/Test"]
    assert len(list((here / "out").rglob("*.png"))) == 20


def test_a_csv_gives_three(here: Path) -> None:
    """Own columns; the pictures stay, and the study's lines say where they are."""
    lines = call("all.csv", "out", "--columns", "text=words,label=kind,image=file")
    assert lines[-3:] == [
        "  test: out/test.csv",
        f"  image_root: {here}",
        "  columns: {text: words, label: kind, image: file}",
    ]
    assert not list((here / "out").rglob("*.png"))
    call("all.csv", "two", "--columns", "text=words,label=kind,image=file", "--pictures", "link")
    assert len(list((here / "two").rglob("*.png"))) == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--group-by", "names"], "must be none, or one or more of name, near"),
        (["--group-by", "column"], "need each other"),
        (["--group-column", "x"], "need each other"),
        (["--block-size", "5"], "which isn't asked for"),
        (["--pictures", "move"], "one of copy, link, list"),
        (["--columns", "text=words"], "for a CSV alone"),
        (["--image-root", "s"], "for a CSV alone"),
        (["--val", "1.5"], "val=1.5"),
    ],
)
def test_options_that_don_t_fit_are_refused(here: Path, options: list[str], words: str) -> None:
    """Said before anything is looked at or written."""
    with pytest.raises(UserError, match=words):
        call("s", "out", *options)
    assert not (here / "out").exists()


@pytest.mark.parametrize("columns", ["caption", "words=text", "text="])
def test_columns_are_pairs(here: Path, columns: str) -> None:
    """Of a known key and a name."""
    with pytest.raises(UserError, match="must be like text=caption"):
        call("all.csv", "out", "--columns", columns)
