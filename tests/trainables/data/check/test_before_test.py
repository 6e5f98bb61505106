"""The test split before the search: what is broken in it, and what of it train and val have."""

from __future__ import annotations

from pathlib import Path

import pytest
from modality_names import IMAGE, TEXT
from picture_fakes import draw_pictures

from trainables.data.check.before_test import examine_test, overlaps
from trainables.data.lineage.manifest import Manifest, Row
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

BOTH = (IMAGE, TEXT)


def examined(folder: Path, modalities: tuple[str, ...] = BOTH) -> Manifest:
    """The test split in `folder`/test."""
    split = read_split(folder / "test", modalities=modalities)
    return examine_test(split, modalities, caches=folder / "caches", pixel_limit=1000)


def test_every_broken_picture_is_named_with_its_fault(tmp_path: Path) -> None:
    """Cut short, empty, larger than allowed, no picture; each with its reason, before any of it costs an opening."""
    draw_pictures(tmp_path / "test", {"Blue": 6, "Green": 2})
    told: list[tuple[int, int]] = []
    split = read_split(tmp_path / "test")
    found = examine_test(
        split, BOTH, caches=tmp_path / "caches", pixel_limit=1000, progress=lambda done, all_: told.append((done, all_))
    )
    assert (len(found.rows), told[-1]) == (8, (8, 8))
    first, second, third, *_ = sorted((tmp_path / "test/Blue").iterdir())
    first.write_bytes(first.read_bytes()[:-200])
    second.write_bytes(b"")
    third.write_text("<html>")
    with pytest.raises(UserError, match="3 of 8 aren't") as error:
        examined(tmp_path)
    for path in (first, second, third):
        assert f"{path}: " in str(error.value)
    with pytest.raises(UserError, match="600 pixels"):
        examine_test(split, BOTH, caches=tmp_path / "caches", pixel_limit=599)


def test_pictures_of_a_study_of_texts_may_be_broken(tmp_path: Path) -> None:
    """No model opens them."""
    draw_pictures(tmp_path / "test", {"Blue": 1, "Green": 1})
    next((tmp_path / "test/Blue").iterdir()).write_bytes(b"")
    assert [row.sha256 for row in examined(tmp_path, (TEXT,)).rows] == ["", ""]


def files(*contents: str) -> Manifest:
    """Samples with files of these contents."""
    return Manifest(tuple(Row(f"{n}.jpg", "Blue", 1, one * 64, f"v{n}") for n, one in enumerate(contents)))


def texts(*values: str) -> Manifest:
    """Rows without files."""
    return Manifest(tuple(Row(f"row-{n}", "Blue", 0, "", one) for n, one in enumerate(values)))


def test_files_in_two_splits_are_counted() -> None:
    """By their bytes, under whatever names; each test sample once, though train has it twice."""
    (found,) = overlaps(files("a", "b", "c"), {"train": files("x", "b", "b", "y"), "val": files("z")})
    assert (found.level, found.title) == ("warning", "1 of 3 test samples are in train, too.")
    assert [place.file for place in found.places] == ["1.jpg"]
    assert "Remove them from train" in found.remedy
    assert overlaps(files("a"), {"train": files("b"), "val": texts("v0")}) == []
    assert overlaps(texts(""), {"train": texts("", "")}) == []  # samples that lack what the study is about


@pytest.mark.parametrize("test", [files("a", "b"), files("b"), files("a", "a")])
def test_a_test_split_that_is_train_or_a_part_of_it_is_an_error(test: Manifest) -> None:
    """Every file of it was learned from, or chosen by."""
    (found,) = overlaps(test, {"val": files("b", "a")})
    assert (found.level, found.kind) == ("error", "test-is-known")
    assert f"all {len(test.rows)} test samples are in val" in found.title


def test_texts_may_be_the_same_without_being_the_same_samples() -> None:
    """Few different captions are many rows: only a table that is train's own, in any order, is an error."""
    (found,) = overlaps(texts("p", "p", "q"), {"train": texts("q", "p", "p", "p")})
    assert (found.level, found.title) == ("warning", "3 of 3 test texts are in train, too.")
    (found,) = overlaps(texts("p", "p", "q"), {"train": texts("q", "p", "p")})
    assert found.level == "error"
