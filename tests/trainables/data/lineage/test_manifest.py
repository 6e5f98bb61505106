"""What a manifest knows of a split: each sample's content, wherever it lies and whenever it was touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modality_names import IMAGE, TEXT
from split_fakes import made_split

from trainables.data.lineage.manifest import Manifest, Row, manifest_of, read_manifests, sealed, sealed_path, to_csv
from trainables.data.pictures.digests import file_digests
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.errors import UserError

BOTH = (IMAGE, TEXT)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["=1+1", "'", "'=1", "''", 'a,"b"', "two\nlines", "\r", "-", "@x"]
)
ROWS = st.builds(
    lambda path, label, size, sha256, values: Row(path, label, size if sha256 else 0, sha256, values),
    *(WORDS, WORDS, st.integers(0, 99), st.sampled_from(["", "ab" * 32]), st.sampled_from(["", "0123456789abcdef"])),
)
MANIFESTS = st.lists(ROWS, max_size=4, unique_by=lambda row: row.path).map(lambda rows: Manifest(tuple(rows)))


def tree(folder: Path) -> Path:
    """A class-folder tree of three files, which needn't be pictures."""
    for name, content in (("Blue/jar_1.jpg", b"abc"), ("Blue/can.jpg", b"de"), ("Green/apple.png", b"fgh")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def manifest(split: Split, folder: Path, modalities: Sequence[str] = BOTH) -> Manifest:
    """As a search makes it."""
    return manifest_of(split, modalities, lambda paths: [(d.size, d.sha256) for d in file_digests(paths, folder)])


def test_a_row_a_sample(tmp_path: Path) -> None:
    """The path below the split's folder, the label, the file's bytes and SHA-256 as `sha256sum` has it, the text's."""
    found = manifest(read_split(tree(tmp_path / "data")), tmp_path / "caches")
    assert [(row.path, row.label, row.bytes) for row in found.rows] == [
        ("Blue/can.jpg", "Blue", 2),
        ("Blue/jar_1.jpg", "Blue", 3),
        ("Green/apple.png", "Green", 3),
    ]
    assert found.rows[1].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len({row.values for row in found.rows}) == 3
    written = to_csv({"train": found}).decode().splitlines()
    assert written[0] == "split,path,label,bytes,sha256,values"
    assert written[2] == f"train,Blue/jar_1.jpg,Blue,3,{found.rows[1].sha256},{found.rows[1].values}"


def test_a_copy_elsewhere_has_the_same_digest(tmp_path: Path) -> None:
    """On another day, too; no absolute path and no time is in it."""
    first = tree(tmp_path / "data")
    found = manifest(read_split(first), tmp_path / "caches")
    shutil.copytree(first, tmp_path / "elsewhere" / "copy")
    for path in (tmp_path / "elsewhere").rglob("*.*"):
        os.utime(path, (1, 1))
    copied = manifest(read_split(tmp_path / "elsewhere/copy"), tmp_path / "other")
    assert (copied, copied.digest) == (found, found.digest)
    assert str(tmp_path) not in to_csv({"train": copied}).decode()


@pytest.mark.parametrize("what", ["bytes", "name", "label", "gone"])
def test_any_change_changes_the_digest(tmp_path: Path, what: str) -> None:
    """Other bytes of the same number, another name, another class, a file less."""
    folder = tree(tmp_path / "data")
    before = manifest(read_split(folder), tmp_path / "caches").digest
    jar = folder / "Blue/jar_1.jpg"
    if what == "bytes":
        jar.write_bytes(b"abd")
    elif what == "gone":
        jar.unlink()
    else:
        jar.rename(folder / ("Blue/jar_2.jpg" if what == "name" else "Green/jar_1.jpg"))
    assert manifest(read_split(folder), tmp_path / "caches").digest != before


def test_rows_without_a_file_are_known_by_their_texts(tmp_path: Path) -> None:
    """A CSV's row has its number for a path; equal texts have equal content, whatever their labels."""
    (tmp_path / "a.csv").write_text('text,label\n"old bottle",Blue\nNA,Green\nold bottle,Green\n')
    found = manifest(read_split(tmp_path / "a.csv", modalities=(TEXT,)), tmp_path, (TEXT,))
    assert [(row.path, row.bytes, row.sha256) for row in found.rows] == [(f"row-{n}", 0, "") for n in (1, 2, 3)]
    assert found.rows[0].content == found.rows[2].content != found.rows[1].content


def test_files_that_no_model_sees_are_not_read(tmp_path: Path) -> None:
    """A study of texts doesn't mind what its pictures hold, or that one is gone."""
    pictures = [tmp_path / "gone.jpg", None]
    split = made_split(("a", "b"), ("jar", "can"), np.array([0, 1]), pictures, ("Blue", "Green"))
    assert [row.sha256 for row in manifest(split, tmp_path, (TEXT,)).rows] == ["", ""]
    with pytest.raises(UserError, match=r"gone\.jpg"):
        manifest(split, tmp_path)


@given(st.dictionaries(st.sampled_from(["train", "val"]), MANIFESTS.filter(lambda one: bool(one.rows))))
@settings(max_examples=100)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, manifests: dict[str, Manifest]) -> None:
    """Names with commas, quotes, line ends and a spreadsheet's formulas come back, and so do the digests."""
    path = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    path.write_bytes(to_csv(manifests))
    found = read_manifests(path)
    assert found == manifests
    assert {split: one.digest for split, one in found.items()} == {s: one.digest for s, one in manifests.items()}


def test_no_cell_is_a_formula() -> None:
    """A spreadsheet that opens the file runs nothing of it."""
    written = to_csv({"train": Manifest((Row("=HYPERLINK(1)", "@x", 0, "", ""),))}).decode()
    assert "train,'=HYPERLINK(1),'@x,,," in written


@pytest.mark.parametrize(
    "content", [None, b"", b"split,path\n", b"\xff\xfe\0", b"split,path,label,bytes,sha256,values\na,b\n"]
)
def test_a_damaged_file_is_one_message(tmp_path: Path, content: bytes | None) -> None:
    """Which file it is, and what to do."""
    path = tmp_path / "manifest.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.csv must be"):
        read_manifests(path)


@given(MANIFESTS)
@settings(max_examples=100)
def test_a_sealed_manifest_tells_no_name_and_no_label(found: Manifest) -> None:
    """Digests stand for them; the order of the rows says nothing; the content's digests are as they were."""
    kept = sealed(found)
    assert kept == sealed(Manifest(found.rows[::-1]))
    assert sorted(row.content for row in kept.rows) == sorted(row.content for row in found.rows)
    assert {row.path for row in kept.rows} == {sealed_path(row.path) for row in found.rows}
    for row in kept.rows:
        assert len(row.path) == len(row.label) == 16
        assert not {*row.path, *row.label} - set("0123456789abcdef")
