"""The progress bar."""

from __future__ import annotations

import contextlib

import pytest

from search.show.progress_bar import progress_bar


def test_without_a_terminal_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    """Told as in a terminal, it leaves logs and pipes alone."""
    with progress_bar("Decoding") as tell:
        tell(1, 2)
        tell(2, 2)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_on_stderr(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Label and counts are shown, and stdout is left to what was asked for; an error takes the bar away too."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with contextlib.suppress(KeyError), progress_bar("Decoding") as tell:
        tell(1, 2)
        raise KeyError
    out, shown = capfd.readouterr()
    assert out == ""
    assert "Decoding" in shown
    assert "1/2" in shown
