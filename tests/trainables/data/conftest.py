"""Two small splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import make_tree

from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split


@pytest.fixture
def train(tmp_path: Path) -> Split:
    """Three samples of two classes."""
    return read_split(make_tree(tmp_path / "train", "A/1.jpg", "A/2.jpg", "B/3.jpg"))


@pytest.fixture
def val(tmp_path: Path) -> Split:
    """One sample whose id occurs in train too."""
    return read_split(make_tree(tmp_path / "val", "A/1.jpg"), classes=("A", "B"))
