"""`binwise predict` of many pictures, with a study's models or a bundle's."""

from __future__ import annotations

import csv
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from analysis.prediction import Prediction
from search.cli.predict import given_items
from search.cli.predict_many import CHUNK, pictures_of, predict_pictures
from trainables.errors import UserError
from trainables.runtime.pictures import load_picture


class Colour:
    """Says whether a picture is rather red or rather blue, and how many it was asked at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def predict(self, given: Mapping[str, Any]) -> Prediction:
        """Of one."""
        return self.predict_alike([given])[0]

    def predict_alike(self, samples: Sequence[Mapping[str, Any]]) -> list[Prediction]:
        """Of some; UserError where one can't be read."""
        self.asked.append(len(samples))
        pixels = [load_picture(one["image"], 8, "crop", 10_000) for one in samples]
        found = ["=Red" if one[..., 0].mean() > one[..., 2].mean() else "Blue" for one in pixels]
        return [Prediction(one, "image", None, {"image": {one: 0.75}}, {"image": {one: 1.0}}) for one in found]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of forty pictures in two folders, and a file that is none."""
    for number in range(40):
        folder = tmp_path / "pictures" / ("a" if number % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), "red" if number % 2 else "blue").save(folder / f"{number:02}.png")
    (tmp_path / "pictures/notes.txt").write_text("none")
    return tmp_path / "pictures"


def bomb() -> bytes:
    """A PNG of a few bytes that claims 900 million pixels."""
    parts = {b"IHDR": struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(b""), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_folder_becomes_a_table(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row a picture, sorted, some predicted at a time; no cell is a formula."""
    models = Colour()
    predict_pictures(models, [pictures], tmp_path / "out.csv", as_json=False)
    rows = list(csv.DictReader((tmp_path / "out.csv").open(newline="")))
    assert [Path(row["path"]).name for row in rows[:3]] == ["01.png", "03.png", "05.png"]
    assert [row["predicted"] for row in rows] == ["'=Red"] * 20 + ["Blue"] * 20
    assert (rows[0]["probability"], rows[0]["error"]) == ("0.75", "")
    assert models.asked == [CHUNK, 40 - CHUNK]
    assert "40 pictures in" in capsys.readouterr().out
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.csv", "pictures"]


def test_bad_files_are_told_and_the_others_predicted(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each: no picture, a bomb, one that isn't there; exit code 2 at the end."""
    (pictures / "a/00_words.jpg").write_text("no picture")
    (pictures / "a/00_bomb.png").write_bytes(bomb())
    with pytest.raises(UserError, match="3 of 43 weren't"):
        predict_pictures(Colour(), [pictures, tmp_path / "none.png"], None, as_json=True)
    said = capsys.readouterr().out.splitlines()
    rows = [json.loads(line) for line in said]
    assert len(rows) == 43
    faults = {Path(row["path"]).name: row["error"] for row in rows if row["error"]}
    assert set(faults) == {"00_words.jpg", "00_bomb.png", "none.png"}
    assert "900,000,000 pixels" in faults["00_bomb.png"]
    assert sum(row["predicted"] is not None for row in rows) == 40


def test_lines_say_path_and_class(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people, and for `cut`."""
    predict_pictures(Colour(), [pictures / "b/00.png", pictures / "a/01.png"], None, as_json=False)
    assert (
        capsys.readouterr().out == f"{pictures}/b/00.png\tBlue\t0.750\timage\n{pictures}/a/01.png\t=Red\t0.750\timage\n"
    )


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    """It isn't taken for done."""
    with pytest.raises(UserError, match="there is none"):
        predict_pictures(Colour(), [tmp_path], None, as_json=False)
    assert list(pictures_of([tmp_path])) == []


def test_a_table_that_cant_be_written_is_told(pictures: Path, tmp_path: Path) -> None:
    """Before anything is predicted."""
    models = Colour()
    with pytest.raises(UserError, match="must be a file that can be written"):
        predict_pictures(models, [pictures], tmp_path / "nowhere/out.csv", as_json=False)
    assert models.asked == []


def test_inputs_are_cells() -> None:
    """As a CSV has them; without an equals sign they are none."""
    with pytest.raises(UserError, match="MODALITY=VALUE"):
        given_items(None, ["old bottle"])
