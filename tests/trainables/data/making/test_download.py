"""A file over a network that breaks, and a server that lies."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from record_server import RecordServer, running

from trainables.data.making.download import bytes_there, download
from trainables.data.making.record import RemoteFile, chosen_file, record_files
from trainables.data.making.web import Web
from trainables.errors import UserError

CONTENT = np.random.default_rng(0).bytes(50_000)
QUICK = (0.0, 0.0)  # waits before a second and a third try


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordServer]:
    """A server of CONTENT, no proxy before it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(CONTENT) as server:
        yield server


def remote(server: RecordServer, web: Web) -> RemoteFile:
    """The file as the record names it."""
    return chosen_file(record_files(web, 15832061, "By hand."), server.name, "By hand.")


def get(server: RecordServer, folder: Path, waits: tuple[float, ...] = QUICK) -> bytes:
    """The file's bytes, fetched."""
    web = Web(server.address, timeout=5, waits=waits)
    download(remote(server, web), folder / "part", web)
    return (folder / "part").read_bytes()


def stopped(server: RecordServer, folder: Path, waits: tuple[float, ...] = QUICK) -> str:
    """What is said where it can't be fetched."""
    with pytest.raises(UserError) as caught:
        get(server, folder, waits)
    return str(caught.value)


def test_a_file_comes_whole_and_progress_is_told(server: RecordServer, tmp_path: Path) -> None:
    """One request without a range; the last word of progress is all of it."""
    told: list[tuple[int, int]] = []
    web = Web(server.address)
    download(remote(server, web), tmp_path / "part", web, lambda done, total: told.append((done, total)))
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.ranges_asked() == [""]
    assert told[-1] == (50_000, 50_000)


def test_it_goes_on_after_each_break(server: RecordServer, tmp_path: Path) -> None:
    """More breaks than there are waits, each a little further: only what is missing is asked for."""
    server.drops = [10_000, 10_000, 10_000, 5_000]
    assert get(server, tmp_path) == CONTENT
    assert server.ranges_asked() == ["", "bytes=10000-", "bytes=20000-", "bytes=30000-", "bytes=35000-"]


def test_the_next_command_goes_on(server: RecordServer, tmp_path: Path) -> None:
    """What a stopped call left is kept, and said; the next one asks for the rest."""
    server.drops = [20_000, 0, 0]
    message = stopped(server, tmp_path, waits=(0.0,))
    assert "connection ended early; 20,000 of 50,000 bytes are there" in message
    assert "goes on from there" in message
    server.asked.clear()
    assert get(server, tmp_path) == CONTENT
    assert server.ranges_asked() == ["bytes=20000-"]


def test_a_whole_part_is_only_verified(server: RecordServer, tmp_path: Path) -> None:
    """A call after one that was killed between the last byte and the unpacking fetches nothing."""
    get(server, tmp_path)
    server.asked.clear()
    assert get(server, tmp_path) == CONTENT
    assert server.ranges_asked() == []


def test_a_server_without_ranges(server: RecordServer, tmp_path: Path) -> None:
    """It sends all of it each time, which is taken from the beginning."""
    server.ranges, server.drops = False, [30_000]
    assert get(server, tmp_path) == CONTENT
    server.drops = [1_000] * 10
    (tmp_path / "again").mkdir()
    assert "ended early" in stopped(server, tmp_path / "again")  # never further: the waits end


def test_a_server_that_sends_another_range(server: RecordServer, tmp_path: Path) -> None:
    """Bytes from another place aren't put behind those that are there: it begins anew, and gives up in the end."""
    server.wrong_range, server.drops = True, [10_000]
    assert get(server, tmp_path) == CONTENT
    server.drops = [10_000] * 10
    (tmp_path / "again").mkdir()
    assert "10,000 on and sends others" in stopped(server, tmp_path / "again")


def test_a_file_that_changed_comes_whole(server: RecordServer, tmp_path: Path) -> None:
    """Another ETag, and the server sends all of it instead of the rest."""
    server.drops = [20_000, 0, 0, 0]
    stopped(server, tmp_path)
    server.etag = '"two"'
    assert get(server, tmp_path) == CONTENT


def test_another_file_of_the_record_isn_t_gone_on_with(server: RecordServer, tmp_path: Path) -> None:
    """A part of a file with another checksum is thrown away."""
    server.drops = [20_000, 0, 0, 0]
    stopped(server, tmp_path)
    server.content = server.content[::-1]
    server.asked.clear()
    assert get(server, tmp_path) == CONTENT[::-1]
    assert server.ranges_asked() == [""]


def test_wrong_bytes_are_removed(server: RecordServer, tmp_path: Path) -> None:
    """As many bytes, but others: both checksums are named, nothing is kept, and the next call fetches anew."""
    server.served = bytes(50_000)
    message = stopped(server, tmp_path)
    assert hashlib.md5(CONTENT, usedforsecurity=False).hexdigest() in message
    assert hashlib.md5(bytes(50_000), usedforsecurity=False).hexdigest() in message
    assert not (tmp_path / "part").exists()
    server.served = None
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("length", "served"), [(60_000, None), (100, None), (None, b"<html>Log in</html>")], ids=["more", "less", "page"]
)
def test_a_length_that_isn_t_the_record_s(
    server: RecordServer, tmp_path: Path, length: int | None, served: bytes | None
) -> None:
    """A server that claims another length, or sends a page instead: said at once, and nothing is kept of it."""
    server.length, server.served = length, served
    message = stopped(server, tmp_path, waits=(3600.0,))
    assert "where the record says 50,000 bytes" in message
    assert "0 of 50,000 bytes are there" in message


@pytest.mark.parametrize("status", [500, 503, 429])
def test_faults_that_pass_are_waited_for(server: RecordServer, tmp_path: Path, status: int) -> None:
    """Twice unwilling, then served; a third refusal ends it with the server's answer."""
    server.statuses = [status, status]
    assert get(server, tmp_path) == CONTENT
    server.statuses = [status] * 3
    (tmp_path / "again").mkdir()
    assert f"answers {status}" in stopped(server, tmp_path / "again")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_faults_that_stay_are_told_at_once(server: RecordServer, tmp_path: Path, status: int) -> None:
    """Who may not, or asks for what isn't there, isn't kept waiting."""
    server.statuses = [status] * 2
    assert f"answers {status}" in stopped(server, tmp_path, waits=(3600.0,))
    assert len(server.ranges_asked()) == 1


def test_a_range_that_the_server_refuses(server: RecordServer, tmp_path: Path) -> None:
    """416: what is there is thrown away, and all of it is asked for."""
    server.drops = [20_000]
    server.statuses = []
    stopped_at = stopped(server, tmp_path, waits=())
    assert "20,000 of" in stopped_at
    server.statuses = [416]
    assert get(server, tmp_path) == CONTENT
    assert server.ranges_asked()[-2:] == ["bytes=20000-", ""]


@pytest.mark.parametrize("target", ["http://example.org/x.zip", "ftp://127.0.0.1/x", "file:///etc/passwd", "//evil/x"])
def test_redirects_lead_to_https_alone(server: RecordServer, tmp_path: Path, target: str) -> None:
    """To another scheme, or to another machine without it: refused before it is asked."""
    server.redirect = target
    message = stopped(server, tmp_path, waits=(3600.0,))
    assert "over https alone" in message or "302" in message
    assert bytes_there(remote(server, Web(server.address)), tmp_path / "part") == 0


def test_a_redirect_on_the_same_machine_is_followed(server: RecordServer, tmp_path: Path) -> None:
    """As a record's files lie on another server."""
    with running(CONTENT) as other:
        server.redirect = f"{other.address}/files/there"
        assert get(server, tmp_path) == CONTENT
        server.redirect = f"{server.address}/files/again"
        (tmp_path / "round").mkdir()
        assert "302" in stopped(server, tmp_path / "round")


def test_a_packed_answer_is_refused(server: RecordServer, tmp_path: Path) -> None:
    """Bytes in an encoding that nobody asked for aren't the file's."""
    server.encoding = "gzip"
    assert "encoding" in stopped(server, tmp_path, waits=(3600.0,))


def test_a_full_disk_keeps_what_there_is(server: RecordServer, tmp_path: Path) -> None:
    """The file and the remedy are named; what is there is gone on with."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        message = stopped(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large. Make room there; the same command goes on" in message
    assert get(server, tmp_path) == CONTENT
    assert server.ranges_asked()[-1] == "bytes=30000-"


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is gone in the middle: why, how far it came, and that it can be gone on with."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(CONTENT) as server:
        file = remote(server, Web(server.address))
    with pytest.raises(UserError, match="Connection refused; 0 of 50,000 bytes"):
        download(file, tmp_path / "part", Web(server.address, waits=(0.0,)))
