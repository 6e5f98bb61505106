"""Samples that a study leaves out by a list."""

from __future__ import annotations

from pathlib import Path

import pytest
from modality_names import TEXT

from trainables.data.reading.leave_out import read_leave_out, source_key
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.errors import UserError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV of ten texts, whose rows are the samples."""
    rows = [f"text {n},{('A', 'B')[n % 2]}" for n in range(10)]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows]))
    return tmp_path / "train.csv"


def read(table: Path, text: str) -> Split:
    """The split without what a list of this text names."""
    (table.parent / "list.csv").write_text(text)
    left = read_leave_out(table.parent / "list.csv", {"train": table, "val": table.parent / "val.csv", "test": None})
    return read_split(table, modalities=[TEXT], options=ReadOptions(leave_out=left))


def test_named_samples_aren_t_taken(table: Path) -> None:
    """Those of this split alone; every line of the source is accounted for, and the places stay right."""
    split = read(table, "split,file,reason\ntrain,row-2,odd\ntrain,row-9,\nval,row-3,\ntest,row-4,\n")
    assert split.ids == ("row-1", "row-3", "row-4", "row-5", "row-6", "row-7", "row-8", "row-10")
    assert split.inputs[TEXT][1] == "text 2"
    assert split.account is not None
    assert (split.account.taken, split.account.total) == (8, 11)
    assert [one.file for one in split.account.listed] == ["row-2", "row-9"]
    assert split.account.notes == ()


def test_lines_that_name_nothing_are_said(table: Path) -> None:
    """A list of other data doesn't pass for one of these."""
    split = read(table, "split,file\ntrain,row-2\ntrain,row-77\ntrain,Blue/x.png\n")
    assert split.account is not None
    assert split.account.notes == ("2 lines of data.leave_out name no sample of it",)


def test_places_of_faults_stay_right(table: Path) -> None:
    """A blank text below a left-out one is told with its own line."""
    table.write_text(table.read_text().replace("text 5", " "))
    with pytest.raises(UserError, match=r"line 7$|line 7\n"):
        read(table, "split,file\ntrain,row-2\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,reason\nrow-1,\n", '"split"'),
        ("split,file\ntrain,row-1\nTrain,row-2\ntrain,\n", r'line 3: split "Train"[\s\S]*line 4'),
        ("", "empty"),
    ],
)
def test_odd_lists_are_refused(table: Path, text: str, words: str) -> None:
    """A column that is missing, an unknown split, a line without a file: all at once, with their lines."""
    with pytest.raises(UserError, match=words):
        read(table, text)


def test_everything_left_out_is_refused(table: Path) -> None:
    """No sample is left to learn from."""
    with pytest.raises(UserError, match="needs samples"):
        read(table, "\n".join(["split,file", *(f"train,row-{n + 1}" for n in range(10))]))


def test_a_source_is_the_same_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative or not."""
    monkeypatch.chdir(tmp_path)
    assert source_key(Path("a/../b")) == source_key(tmp_path / "b")
