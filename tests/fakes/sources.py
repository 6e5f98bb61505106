"""Folders and CSVs for the tests of what is read from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables.data.reading.read_split import read_split
from trainables.errors import UserError


def make_tree(root: Path, *files: str) -> Path:
    """Files whose content is their own name; what is read here needs no real pictures."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
    return root


def make_csv(folder: Path, content: str | bytes, *pictures: str) -> Path:
    """A CSV file and the pictures that lie beside it."""
    folder.mkdir(exist_ok=True)
    make_tree(folder, *pictures)
    path = folder / "split.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def message(source: Path, **options: object) -> str:
    """The text of the UserError that reading raises."""
    with pytest.raises(UserError) as caught:
        read_split(source, **options)  # type: ignore[arg-type]
    return str(caught.value)
