"""A file of predictions or labels is read without a pickle, and a mistake in it is one message that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.elsewhere.files import read_labels, read_table
from trainables.errors import UserError

LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])


def saved(folder: Path, name: str, **arrays: Any) -> Path:
    """An npz."""
    path = folder / name
    np.savez(path, **arrays)
    return path


def written(folder: Path, name: str, text: str) -> Path:
    """A text file."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_three_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    """The same logits from npz, npy and CSV, with the ids, classes and labels that the file has."""
    np.save(tmp_path / "a.npy", LOGITS)
    npz = read_table(saved(tmp_path, "a.npz", logits=LOGITS, ids=["x", "y"], classes=["A", "B", "C"], labels=[0, 1]))
    csv = read_table(written(tmp_path, "a.csv", "id,A,B,C,label\nx,2,1,0,A\ny,0,3,1,B\n"))
    npy = read_table(tmp_path / "a.npy")
    for one in (npz, csv, npy):
        assert one.values is not None
        np.testing.assert_array_equal(one.values, LOGITS)
    assert (npz.ids, npz.classes, npz.labels) == (("x", "y"), ("A", "B", "C"), ("0", "1"))
    assert (csv.ids, csv.classes, csv.labels) == (("x", "y"), ("A", "B", "C"), ("A", "B"))
    assert npy.ids is npy.classes is npy.labels is None


def test_an_empty_row_of_a_csv_is_a_sample_that_lacks_the_modality(tmp_path: Path) -> None:
    """Empty cells are NaN."""
    values = read_table(written(tmp_path, "a.csv", "A,B\n1,2\n,\n")).values
    assert values is not None
    assert np.isnan(values[1]).all()
    assert not np.isnan(values[0]).any()


@pytest.mark.parametrize(
    ("name", "text"), [("l.csv", "id,label\nx,A\ny,B\n"), ("l.csv", "label\nA\nB\n"), ("l.csv", "truth\nA\nB\n")]
)
def test_labels_of_a_csv(tmp_path: Path, name: str, text: str) -> None:
    """They are in the column `label`, or in the only one there is."""
    assert read_labels(written(tmp_path, name, text)).labels == ("A", "B")


def test_labels_of_numpy(tmp_path: Path) -> None:
    """Texts, bytes and whole numbers are labels; npy and npz."""
    np.save(tmp_path / "l.npy", np.array([1, 0]))
    assert read_labels(tmp_path / "l.npy").labels == ("1", "0")
    np.save(tmp_path / "b.npy", np.array([b"B", b"A"]))
    assert read_labels(tmp_path / "b.npy").labels == ("B", "A")
    assert read_labels(saved(tmp_path, "l.npz", labels=["B", "A"], ids=["x", "y"])).ids == ("x", "y")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """An array of objects is refused, whatever it would do."""
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="without a pickle"):
        read_table(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "must be one of .npz, .npy, .csv"),
        ("a.npz", b"no zip", "must be readable as npz"),
        ("a.npy", b"", "must be readable as npy"),
        ("a.csv", b"", "must hold logits"),
        ("a.csv", b"A,B\n1\n", "2 cells in each row, but row 2 has 1"),
        ("a.csv", b"A,A\n1,2\n", "a name of its own"),
        ("a.csv", b"A,B\n1,two\n", "row 2, column 'B' has 'two'"),
        ("a.csv", b"\xff\xfe", "must be readable as csv"),
        ("a.csv", b"id,A,B\nx,1,2\nx,3,4\n", "each id once"),
    ],
)
def test_a_faulty_file_is_one_message(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """The rule and what was found, with the file's name."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_table(tmp_path / name)
    assert name in str(error.value)


def test_arrays_of_an_npz_fit_together(tmp_path: Path) -> None:
    """Another number of ids than rows, no or two arrays of values, and labels that aren't there are refused."""
    with pytest.raises(UserError, match="must have 2 ids"):
        read_table(saved(tmp_path, "a.npz", logits=LOGITS, ids=["x"]))
    with pytest.raises(UserError, match="one array `logits` or `probabilities`"):
        read_table(saved(tmp_path, "b.npz", scores=LOGITS))
    with pytest.raises(UserError, match="must hold labels"):
        read_labels(saved(tmp_path, "c.npz", logits=LOGITS))
    with pytest.raises(UserError, match="must exist"):
        read_table(tmp_path / "missing.npz")
