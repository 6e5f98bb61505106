"""A split as a table, and its digest."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from split_fakes import with_inputs

from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split, check_pairs, split_digest
from trainables.errors import UserError


class TestSamples:
    """What is computed of a split."""

    def test_the_digest_is_the_same_elsewhere_and_changes_with_the_content(self, train: Split, tmp_path: Path) -> None:
        """A copy under another path, with other times, has the same digest; a changed size, text or label has not."""
        shutil.copytree(tmp_path / "train", tmp_path / "copy")
        os.utime(tmp_path / "copy/A/1.jpg", (1, 1))
        digest = split_digest(train)
        assert split_digest(read_split(tmp_path / "copy")) == digest
        assert split_digest(with_inputs(train, text=("x", *train.inputs["text"][1:]))) != digest
        assert split_digest(dataclasses.replace(train, labels=np.array([1, 0, 1]))) != digest
        (tmp_path / "copy/A/1.jpg").write_text("longer than before")
        assert split_digest(read_split(tmp_path / "copy")) != digest

    def test_a_lost_picture_has_no_digest(self, train: Split, tmp_path: Path) -> None:
        """A picture that is gone is named."""
        (tmp_path / "train/A/2.jpg").unlink()
        with pytest.raises(UserError, match=r"2\.jpg"):
            split_digest(train)

    def test_a_file_in_both_splits_is_found_by_its_real_path(self, train: Split, val: Split, tmp_path: Path) -> None:
        """Equal ids in two trees are fine; a file that val reaches over a link is not."""
        check_pairs(train, val)
        (tmp_path / "other").symlink_to(tmp_path / "train")
        linked = with_inputs(val, image=(tmp_path / "other/A/1.jpg",))
        with pytest.raises(UserError, match=r"other/A/1\.jpg"):
            check_pairs(train, linked)

    def test_columns_of_different_length_are_no_split(self, train: Split) -> None:
        """A split whose columns don't fit together can't be made."""
        with pytest.raises(ValueError, match="equally long"):
            with_inputs(train, text=("one",))
