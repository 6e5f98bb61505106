"""What someone's data are is told from what lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.begin.source import source_of
from trainables.errors import UserError


def test_splits_are_found_however_they_are_spelled(tmp_path: Path) -> None:
    """Folders, and CSVs by their names."""
    for name in ("TRAIN", "Validation", "my_test", ".cache"):
        (tmp_path / "folders" / name).mkdir(parents=True)
    (tmp_path / "lists").mkdir()
    for name in ("train.csv", "Val.CSV", "notes.txt"):
        (tmp_path / "lists" / name).touch()
    assert {key: path.name for key, path in source_of(tmp_path / "folders").splits.items()} == {
        "train": "TRAIN",
        "val": "Validation",
        "test": "my_test",
    }
    assert source_of(tmp_path / "lists").splits.keys() == {"train", "val"}


def test_one_folder_or_one_csv_is_still_to_be_split(tmp_path: Path) -> None:
    """It is known by its own name."""
    (tmp_path / "bins" / "Black").mkdir(parents=True)
    (tmp_path / "texts.csv").touch()
    assert (source_of(tmp_path / "bins").splits, source_of(tmp_path / "bins").name) == ({}, "bins")
    assert (source_of(tmp_path / "texts.csv").splits, source_of(tmp_path / "texts.csv").name) == ({}, "texts")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("study.yaml", "run it with `binwise run"),
        ("nothing", "must be a folder of class folders"),
        ("half", 'has "train" alone'),
    ],
)
def test_what_is_no_data_is_refused(tmp_path: Path, given: str, said: str) -> None:
    """With what to do."""
    (tmp_path / "study.yaml").touch()
    (tmp_path / "half" / "train").mkdir(parents=True)
    with pytest.raises(UserError, match=said):
        source_of(tmp_path / given)
