"""A published data set: fetched, verified, unpacked, whole or not there; gone on with after any interruption."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_zips import release, zipped
from record_server import RecordServer, running

from trainables.data.locks import try_lock
from trainables.data.making import fetch as fetch_module
from trainables.data.making.fetch import Fetched, fetch, remote_files
from trainables.data.making.web import Web
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

ARCHIVE = zipped(release("final_dataset_20k/"))
COUNTS = {split: {"Blue": 2, "Green": 2} for split in ("Train", "Val", "Test")}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordServer]:
    """A server of ARCHIVE, no proxy before it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(ARCHIVE) as server:
        yield server


def get(server: RecordServer, folder: Path, archive: Path | None = None) -> Fetched:
    """Fetch to `folder/garbage`, giving up at the first fault."""
    return fetch("garbage", folder / "garbage", web=Web(server.address, timeout=5, waits=()), archive=archive)


def refused(server: RecordServer, folder: Path, archive: Path | None = None) -> str:
    """What is said; the data set isn't there."""
    with pytest.raises(UserError) as caught:
        get(server, folder, archive)
    assert not (folder / "garbage").exists()
    return str(caught.value)


def below(folder: Path) -> list[str]:
    """What lies directly in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_it_is_fetched_verified_and_laid_out(server: RecordServer, tmp_path: Path) -> None:
    """Three splits that can be read, what lies beside them, where it comes from; no archive, no folder for the work."""
    found = get(server, tmp_path)
    assert (found.counts, found.existed) == (COUNTS, False)
    assert below(tmp_path) == ["garbage"]
    assert below(tmp_path / "garbage") == ["Test", "Train", "Val", "readme.txt", "source.json"]
    assert read_split(tmp_path / "garbage/Train").counts() == {"Blue": 2, "Green": 2}
    source = json.loads((tmp_path / "garbage/source.json").read_text())
    checksum = f"md5:{hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()}"
    assert source == {"name": "garbage", "record": 15832061, "file": "final_dataset_20k.zip", "checksum": checksum}


def test_a_second_call_does_nothing(server: RecordServer, tmp_path: Path) -> None:
    """It is there: said, without a request, and what a killed call left is tidied up."""
    get(server, tmp_path)
    server.asked.clear()
    (tmp_path / ".garbage.fetch").mkdir()
    (tmp_path / ".garbage.fetch/archive.part").write_bytes(b"left")
    found = get(server, tmp_path)
    assert (found.counts, found.existed) == (COUNTS, True)
    assert server.asked == []
    assert below(tmp_path) == ["garbage"]


def test_a_broken_fetch_is_gone_on_with(server: RecordServer, tmp_path: Path) -> None:
    """What came is kept beside the destination; the next call asks for the rest alone."""
    server.drops = [1000]
    assert "1,000 of" in refused(server, tmp_path)
    assert below(tmp_path) == [".garbage.fetch"]
    assert get(server, tmp_path).counts == COUNTS
    assert server.ranges_asked() == ["", "bytes=1000-"]
    assert below(tmp_path) == ["garbage"]


def test_a_killed_unpacking_is_done_again(
    server: RecordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive is whole: nothing is fetched again, and the half-filled folder is removed."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch_module, "unpack", killed)
        with pytest.raises(KeyboardInterrupt):
            get(server, tmp_path)
    (tmp_path / ".garbage.fetch/.unpacked.abc").mkdir()
    (tmp_path / ".garbage.fetch/.unpacked.abc/half.png").write_bytes(b"x")
    server.asked.clear()
    assert get(server, tmp_path).counts == COUNTS
    assert server.ranges_asked() == []
    assert below(tmp_path) == ["garbage"]


def test_wrong_bytes_leave_nothing(server: RecordServer, tmp_path: Path) -> None:
    """An archive whose checksum isn't the record's is never opened."""
    server.served = zipped(release("other/"))[: len(ARCHIVE)].ljust(len(ARCHIVE), b"x")
    assert "checksum" in refused(server, tmp_path)
    assert below(tmp_path) == []


def test_a_hostile_archive_writes_nothing(server: RecordServer, tmp_path: Path) -> None:
    """With the right checksum, but a path that leaves: refused, and only the archive is kept."""
    server.content = zipped({**release(), "../../escaped.png": b"x"})
    assert "../../escaped.png" in refused(server, tmp_path)
    assert below(tmp_path) == [".garbage.fetch"]
    assert not list(tmp_path.parent.rglob("escaped.png"))


def test_an_archive_brought_by_hand(server: RecordServer, tmp_path: Path) -> None:
    """No request is sent; the archive stays as it is, and its checksum is told."""
    (tmp_path / "final_dataset_20k.zip").write_bytes(ARCHIVE)
    found = get(server, tmp_path, tmp_path / "final_dataset_20k.zip")
    assert found.counts == COUNTS
    assert found.checksum == f"md5:{hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()}"
    assert server.asked == []
    assert below(tmp_path) == ["final_dataset_20k.zip", "garbage"]
    assert (tmp_path / "final_dataset_20k.zip").read_bytes() == ARCHIVE


def test_an_archive_that_isn_t_there(server: RecordServer, tmp_path: Path) -> None:
    """The path is named, and nothing is made."""
    assert "nowhere.zip" in refused(server, tmp_path, tmp_path / "nowhere.zip")
    assert below(tmp_path) == []


def test_an_unknown_layout_is_kept_as_it_is(server: RecordServer, tmp_path: Path) -> None:
    """Without three splits' folders nothing is renamed, and no counts are told."""
    server.content = zipped({"pictures/Blue/a.png": b"1", "pictures/Green/b.png": b"2"})
    found = get(server, tmp_path)
    assert found.counts == {}
    assert (tmp_path / "garbage/pictures/Blue/a.png").is_file()


def test_without_a_network_the_way_by_hand_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why, which file to bring, and the command that takes it; at once, and nothing is left."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(ARCHIVE) as server:
        pass
    message = refused(server, tmp_path)
    assert "Connection refused" in message
    assert "https://zenodo.org/records/15832061/files/final_dataset_20k.zip" in message
    assert "--from-file final_dataset_20k.zip" in message
    assert below(tmp_path) == []


def test_a_disk_without_room_is_known_before(
    server: RecordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archive and pictures must fit: said before a byte of them is fetched."""
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda folder: len(ARCHIVE))
    assert "free for this" in refused(server, tmp_path)
    assert server.ranges_asked() == []


def test_a_folder_in_use_is_left_alone(server: RecordServer, tmp_path: Path) -> None:
    """A destination with something else in it: refused, no request, nothing changed; an empty one is used."""
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage/mine.txt").write_text("mine")
    with pytest.raises(UserError, match="isn't an empty folder"):
        get(server, tmp_path)
    assert below(tmp_path / "garbage") == ["mine.txt"]
    assert below(tmp_path) == ["garbage"]
    assert server.asked == []
    (tmp_path / "garbage/mine.txt").unlink()
    assert get(server, tmp_path).counts == COUNTS


def test_one_process_at_a_time(server: RecordServer, tmp_path: Path) -> None:
    """While another one fetches to the same place, the second is refused and harms nothing."""
    (tmp_path / ".garbage.fetch").mkdir()
    lock = try_lock(tmp_path / ".garbage.fetch/lock")
    assert lock is not None
    assert "another process" in refused(server, tmp_path)
    lock.release()
    assert get(server, tmp_path).counts == COUNTS


def test_an_unknown_data_set(server: RecordServer, tmp_path: Path) -> None:
    """The ones that there are, are listed."""
    with pytest.raises(UserError, match='one of "garbage", but got "cats"'):
        fetch("cats", tmp_path / "cats", web=Web(server.address))
    assert below(tmp_path) == []


def test_the_record_s_files(server: RecordServer) -> None:
    """Name, bytes, checksum and address of each, as the server says."""
    (file,) = remote_files("garbage", Web(server.address))
    assert (file.name, file.size) == ("final_dataset_20k.zip", len(ARCHIVE))
    assert file.url.startswith(server.address)
