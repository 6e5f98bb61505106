"""The digest of what pictures hold."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from trainables.data.pictures import digests as module
from trainables.data.pictures.digests import INDEX_FOLDER, content_digest, file_digests
from trainables.errors import UserError


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Four files that have lain there for a while, two of them in a folder of their own."""
    (tmp_path / "data" / "sub").mkdir(parents=True)
    found = [tmp_path / "data" / name for name in ("a.jpg", "b.jpg", "sub/c.jpg", "sub/d.jpg")]
    for path in found:
        path.write_text(f"content of {path.name}")
        settle(path)
    return found


def settle(path: Path, seconds: float = 100) -> None:
    """Set the time of change into the past, where the index trusts it."""
    past = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(past, past))


def content(paths: list[Path], cache: Path) -> str:
    """The content digest."""
    return content_digest(file_digests(paths, cache))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose bytes are read from now on."""
    names: list[str] = []
    read = module.hashlib.file_digest

    def spy(stream: object, kind: str) -> object:
        names.append(Path(stream.name).name)  # type: ignore[attr-defined]
        return read(stream, kind)  # type: ignore[arg-type]

    monkeypatch.setattr(module.hashlib, "file_digest", spy)
    return names


def test_it_is_of_bytes_and_order(paths: list[Path], tmp_path: Path) -> None:
    """Other bytes or another order give another digest; another place or time doesn't."""
    cache = tmp_path / "cache"
    first = content(paths, cache)
    assert content(paths[::-1], cache) != first
    assert content(paths[:-1], cache) != first
    shutil.copytree(tmp_path / "data", tmp_path / "moved")
    assert content([tmp_path / "moved" / path.relative_to(tmp_path / "data") for path in paths], cache) == first
    settle(paths[0], 50)
    assert content(paths, cache) == first
    paths[0].write_text("other")
    assert content(paths, cache) != first


def test_files_that_did_not_change_are_not_read_again(paths: list[Path], tmp_path: Path, opened: list[str]) -> None:
    """All are read once; then only a touched one, one of another size, and a new one; `progress` counts all."""
    told: list[tuple[int, int]] = []
    file_digests(paths, tmp_path / "cache", lambda done, total: told.append((done, total)))
    assert sorted(opened) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    opened.clear()
    file_digests(paths, tmp_path / "cache")
    assert opened == []
    settle(paths[1], 50)
    times = paths[2].stat().st_mtime_ns
    paths[2].write_text("another length")
    os.utime(paths[2], ns=(times, times))
    (tmp_path / "data" / "e.jpg").write_text("new")
    file_digests([*paths, tmp_path / "data" / "e.jpg"], tmp_path / "cache")
    assert sorted(opened) == ["b.jpg", "c.jpg", "e.jpg"]


def test_a_file_of_just_now_is_not_trusted(paths: list[Path], tmp_path: Path, opened: list[str]) -> None:
    """Two changes within a tick of the file system's clock look alike: such a file is read again the next time."""
    paths[3].write_text("now")
    file_digests(paths, tmp_path / "cache")
    opened.clear()
    file_digests(paths, tmp_path / "cache")
    assert opened == ["d.jpg"]


def test_unreadable_files_are_one_error(paths: list[Path], tmp_path: Path, opened: list[str]) -> None:
    """Missing files, folders and pipes are named with the reason, no pipe is waited for; what was read is kept."""
    os.mkfifo(tmp_path / "data" / "pipe.jpg")
    odd = [*paths, tmp_path / "data" / "gone.jpg", tmp_path / "data" / "pipe.jpg"]
    with pytest.raises(UserError, match="2 of 6") as caught:
        file_digests(odd, tmp_path / "cache")
    assert "gone.jpg: No such file" in str(caught.value)
    assert "pipe.jpg: not a regular file" in str(caught.value)
    opened.clear()
    file_digests(paths, tmp_path / "cache")
    assert opened == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {"a.jpg": 3}}', '{"files": {"a.jpg": ["x", 1, "2"]}}'])
def test_a_damaged_index_only_costs_time(paths: list[Path], tmp_path: Path, text: str) -> None:
    """Whatever the index holds, the digest is right and the index is whole again."""
    first = content(paths, tmp_path / "cache")
    (index,) = (tmp_path / "cache" / INDEX_FOLDER).iterdir()
    index.write_text(text)
    assert content(paths, tmp_path / "cache") == first
    assert len(json.loads(index.read_text())["files"]) == 4


def test_a_cache_that_cant_be_written_only_costs_time(paths: list[Path], tmp_path: Path) -> None:
    """Without an index each run reads the files, and the digest is the same."""
    (tmp_path / "file").write_text("no folder")
    assert content(paths, tmp_path / "file") == content(paths, tmp_path / "cache")
