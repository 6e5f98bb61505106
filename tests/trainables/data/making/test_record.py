"""What servers of records answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from record_server import RecordServer, running

from trainables.data.making.record import RemoteFile, chosen_file, record_files
from trainables.data.making.web import Web
from trainables.errors import UserError

MD5 = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordServer]:
    """A server, no proxy before it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(b"x") as server:
        yield server


def found(server: RecordServer) -> list[RemoteFile]:
    """The files of the record."""
    return record_files(Web(server.address, timeout=5), 15832061, "By hand.")


@pytest.mark.parametrize(
    "record",
    [
        {"files": [{"key": "a.zip", "size": 7, "checksum": f"md5:{MD5}", "links": {"self": "https://x/a"}}]},
        {"files": [{"filename": "a.zip", "filesize": 7, "checksum": MD5, "links": {"download": "https://x/a"}}]},
        {"files": {"entries": {"a.zip": {"key": "a.zip", "size": 7, "checksum": f"MD5:{MD5}",
                                         "links": {"self": "https://x/meta", "content": "https://x/a"}}}}},
        {"files": {"entries": [{"key": "a.zip", "size": 7, "checksum": f"md5:{MD5}", "links": {"self": "https://x/a"}}]}},
    ],
    ids=["now", "older", "by-name", "in-a-list"],
)  # fmt: skip
def test_each_way_of_listing_files_is_read(server: RecordServer, record: Any) -> None:
    """Zenodo has changed its answers more than once; what is needed is in all of them."""
    server.record = record
    assert found(server) == [RemoteFile("a.zip", 7, f"md5:{MD5}", "https://x/a")]
    assert server.asked[0][0] == "/api/records/15832061"


@pytest.mark.parametrize(
    "record",
    [b"<html>Log in</html>", b"", [], {}, {"files": None}, {"files": [{"key": "a"}]}, {"files": ["a"]}, 3, b"\xff\xfe",
     {"files": [{"key": "a", "size": "7", "links": {"self": "u"}}]}],
)  # fmt: skip
def test_anything_else_is_one_error(server: RecordServer, record: Any) -> None:
    """A page, another JSON: what was expected, and the way by hand."""
    server.record = record
    with pytest.raises(UserError, match=r"By hand\.$"):
        found(server)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_server_that_refuses(server: RecordServer, status: int) -> None:
    """The server's answer, and the way by hand."""
    server.record_status = status
    with pytest.raises(UserError, match=rf"answers {status} .*By hand\."):
        found(server)


def test_only_https_is_asked() -> None:
    """A server without it is refused before it is asked, but for this machine itself."""
    with pytest.raises(UserError, match="over https alone"):
        record_files(Web("http://example.org"), 1, "By hand.")


@pytest.mark.parametrize("checksum", ["", "crc32c:00", f"md5{MD5}", "md5:"])
def test_a_checksum_must_be_one_that_can_be_verified(checksum: str) -> None:
    """None, or of an unknown kind: refused, as nothing could vouch for the file."""
    with pytest.raises(UserError, match=r"checksum that can be verified.*By hand\."):
        chosen_file([RemoteFile("a.zip", 7, checksum, "https://x/a")], "a.zip", "By hand.")


def test_a_file_that_the_record_lacks() -> None:
    """The files that it has are named, control characters escaped."""
    with pytest.raises(UserError, match=r'file "a\.zip", but its files are "b\\x1b\.zip"\. By hand\.'):
        chosen_file([RemoteFile("b\x1b.zip", 7, f"md5:{MD5}", "https://x/b")], "a.zip", "By hand.")
