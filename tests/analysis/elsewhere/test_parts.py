"""Files of one split fit together, or it is said why they don't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.elsewhere.parts import LEAST, Part, read_part
from analysis.numbers.metrics import softmax
from trainables.errors import UserError

A = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 1.0, 5.0]])
B = np.array([[1.0, 0.0, 0.5], [0.0, 0.5, 1.0], [0.0, 2.0, 1.0]])
CLASSES = ["X", "Y", "Z"]


def part(folder: Path, first: dict[str, Any], second: dict[str, Any], labels: Any = (0, 1, 2), **more: Any) -> Part:
    """Two npz and the labels as npy, read."""
    paths = {}
    for name, arrays in (("one", first), ("two", second)):
        paths[name] = folder / f"{name}.npz"
        np.savez(paths[name], **arrays)
    path = None
    if labels is not None:
        path = folder / "labels.npy"
        np.save(path, np.array(labels))
    return read_part(paths, path, **more)


def test_samples_are_matched_by_id_and_classes_by_name(tmp_path: Path) -> None:
    """Another order of rows and of columns changes nothing."""
    rows, columns = [2, 0, 1], [1, 2, 0]
    found = part(
        tmp_path,
        {"logits": A, "ids": ["a", "b", "c"], "classes": CLASSES, "labels": CLASSES},
        {"logits": B[rows][:, columns], "ids": ["c", "a", "b"], "classes": [CLASSES[one] for one in columns]},
        labels=None,
    )
    np.testing.assert_array_equal(found.predictions["two"].logits, B)
    assert found.split.ids == ("a", "b", "c")
    assert found.split.labels.tolist() == [0, 1, 2]
    assert found.notes == ()


def test_labels_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """Of two files that hold labels none is believed more; the same ones in another order are no contradiction."""
    first = {"logits": A, "ids": ["a", "b", "c"], "labels": [0, 1, 2]}
    part(tmp_path, first, {"logits": B, "ids": ["b", "a", "c"], "labels": [1, 0, 2]}, labels=None)
    with pytest.raises(UserError, match=r"same in every file.*one\.npz and .*two\.npz differ"):
        part(tmp_path, first, {"logits": B, "ids": ["a", "b", "c"], "labels": [0, 1, 1]}, labels=None)
    named = {"logits": A, "classes": CLASSES, "labels": CLASSES}
    assert part(tmp_path, named, {"logits": B, "labels": [0, 1, 2]}, labels=None).split.labels.tolist() == [0, 1, 2]


def test_without_ids_rows_are_matched_and_that_is_said(tmp_path: Path) -> None:
    """Numbers stand for classes that nobody names."""
    found = part(tmp_path, {"logits": A}, {"logits": B})
    assert found.split.classes == ("0", "1", "2")
    assert "row by row" in found.notes[0]


def test_probabilities_become_logits_and_that_is_said(tmp_path: Path) -> None:
    """Their logarithms, which have the same differences as the logits that they were made of; 0 stays finite."""
    shares = softmax(A)
    shares[0] = [1.0, 0.0, 0.0]
    found = part(tmp_path, {"logits": shares}, {"probabilities": softmax(B)})
    logits = found.predictions["two"].logits
    np.testing.assert_allclose(logits - logits[:, :1], B - B[:, :1], atol=1e-5)
    assert found.predictions["one"].logits[0, 1] == np.float32(np.log(LEAST))
    assert [note.split(":")[0] for note in found.notes if "probabilities" in note] == ["one", "two"]


def test_labels_are_names_or_indices(tmp_path: Path) -> None:
    """Names of classes; where they are none, indices; what is neither is refused."""
    named = {"logits": A, "classes": CLASSES}
    assert part(tmp_path, named, named, ["Y", "Z", "X"]).split.labels.tolist() == [1, 2, 0]
    assert part(tmp_path, named, named, [1, 2, 0]).split.labels.tolist() == [1, 2, 0]
    with pytest.raises(UserError, match="Every label must be one of the classes"):
        part(tmp_path, named, named, ["Y", "Z", "W"])
    assert part(tmp_path, {"logits": A}, {"logits": B}, ["q", "p", "p"], classes=["p", "q", "r"]).split.labels[0] == 1


@pytest.mark.parametrize(
    ("second", "labels", "said"),
    [
        ({"logits": B[:2]}, (0, 1, 2), "same samples, row by row"),
        ({"logits": B}, (0, 1), "same samples, row by row"),
        ({"logits": B[:, :2]}, (0, 1, 2), "same classes, but their columns are: one 3, two 2"),
        ({"logits": B, "classes": ["X", "Y", "W"]}, (0, 1, 2), 'differs in "W", "Z"'),
        ({"logits": B, "ids": ["a", "b", "d"]}, None, 'differ in 2 ids, such as "c", "d"'),
        ({"logits": np.where(B == 2, np.nan, B)}, (0, 1, 2), "finite number.* the first of them sample 3"),
        ({"logits": np.where(B == 2, np.inf, B)}, (0, 1, 2), "finite number"),
        ({"logits": B * 1e39}, (0, 1, 2), "below 3e38"),
        ({"logits": B * np.nan}, (0, 1, 2), "two has no row of numbers"),
        ({"probabilities": B}, (0, 1, 2), "from 0 to 1 and 1 in sum"),
        ({"logits": B}, (0, 1, 3), "Every label must be"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, second: dict[str, Any], labels: Any, said: str) -> None:
    """Rows, classes, ids, labels, values: each mistake is one message."""
    first = {"logits": A, "classes": CLASSES, "ids": ["a", "b", "c"], "labels": CLASSES}
    with pytest.raises(UserError, match=said):
        part(tmp_path, first, second, labels)


def test_a_sample_without_any_modality_is_refused(tmp_path: Path) -> None:
    """One that lacks one of them is fine; there must be labels from somewhere; names must fit the columns."""
    first, second = A.copy(), B.copy()
    first[0] = np.nan
    assert np.isnan(part(tmp_path, {"logits": first}, {"logits": second}).predictions["one"].logits[0]).all()
    second[0] = np.nan
    with pytest.raises(UserError, match="one modality at least, but 1 have none, the first of them 'row-1'"):
        part(tmp_path, {"logits": first}, {"logits": second})
    with pytest.raises(UserError, match="no file of predictions holds any"):
        part(tmp_path, {"logits": A}, {"logits": B}, None)
    with pytest.raises(UserError, match="3 different class names"):
        part(tmp_path, {"logits": A}, {"logits": B}, classes=["a", "a", "b"])
