"""What takes a while isn't silent."""

from __future__ import annotations

import threading

import pytest

from search.show.at_work import at_work, working


def test_it_is_said_again_until_it_ends() -> None:
    """At the begin, and then as long as it lasts; afterwards nothing more."""
    said: list[str] = []
    third = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            third.set()

    with at_work("Reading", say, every=0.01):
        assert said[0] == "Reading"
        assert third.wait(30)
    assert all("s so far" in one for one in said[1:])
    count = len(said)
    threading.Event().wait(0.05)
    assert len(said) == count


def test_what_fails_is_passed_on() -> None:
    """And no thread is left."""
    before = threading.active_count()
    with pytest.raises(ValueError, match="torn"), at_work("Reading", lambda text: None):
        raise ValueError("torn")
    assert threading.active_count() == before


def test_off_a_terminal_work_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """As a program's log has it."""
    with working("Choosing on val"):
        pass
    assert capsys.readouterr().out == "Choosing on val\n"
