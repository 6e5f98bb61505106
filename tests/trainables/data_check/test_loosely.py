"""What a study refuses is looked at all the same."""

from __future__ import annotations

from pathlib import Path

from modality_names import IMAGE, TEXT
from picture_fakes import draw_pictures

from trainables.data_check.loosely import loosely_read
from trainables.data_check.sources import read_splits


def test_a_tree_of_odd_shape_is_read_by_its_first_folders(tmp_path: Path) -> None:
    """A class within a class is refused, told, and counted to the one above; a caption beside a picture is its text."""
    draw_pictures(tmp_path / "mine", {"cars": 2, "military": 1})
    draw_pictures(tmp_path / "mine" / "military", {"cars": 3})
    (tmp_path / "mine" / "cars" / "mine cars 1.txt").write_text("a red one")
    found = read_splits({"all": tmp_path / "mine"}, ())
    assert [(one.kind, one.level) for one in found.findings] == [("unreadable-split", "error")]
    split = found.splits["all"]
    assert split.counts() == {"cars": 2, "military": 4}
    assert set(split.inputs[TEXT][:2]) == {"mine cars 0", "a red one"}
    assert all(isinstance(path, Path) for path in split.inputs[IMAGE])
    assert split.account is not None
    assert split.account.total == 7


def test_nothing_to_look_at(tmp_path: Path) -> None:
    """A folder without a picture is no split."""
    (tmp_path / "empty").mkdir()
    assert loosely_read(tmp_path) is None
