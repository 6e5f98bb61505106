"""Which Ray a study runs on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from search.machines.ray_address import cluster_lines, is_own, reached
from trainables.errors import UserError


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_study_has_a_ray_of_its_own_unless_it_names_one() -> None:
    """Whatever the environment names; that it isn't used is said."""
    assert is_own(None)
    assert is_own("local")
    assert not is_own("auto")
    assert cluster_lines(None, {}) == []
    (said,) = cluster_lines(None, {"RAY_ADDRESS": "10.0.0.1:6379"})
    assert said.startswith("Ray: one of this study's own, though RAY_ADDRESS names 10.0.0.1:6379;")
    (said,) = cluster_lines("10.0.0.1:6379", {"RAY_ADDRESS": "10.0.0.2:6379", "RAY_AUTH_MODE": "disabled"})
    assert "without a token" in said


def test_what_can_t_be_joined_is_told_at_once(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was found there: nothing, no address, no cluster of this machine's."""
    with pytest.raises(UserError, match=rf"'{closed}' can't be joined: nothing answers there \(Connection refused\)"):
        reached(closed, 5.0)
    for wrong in ("somewhere", "host:port", "[::1"):
        with pytest.raises(UserError, match="it is no host:port"):
            reached(wrong, 5.0)
    monkeypatch.setenv("RAY_ADDRESS", closed)
    with pytest.raises(UserError, match="nothing answers there"):
        reached("auto", 5.0)


def test_what_listens_but_is_no_ray_is_waited_for_no_longer_than_said(silent: str) -> None:
    """Ray itself would go on for minutes."""
    began = time.monotonic()
    with pytest.raises(UserError, match="what listens there doesn't answer as a Ray cluster within 2 s"):
        reached(silent, 2.0)
    assert time.monotonic() - began < 60
