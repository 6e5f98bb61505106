"""Paths as people write them into CSVs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import make_tree

from trainables.data.paths import Folders, picture_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two pictures, reached over a link as well."""
    make_tree(tmp_path / "real", "a/1.jpg", "b c.jpg", "outside/x.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    return (tmp_path / "real").resolve()


@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ("a/1.jpg", "a/1.jpg"),
        ("./a//1.jpg", "a/1.jpg"),
        ("a/../a/1.jpg", "a/1.jpg"),
        ("a\\1.jpg", "a/1.jpg"),
        (".\\a\\1.jpg", "a/1.jpg"),
        ("b c.jpg", "b c.jpg"),
        ("{root}/a/1.jpg", "a/1.jpg"),
        ("{linked}/a/1.jpg", "a/1.jpg"),
    ],
)
def test_one_picture_has_one_path(root: Path, cell: str, file: str) -> None:
    """However it is written."""
    written = cell.format(root=root, linked=root.with_name("linked"))
    assert picture_path(written, root, Folders(root)) == root / file


def test_a_backslash_may_belong_to_the_name(root: Path) -> None:
    """Where there is such a file."""
    (root / "a\\1.jpg").write_text("odd")
    assert picture_path("a\\1.jpg", root, Folders(root)) == root / "a\\1.jpg"


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("A/1.JPG", "no existing regular file"),
        ("a/1.JPG", 'there is "1.jpg"'),
        ("a/1.jpg/2.jpg", "no existing regular file"),
        ("D:\\photos\\1.jpg", "absolute path of a Windows machine"),
        ("\\\\server\\share\\1.jpg", "is an absolute path outside"),
        ("x\0.jpg", "NUL"),
    ],
)
def test_what_is_no_file_is_told_with_what_is_meant(root: Path, cell: str, told: str) -> None:
    """Another case of letters, and paths of another machine."""
    with pytest.raises(ValueError, match=re.escape(told)):
        picture_path(cell, root, Folders(root))


@settings(max_examples=200, deadline=None)
@given(cell=st.text(st.sampled_from("ab1./\\: cxjpg~"), max_size=24))
def test_nothing_leads_outside(tmp_path_factory: pytest.TempPathFactory, cell: str) -> None:
    """Any text is a file within the folder, or a fault."""
    root = tmp_path_factory.getbasetemp().resolve() / "closed"
    if not root.exists():
        make_tree(root, "a/1.jpg", "1", "b/c")
    try:
        path = picture_path(cell, root, Folders(root))
    except ValueError:
        return
    assert Path(os.path.realpath(path)).is_relative_to(root)
    assert path.is_file()
