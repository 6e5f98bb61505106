"""What becomes of every file of a tree."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import make_tree

from trainables.data.reading.read_split import read_split
from trainables.data.reading.walk import refuse_blocking, walk
from trainables.errors import UserError

JPEG = b"\xff\xd8\xff\xe0"
FOLDERS = ("more", "@eaDir", "__MACOSX", ".git", ".ipynb_checkpoints", "#recycle", "lost+found", "5. inch")
FILES = (
    *("a.jpg", "b.PNG", "c.heic", "d.svg", "e", "3.5 inch pipe", ".5 inch.jpg", "._a.jpg", ".DS_Store", "Thumbs.db"),
    *("a.txt", "notes.txt", "labels.csv", ".hidden", "é.jfif", "x.avif", "raw.CR2", "to file.jpg", "to nothing.gif"),
)
CONTENTS = (b"", JPEG, b"words", b"1 2 3", b"\0\1\2", b"PK\3\4", b"\x89PNG\r\n\x1a\n")
LINKS = ("a.jpg", "more", ".", "/etc/hostname", "/etc", "nowhere", "to file.jpg")
NODES = st.recursive(
    st.dictionaries(st.sampled_from(FILES), st.sampled_from(CONTENTS) | st.sampled_from(LINKS), max_size=6),
    lambda inner: st.tuples(
        st.dictionaries(st.sampled_from(FILES), st.sampled_from(CONTENTS) | st.sampled_from(LINKS), max_size=4),
        st.dictionaries(st.sampled_from(FOLDERS), inner, max_size=3),
    ),
    max_leaves=6,
)


def build(folder: Path, node: object) -> None:
    """A tree of files (bytes), links (text) and folders."""
    folder.mkdir()
    files, folders = node if isinstance(node, tuple) else (node, {})
    for name, content in files.items():
        if isinstance(content, str):
            (folder / name).symlink_to(content)
        else:
            (folder / name).write_bytes(content)
    for name, inner in folders.items():
        build(folder / name, inner)


def count(folder: Path, junk: bool = False, above: tuple[str, ...] = ()) -> int:
    """Files in a tree as a person counts: linked folders within it too, unless they hold the link or are junk."""
    total = 0
    for entry in os.scandir(folder):
        real = os.path.realpath(entry.path)
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if not is_folder:
            total += 1
            continue
        inner_junk = junk or entry.name.startswith(".") or entry.name in FOLDERS[1:-1]
        if not entry.is_symlink():
            total += count(Path(entry.path), inner_junk, (*above, os.path.realpath(folder)))
        elif inner_junk or real in (*above, os.path.realpath(folder)) or not real.startswith(ROOT[-1]):
            total += 1
        else:
            total += count(Path(entry.path), junk, (*above, os.path.realpath(folder)))
    return total


ROOT: list[str] = []


class TestSums:
    """Taken, used, listed and junk are all there is."""

    @settings(max_examples=80, deadline=None)
    @given(node=NODES)
    def test_accounting_adds_up(self, node: object) -> None:
        """In any tree, with links and captions, each file is counted once, and every listed one has a reason."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve() / "root"
            build(root, node)
            ROOT.append(str(root))
            found = walk(root, root)
            assert found.account.total == count(root)
            assert found.account.taken == len(found.pictures) == len(set(found.pictures))
            assert all(one.reason and one.kind for one in found.account.listed)
            assert set(found.captions) <= set(found.pictures)

    def test_the_sum_of_a_tree(self, tmp_path: Path) -> None:
        """What lies beside the classes counts as well; the line has every number."""
        root = make_tree(
            tmp_path, "A/1.jpg", "A/2.jfif", "B/3.avif", "readme", "@eaDir/A/1.jpg", "B/.DS_Store", "A/x.md"
        )
        account = read_split(root).account
        assert account is not None
        assert account.total == 7
        assert account.summary() == (
            "3 pictures taken, 2 listed (1 beside the classes, 1 text file), 2 junk (1 @eaDir, 1 .DS_Store)"
        )


class TestPictures:
    """What is taken."""

    @pytest.mark.parametrize(
        ("name", "head"),
        [
            ("photo", b"\xff\xd8\xff\xe1"),
            ("3.5 inch pipe", b"\x89PNG\r\n\x1a\n"),
            ("a.dat", b"GIF89a"),
            ("a.b.c", b"II*\0"),
            ("big", b"MM\0+"),
            ("web", b"RIFF\x10\0\0\0WEBPVP8 "),
            ("new.heic", b"\0\0\0\x1cftypavif"),
            ("old.dib", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"),
        ],
    )
    def test_a_picture_is_known_by_its_first_bytes(self, tmp_path: Path, name: str, head: bytes) -> None:
        """Without an ending, or with one that says something else."""
        (tmp_path / name).write_bytes(head)
        assert [path.name for path in walk(tmp_path, tmp_path).pictures] == [name]

    @pytest.mark.parametrize(
        ("name", "text"),
        [("old_can.jpg", "old_can"), ("3.5 inch pipe", "3.5 inch pipe"), ("can.dat", "can"), ("B.12", "B.12")],
    )
    def test_its_name_s_text_is_without_an_ending(self, tmp_path: Path, name: str, text: str) -> None:
        """What follows a dot within a name isn't one."""
        for label in ("A", "B"):
            (tmp_path / label).mkdir()
            (tmp_path / label / name).write_bytes(JPEG)
        assert read_split(tmp_path).inputs["text"] == (text, text)

    def test_a_caption_beside_is_the_text(self, tmp_path: Path) -> None:
        """Of the pictures that have one; the others keep their names, and a person is told."""
        root = make_tree(tmp_path, "A/1.jpg", "A/1.txt", "B/two.jpg", "B/notes.txt")
        (root / "A/1.txt").write_text("\ufeffan old can,\nempty\n")
        split = read_split(root)
        assert split.inputs["text"] == ("an old can,\nempty", "two")
        assert split.account is not None
        assert split.account.used == {"caption file": 1}
        assert [one.file for one in split.account.listed] == ["B/notes.txt"]
        assert "the texts of 1 pictures are those in the .txt files" in split.account.notes[0]


class TestLinks:
    """Links that leave the folder, where they are allowed."""

    def test_allowed_links_are_followed(self, tmp_path: Path) -> None:
        """Files, folders and classes; a loop ends, and what leads nowhere is refused still."""
        make_tree(tmp_path / "outside", "1.jpg", "deep/2.jpg")
        root = make_tree(tmp_path / "root", "A/0.jpg")
        (root / "A/1.jpg").symlink_to(tmp_path / "outside/1.jpg")
        (root / "B").symlink_to(tmp_path / "outside")
        (tmp_path / "outside/loop").symlink_to(tmp_path / "root")
        found = walk(root, root.resolve(), allow_links=True)
        assert [path.relative_to(root).as_posix() for path in found.pictures] == [
            *("A/0.jpg", "A/1.jpg", "B/1.jpg", "B/deep/2.jpg")
        ]
        (root / "A/3.jpg").symlink_to("gone.jpg")
        with pytest.raises(UserError, match=r"A/3\.jpg: a link that leads nowhere"):
            refuse_blocking(root, walk(root, root.resolve(), allow_links=True).account)


@contextmanager
def powerless(*folders: Path) -> Iterator[None]:
    """Folders that may not be read, even where the tests are run by root."""
    for folder in folders:
        folder.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_folder_that_can_t_be_read_is_told() -> None:
    """A sub-folder, a class and the whole folder: each with its name and the reason, never left out in silence."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = make_tree(Path(folder).resolve() / "root", "A/1.jpg", "A/more/2.jpg", "B/3.jpg", "C/4.jpg")
        with powerless(root / "A/more", root / "C"), pytest.raises(UserError) as caught:
            read_split(root)
        assert "A/more: the folder can't be read (Permission denied)" in str(caught.value)
        assert "C: the folder can't be read (Permission denied)" in str(caught.value)
        with powerless(root), pytest.raises(UserError, match=r"must be readable, but .*root: Permission denied"):
            read_split(root)
