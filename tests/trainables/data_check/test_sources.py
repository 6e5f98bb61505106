"""Which splits a folder holds, and that a fault in one of them leaves the others to be checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from picture_fakes import draw_pictures

from trainables.data.check.findings import ALL
from trainables.data_check.sources import fault_finding, read_splits, splits_in
from trainables.errors import UserError


@pytest.mark.parametrize(
    "names",
    [("Train", "Val", "Test"), ("final_train", "final-VALIDATION", "x Testing"), ("train.csv", "dev.csv", "test.csv")],
)
def test_splits_by_the_last_word_of_their_names(tmp_path: Path, names: tuple[str, str, str]) -> None:
    """Folders or CSVs, in any case; whatever stands before."""
    for name in names:
        (tmp_path / name).touch() if name.endswith(".csv") else (tmp_path / name).mkdir()
    assert splits_in(tmp_path) == dict(zip(("train", "val", "test"), (tmp_path / name for name in names), strict=True))


def test_folders_before_csvs(tmp_path: Path) -> None:
    """Where both are published, the folders have the pictures."""
    for name in ("Train", "Test"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name.lower()}.csv").touch()
    assert splits_in(tmp_path) == {"train": tmp_path / "Train", "test": tmp_path / "Test"}


def test_classes_are_no_splits(tmp_path: Path) -> None:
    """A class may be called `train`."""
    for name in ("bus", "train"):
        (tmp_path / name).mkdir()
    assert splits_in(tmp_path) == {ALL: tmp_path}


def test_a_fault_is_a_finding_and_the_rest_is_read(tmp_path: Path) -> None:
    """Val has a class that train lacks, test isn't there: val is read with all classes, in one numbering."""
    draw_pictures(tmp_path / "Train", {"Blue": 2, "Green": 1})
    draw_pictures(tmp_path / "Val", {"Blue": 1, "Amber": 3})
    found = read_splits({name: tmp_path / name.capitalize() for name in ("train", "val", "test")}, ())
    assert [(one.kind, one.level, "Amber" in str(one.places)) for one in found.findings] == [
        ("unreadable-split", "error", True),
        ("unreadable-split", "error", False),
    ]
    assert found.splits["train"].counts() == {"Blue": 2, "Green": 1, "Amber": 0}
    assert found.splits["val"].counts() == {"Blue": 1, "Green": 0, "Amber": 3}


def test_one_file_in_train_and_val(tmp_path: Path) -> None:
    """Read twice, told once."""
    draw_pictures(tmp_path / "Train", {"Blue": 1, "Green": 1})
    found = read_splits({"train": tmp_path / "Train", "val": tmp_path / "Train"}, ())
    assert [one.kind for one in found.findings] == ["file-in-two-splits"]
    assert len(found.findings[0].places) == 2


def test_a_message_becomes_a_finding() -> None:
    """The rule is its title, the listed items are its places, the rest is its remedy."""
    found = fault_finding("broken", UserError("It must be so, but:\n  a.jpg\n  b.jpg\nMend them."), "val")
    assert (found.title, found.remedy) == ("It must be so, but:", "Mend them.")
    assert [(place.file, place.split) for place in found.places] == [("a.jpg", "val"), ("b.jpg", "val")]
