"""One check from end to end: what is planted is found, of the kind that it is, and what is sound isn't mentioned."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.check.findings import Finding
from trainables.data_check.check import Checked, check_data
from trainables.data_check.result import DataCheck
from trainables.data_check.sources import splits_in
from trainables.modality import Tell

THINGS = {
    "Blue": ["bottle", "can", "jar", "box", "tin", "lid"],
    "Green": ["core", "peel", "leaf", "egg", "tea", "rind"],
}


@contextmanager
def no_bar(label: str) -> Iterator[Tell]:
    """A bar that nobody sees."""
    yield lambda done, total: None


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three sound splits of large enough pictures."""
    rng = np.random.default_rng(0)
    for split, label in product(("Train", "Val", "Test"), THINGS):
        folder = tmp_path / "mine" / split / label
        folder.mkdir(parents=True)
        for name in THINGS[label]:
            Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(folder / f"{split} {name}.png")
    return tmp_path / "mine"


def checked(data: Path, sources: Mapping[str, Path] | None = None, modalities: tuple[str, ...] = ()) -> DataCheck:
    """Check a folder."""
    wanted = Checked("mine", sources or splits_in(data), modalities, 1_000_000, {})
    return check_data(wanted, data.parent / "cache", bar=no_bar)


def faults(found: DataCheck) -> dict[str, Finding]:
    """Errors and warnings by kind."""
    return {one.kind: one for one in found.findings if one.level != "note"}


def test_sound_data_have_no_fault(data: Path) -> None:
    """Counts, sizes and sums of each split; no error, no warning."""
    found = checked(data)
    assert faults(found) == {}
    assert found.verdict == "ok"
    assert found.counts["test"] == {"Blue": 6, "Green": 6}
    assert found.pictures["val"]["width"]["median"] == 50
    assert found.accounting["train"].total == found.accounting["train"].taken == 12


def test_every_planted_fault_is_found(data: Path) -> None:
    """A broken picture, one in train and test, one under two labels, a file that is none, and a class of val's own."""
    (data / "Train" / "Blue" / "Train can.png").write_bytes(b"broken")
    shutil.copy(data / "Test" / "Blue" / "Test jar.png", data / "Train" / "Blue" / "copied.png")
    shutil.copy(data / "Val" / "Green" / "Val egg.png", data / "Val" / "Blue" / "twice.png")
    (data / "Train" / "Blue" / "notes.pdf").write_bytes(b"%PDF-1.4")
    (data / "Val" / "Amber").mkdir()
    shutil.copy(data / "Val" / "Green" / "Val tea.png", data / "Val" / "Amber" / "lamp.png")
    found = checked(data)
    assert {"unreadable-split", "unreadable-pictures", "equal-across-splits", "equal-with-two-labels"} <= set(
        faults(found)
    )
    assert found.verdict == "errors"
    assert [place.file for place in faults(found)["unreadable-pictures"].places] == [
        str(data / "Train" / "Blue" / "Train can.png")
    ]
    assert found.accounting["train"].listed_kinds == {"PDF": 1}
    assert found.counts["val"] == {"Blue": 7, "Green": 6, "Amber": 1}


def test_a_study_of_pictures_says_nothing_of_texts(data: Path) -> None:
    """And one of texts doesn't look at pictures."""
    (data / "Train" / "Blue" / "Train can.png").write_bytes(b"broken")
    (data / "Train" / "Green" / "IMG_1.png").write_bytes((data / "Train" / "Green" / "Train egg.png").read_bytes())
    kinds = {one.kind for one in checked(data, modalities=("image",)).findings}
    assert "unreadable-pictures" in kinds
    assert "names-that-say-nothing" not in kinds
    kinds = {one.kind for one in checked(data, modalities=("text",)).findings}
    assert "unreadable-pictures" not in kinds
    assert "names-that-say-nothing" in kinds


def test_a_folder_that_isn_t_split_is_one_split(data: Path) -> None:
    """Its classes are checked as they lie."""
    found = checked(data / "Train")
    assert found.counts == {"all": {"Blue": 6, "Green": 6}}


def test_nothing_that_can_be_read_is_a_finding_too(tmp_path: Path) -> None:
    """No sample at all: an error that says so, and no traceback."""
    (tmp_path / "empty").mkdir()
    found = checked(tmp_path / "empty", {"train": tmp_path / "empty", "val": tmp_path / "gone.csv"})
    assert [(one.kind, one.level) for one in found.findings] == [("unreadable-split", "error")] * 2
    assert found.counts == {}


def test_texts_in_a_csv_are_all_that_there_is(tmp_path: Path) -> None:
    """The same text in train and val is a warning there."""
    (tmp_path / "train.csv").write_text("text,label\nold bottle,Blue\napple core,Green\n")
    (tmp_path / "val.csv").write_text("text,label\nOld bottle,Blue\npeel,Green\n")
    found = checked(tmp_path, modalities=("text",))
    assert faults(found)["equal-texts-across-splits"].numbers["known"] == {"val": 0.5}
    assert found.accounting["train"].total == 3
