"""From what a check found to what a study leaves out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.check.duplicates import duplicate_findings
from trainables.data.check.findings import Finding, Place
from trainables.data.check.pictures import picture_findings
from trainables.data.making.leave_out import Entry, leave_out, write_leave_out
from trainables.data.pictures.examine import examine
from trainables.data.reading.leave_out import read_leave_out
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

SPLITS = ("train", "val", "test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three splits with two classes of four pictures each, no two alike."""
    for row, (split, label) in enumerate((split, label) for split in SPLITS for label in ("Blue", "Green")):
        for number in range(4):
            pixels = np.random.default_rng(10 * row + number).integers(0, 256, (24, 24, 3), dtype=np.uint8)
            (tmp_path / "data" / split / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / f"data/{split}/{label}/x{number}.png")
    return tmp_path / "data"


def written(folder: Path, findings: Sequence[Finding], sources: dict[str, str]) -> Path:
    """A check's result."""
    path = folder / "data_check.json"
    path.write_text(json.dumps({"sources": sources, "findings": [one.as_dict() for one in findings]}))
    return path


def checked(root: Path) -> Path:
    """The result of looking at all pictures of the three splits."""
    paths = sorted(root.rglob("*.png"))
    facts = examine(paths, root.parent / "cache")
    places = [Place(str(path), split=path.parts[-3], label=path.parts[-2]) for path in paths]
    findings = [*picture_findings(facts, places), *duplicate_findings(facts, places)]
    return written(root.parent, findings, {split: str(root / split) for split in SPLITS})


def found(root: Path) -> dict[tuple[str, str], str]:
    """By split and file: why it is left out."""
    return {(entry.split, entry.file): entry.reason for entry in leave_out(checked(root)).entries}


def test_nothing_is_left_out_of_clean_data(root: Path) -> None:
    """No finding, no entry."""
    assert found(root) == {}


def test_duplicates_leave_train(root: Path) -> None:
    """Of pictures that val or test has as well train's go, all of them; of equal ones in train all but the first."""
    shutil.copy(root / "test/Blue/x0.png", root / "train/Blue/a.png")
    shutil.copy(root / "test/Blue/x0.png", root / "train/Blue/b.png")
    shutil.copy(root / "val/Green/x1.png", root / "train/Blue/c.png")  # with another label
    shutil.copy(root / "train/Blue/x2.png", root / "train/Blue/x9.png")
    reasons = found(root)
    assert sorted(reasons) == [("train", f"Blue/{name}.png") for name in ("a", "b", "c", "x9")]
    assert reasons["train", "Blue/a.png"] == f"the same picture as {root}/test/Blue/x0.png of test"
    assert reasons["train", "Blue/x9.png"] == f"the same picture as {root}/train/Blue/x2.png"


def test_two_labels_in_train_leave_both(root: Path) -> None:
    """Which of them is right nobody knows."""
    shutil.copy(root / "train/Blue/x0.png", root / "train/Green/y.png")
    reasons = found(root)
    assert sorted(reasons) == [("train", "Blue/x0.png"), ("train", "Green/y.png")]
    assert reasons["train", "Blue/x0.png"] == f'the same picture as {root}/train/Green/y.png, which is "Green"'


def test_what_is_measured_stays(root: Path) -> None:
    """Duplicates among val and test aren't left out, but counted; what can't be read leaves every split."""
    shutil.copy(root / "val/Blue/x0.png", root / "test/Green/y.png")
    (root / "test/Blue/broken.png").write_bytes(b"no picture")
    result = leave_out(checked(root))
    assert result.staying == 2
    assert [(one.split, one.file) for one in result.entries] == [("test", "Blue/broken.png")]
    assert result.entries[0].reason.startswith("unreadable: ")


def test_near_duplicates_leave_train_where_that_is_asked_for(tmp_path: Path) -> None:
    """They may be two pictures after all: not without `near`."""
    group = (Place("a.png", split="train", label="A"), Place("b.png", split="test", label="A"))
    check = written(tmp_path, [Finding("near-across-splits", "warning", "", groups=(group,))], {"train": "train.csv"})
    assert leave_out(check).entries == ()
    assert leave_out(check, near=True).entries == (Entry("train", "a.png", "the same picture as b.png of test"),)


def test_a_study_reads_the_list(root: Path) -> None:
    """Written, read, obeyed: the samples are gone and listed, the files are where they were."""
    shutil.copy(root / "test/Blue/x0.png", root / "train/Blue/=a.png")
    before = sorted(root.rglob("*"))
    write_leave_out(root.parent / "list.csv", leave_out(checked(root)))
    assert (root.parent / "list.csv").read_text().splitlines()[0] == "split,file,reason"
    left = read_leave_out(root.parent / "list.csv", {split: root / split for split in SPLITS})
    train = read_split(root / "train", options=ReadOptions(leave_out=left))
    assert "Blue/=a.png" not in train.ids
    assert len(train) == 8
    assert train.account is not None
    assert [(one.file, one.kind) for one in train.account.listed] == [("Blue/=a.png", "left out")]
    assert train.account.total == 9
    assert sorted(root.rglob("*")) == before
    with pytest.raises(UserError, match=r"list\.csv exists"):
        write_leave_out(root.parent / "list.csv", leave_out(checked(root)))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": 3, "sources": {}}', "\x00"])
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    """A file that isn't a check's result, one that isn't there, a folder without one."""
    (tmp_path / "data_check.json").write_text(text)
    for path in (tmp_path / "data_check.json", tmp_path, tmp_path / "nowhere.json"):
        with pytest.raises(UserError, match="`binwise data check` writes one"):
            leave_out(path)


def test_data_that_aren_t_split_need_no_list(tmp_path: Path) -> None:
    """The import leaves the same out."""
    with pytest.raises(UserError, match="`binwise data import` splits them"):
        leave_out(written(tmp_path, [], {"all": "pictures"}))


def test_a_csv_s_pictures_are_named_by_their_paths(root: Path) -> None:
    """As nobody here knows what its cells are relative to; the study finds them by these paths."""
    rows = [f"{path.stem},{path.parts[-2]},{path.relative_to(root)}" for path in sorted(root.glob("train/*/*.png"))]
    (root / "train.csv").write_text("\n".join(["text,label,image", *rows]))
    place = Place(str(root / "train/Blue/x1.png"), "broken", "train", "Blue")
    finding = Finding("unreadable-pictures", "error", "", places=(place,))
    check = written(root.parent, [finding], {"train": str(root / "train.csv")})
    write_leave_out(root.parent / "list.csv", leave_out(check))
    left = read_leave_out(root.parent / "list.csv", {"train": root / "train.csv"})
    train = read_split(root / "train.csv", options=ReadOptions(leave_out=left))
    assert len(train) == 7
    assert "train/Blue/x1.png" not in train.ids
