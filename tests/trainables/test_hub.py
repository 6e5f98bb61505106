"""Files of a hub that works, and of hubs that don't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import Hub, running
from huggingface_hub import constants

from trainables.hub import Unavailable, cached_file, fetched_file, first_line, listed_files

REPOSITORY = "owner/tiny"


def test_a_file_is_fetched_once(hub: Hub) -> None:
    """What the hub has is listed and fetched, and lies in the local cache afterwards, where the hub isn't asked."""
    (hub.repository(REPOSITORY) / "config.json").write_text('{"a": 1}')
    assert cached_file(REPOSITORY, "config.json") is None
    assert listed_files(REPOSITORY) == ["config.json"]
    fetched = fetched_file(REPOSITORY, "config.json")
    assert fetched.read_text() == '{"a": 1}'
    hub.asked.clear()
    assert cached_file(REPOSITORY, "config.json") == fetched
    assert hub.asked == []


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("hang", "Timeout"), (500, "500"), (404, "no repository owner/tiny"), (429, "429")]
)
def test_a_hub_that_fails_is_asked_once(hub: Hub, behaviour: str | int, reason: str) -> None:
    """A hub that never answers, or answers with an error, gets one request, and its failure is one line."""
    hub.behaviour = behaviour
    with pytest.raises(Unavailable, match=reason) as caught:
        listed_files(REPOSITORY)
    assert "\n" not in str(caught.value)
    assert len(hub.asked) == 1


def test_a_hub_that_isnt_there_is_known_at_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on the hub's port: the address and the kind of failure are said."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 can't be used: ConnectError"):
        listed_files(REPOSITORY)


def test_offline_means_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE nothing is asked for, and the message names the setting."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
        listed_files(REPOSITORY)
    assert hub.asked == []


def test_a_name_that_no_repository_can_have(hub: Hub) -> None:
    """A path is no repository: nothing is cached under it, and the hub isn't asked."""
    assert cached_file("/a/b/c", "config.json") is None
    with pytest.raises(Unavailable):
        listed_files("/a/b/c")
    assert hub.asked == []


def test_the_address_is_the_environments(tmp_path: Path) -> None:
    """In a process of its own with HF_ENDPOINT and HF_HOME set, files come from there into there."""
    code = f"from trainables.hub import *; print(listed_files('{REPOSITORY}'), fetched_file('{REPOSITORY}', 'a.txt'))"
    with running(tmp_path / "hub") as hub:
        (hub.repository(REPOSITORY) / "a.txt").write_text("text")
        environment = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False, timeout=60
        )
    assert "['a.txt']" in done.stdout, done.stderr[-1000:]
    assert str(tmp_path / "home") in done.stdout


def test_the_first_line_of_an_error() -> None:
    """An error's first line that says something, or its kind."""
    assert first_line(ValueError("\n  one  \ntwo")) == "one"
    assert first_line(ValueError("")) == "ValueError"
