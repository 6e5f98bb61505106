"""`binwise data fetch`, as it is typed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_zips import release, zipped
from record_server import RecordServer, running
from typer.testing import CliRunner

from search.cli.main import app
from trainables.errors import UserError

ARCHIVE = zipped(release())
MD5 = hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordServer]:
    """A server of ARCHIVE, named by the environment; the current directory is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running(ARCHIVE) as server:
        monkeypatch.setenv("BINWISE_ZENODO", f"{server.address}/")
        yield server


def call(*arguments: object) -> list[str]:
    """Run `binwise data fetch`; its lines. Its mistakes are raised."""
    result = CliRunner().invoke(app, ["data", "fetch", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return str(result.output).splitlines()


def test_it_says_what_is_there_now(server: RecordServer) -> None:
    """Counts, checksum, whose it is, the lines of a study; a second time that it was there."""
    lines = call("garbage", "data/garbage")
    assert lines[0] == f"data/garbage: 12 pictures, fetched and verified (md5:{MD5})"
    assert lines[1].split() == ["Train", "4", "Blue", "2,", "Green", "2"]
    assert "https://zenodo.org/records/15832061" in lines[4]
    assert lines[-3:] == [f"  {split.lower()}: data/garbage/{split}" for split in ("Train", "Val", "Test")]
    assert call("garbage", "data/garbage")[0] == "data/garbage: 12 pictures, was there already"


def test_a_file_brought_by_hand(server: RecordServer) -> None:
    """Nothing is asked of the server; the checksum is told, to be compared."""
    Path("final_dataset_20k.zip").write_bytes(ARCHIVE)
    lines = call("garbage", "data/garbage", "--from-file", "final_dataset_20k.zip")
    assert lines[0] == f"data/garbage: 12 pictures, unpacked; its record must name the same checksum (md5:{MD5})"
    assert server.asked == []


def test_lists(server: RecordServer) -> None:
    """What there is, without a network; with a name the files of its record."""
    assert call("--list")[0].startswith("garbage: 20,000 pictures")
    assert server.asked == []
    assert call("garbage", "--list") == [f"final_dataset_20k.zip  {len(ARCHIVE) / 1000:.0f} kB  md5:{MD5}"]
    assert len(server.asked) == 1


@pytest.mark.parametrize("arguments", [[], ["garbage"]])
def test_what_and_where_must_be_named(server: RecordServer, arguments: list[str]) -> None:
    """The whole command is told."""
    with pytest.raises(UserError, match="binwise data fetch garbage data/garbage"):
        call(*arguments)


def test_an_unknown_layout_is_said(server: RecordServer) -> None:
    """No counts can be told: the user looks."""
    server.content = zipped({"a/b.png": b"x"})
    assert call("garbage", "new")[-1].startswith("It has no folders Train, Val and Test")
