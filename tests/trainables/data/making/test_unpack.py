"""Archives from elsewhere: what is good arrives, what is bad writes nothing."""

from __future__ import annotations

import contextlib
import re
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_zips import picture, zipped

from trainables.data.making import unpack as unpack_module
from trainables.data.making.unpack import unpack
from trainables.errors import UserError


def written(folder: Path) -> list[str]:
    """All files and folders below."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refused(tmp_path: Path, content: bytes) -> str:
    """What is said of an archive; nothing may be written, within the folder or beside it."""
    (tmp_path / "a.zip").write_bytes(content)
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError) as caught:
        unpack(tmp_path / "a.zip", tmp_path / "in")
    assert written(tmp_path) == ["a.zip", "in"]
    return str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_arrive_byte_for_byte_without_junk(tmp_path: Path, method: int) -> None:
    """Every file in its folder, as it was; folders' entries and what macOS adds are passed over; progress is told."""
    files = {"a/x.png": picture(1), "a/é b.png": picture(2), "c.txt": b""}
    junk = {"__MACOSX/a/._x.png": b"1", "a/.DS_Store": b"2", "a/._y": b"3", "Thumbs.db": b"4", "a/": b""}
    (tmp_path / "a.zip").write_bytes(zipped({**files, **junk}, method=method))
    told: list[tuple[int, int]] = []
    (tmp_path / "in").mkdir()
    found = unpack(tmp_path / "a.zip", tmp_path / "in", progress=lambda done, total: told.append((done, total)))
    assert {"/".join(parts) for parts in found} == set(files)
    assert {name: (tmp_path / "in" / name).read_bytes() for name in files} == files
    assert written(tmp_path / "in") == sorted([*files, "a"])
    size = sum(map(len, files.values()))
    assert told[-1] == (size, size)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../out.png", "leaves the folder"),
        ("a/../../out.png", "leaves the folder"),
        ("a/./x.png", "empty part"),
        ("a//x.png", "empty part"),
        ("/etc/out.png", "path from the root"),
        ("C:/out.png", "Windows"),
        ("..\\out.png", "Windows"),
        ("a\x1b[31m.png", "control character"),
        ("a\nb.png", "control character"),
        ("x" * 300 + ".png", "more than 255 bytes"),
        ("日" * 100 + ".png", "more than 255 bytes"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, word: str) -> None:
    """A name that no plain file within the folder has: it is said, no control character with it."""
    message = refused(tmp_path, zipped({"good.png": b"1", name: b"2"}))
    assert word in message
    assert "\x1b" not in message


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        (stat.S_IFLNK | 0o777, "a link"),
        (stat.S_IFCHR | 0o666, "no regular file"),
        (stat.S_IFIFO | 0o666, "no regular file"),
        (stat.S_IFSOCK | 0o666, "no regular file"),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, mode: int, word: str) -> None:
    """An entry that would become a link out of the folder, a device or a pipe."""
    assert f"x.png: {word}" in refused(tmp_path, zipped({"x.png": b"/etc/passwd"}, mode))


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/x.png", "a/x.png"), ("a/x.png", "A/X.PNG"), ("caf\u00e9.png", "cafe\u0301.png"), ("a", "a/b.png")],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_would_overwrite_another_is_refused(tmp_path: Path, one: str, other: str) -> None:
    """The same name twice, also in another case or Unicode form, and a file where a folder must be."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(one, b"1")
        archive.writestr(other, b"2")
    message = refused(tmp_path, stream.getvalue())
    assert "two files of this name" in message or "others need a folder" in message


def test_all_faults_come_in_one_message(tmp_path: Path) -> None:
    """Each with its name; nothing is unpacked, the good one neither."""
    message = refused(tmp_path, zipped({"../a": b"1", "/b": b"2", "c\\d": b"3", "good": b"4"}))
    assert all(f"{name}: " in message for name in ("../a", "/b", "c\\d"))
    assert "Nothing was unpacked" in message


def test_a_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    """A file that grows a thousandfold is refused before a byte of it is unpacked."""
    message = refused(tmp_path, zipped({"zeros.bin": bytes(30_000_000)}, method=zipfile.ZIP_DEFLATED))
    assert "30 MB in" in message
    assert "more than 20 times as much" in message


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    """Two entries of the directory that share their bytes."""
    content = bytearray(zipped({"a.png": picture(1), "b.png": picture(2)}))
    first, second = (match.start() for match in re.finditer(rb"PK\x01\x02", content))
    content[second + 42 : second + 46] = content[first + 42 : first + 46]  # where its bytes begin
    assert "overlap" in refused(tmp_path, bytes(content))


def lying(content: bytes) -> bytes:
    """The archive with 10 bytes fewer claimed for its file than there are."""
    changed = bytearray(content)
    for mark, place in ((rb"PK\x03\x04", 22), (rb"PK\x01\x02", 24)):
        found = re.search(mark, bytes(changed))
        assert found is not None
        at = found.start() + place
        changed[at : at + 4] = struct.pack("<I", struct.unpack("<I", changed[at : at + 4])[0] - 10)
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"<html>" + content[6:60],
        lambda content: content[:60] + bytes(20) + content[80:],
        lambda content: b"",
        lying,
    ],
    ids=["half", "page", "middle", "empty", "size"],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_archive_is_one_error(tmp_path: Path, damage: Callable[[bytes], bytes], method: int) -> None:
    """Cut, no archive, damaged in the middle, empty, or with a wrong size: the file is named, with what to do."""
    (tmp_path / "a.zip").write_bytes(damage(zipped({"x.bin": bytes(range(256)) * 8}, method=method)))
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match=r"a\.zip must be a whole zip file"):
        unpack(tmp_path / "a.zip", tmp_path / "in")


def test_encrypted_and_unusual_archives_are_named(tmp_path: Path) -> None:
    """What can't be opened without a password, or is packed in a way that nobody packs pictures."""
    content = bytearray(zipped({"x.png": picture(1)}))
    found = re.search(rb"PK\x01\x02", bytes(content))
    assert found is not None
    content[found.start() + 8] |= 1
    assert "encrypted" in refused(tmp_path, bytes(content))
    (tmp_path / "in").rmdir()
    assert "method 12" in refused(tmp_path, zipped({"x.png": picture(1)}, method=zipfile.ZIP_BZIP2))


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive can't fill a disk with empty files."""
    monkeypatch.setattr(unpack_module, "FILE_LIMIT", 10)
    assert "11 files, more than 10" in refused(tmp_path, zipped({f"{n}.png": b"" for n in range(11)}))


def test_a_disk_without_room_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is needed and what is free; nothing is written."""
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda folder: 100)
    message = refused(tmp_path, zipped({"x.png": picture(1)}))
    assert "must have 4.1 kB free for this, but has 100 B" in message


GOOD = zipped({f"{label}/{n}.bin": bytes(range(n, n + 200)) for label in "ab" for n in range(3)})
PACKED = zipped({"a/1.txt": b"text " * 200, "b/2.txt": b"more " * 100}, method=zipfile.ZIP_DEFLATED)


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([GOOD, PACKED]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    end=st.floats(0.5, 1),
)
def test_whatever_is_damaged_nothing_else_is_raised(start: bytes, changes: list[tuple[float, int]], end: float) -> None:
    """Any bytes changed, perhaps cut: files within the folder, or one error; nothing beside the folder."""
    content = bytearray(start)
    for place, value in changes:
        content[int(place * len(content))] = value
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "a.zip").write_bytes(content[: int(end * len(content))] if end < 0.9 else content)
        (root / "in").mkdir()
        with contextlib.suppress(UserError):
            unpack(root / "a.zip", root / "in")
        assert sorted(path.name for path in root.iterdir()) == ["a.zip", "in"]
        assert not any(path.is_symlink() for path in root.rglob("*"))
