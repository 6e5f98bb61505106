"""What goes out to a terminal obeys nobody but us."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.show.say import json_text, say, take_all_letters
from trainables.words import is_obeyed

HOSTILE = "\x1b[2J\r\x07\x9b31m\u202e[/red]<script>$\\frac$\udcff瓶"
ESCAPED = "\\u202e[/red]<script>$\\frac$\\udcff瓶"
SEARCH = Path(__file__).parents[3] / "search"


def test_lines_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """On both streams; line ends between lines stay, letters of all scripts too."""
    say(f"one\n{HOSTILE}")
    say(HOSTILE, err=True)
    out, err = capsys.readouterr()
    assert out == f"one\n\\x1b[2J\\r\\x07\\x9b31m{ESCAPED}\n"
    assert err == out.removeprefix("one\n")


@settings(max_examples=100)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_reads_back_as_it_was(value: object) -> None:
    """Exactly, and yet no command is in it, whatever the texts are."""
    for indent in (None, 1):
        text = json_text(value, indent)
        assert json.loads(text) == value
        assert not any(is_obeyed(char) for char in text if char != "\n")
    assert "瓶" in json_text([HOSTILE])


def test_letters_that_the_output_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old encoding costs no answer."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    take_all_letters()
    say("Größe 瓶")
    sys.stdout.flush()
    assert raw.getvalue() == b"Gr\xf6\xdfe \\u74f6\n"


def test_there_is_no_other_way_out() -> None:
    """No module of the search prints lines on its own, or makes a console of its own."""
    modules = [path for path in SEARCH.rglob("*.py") if path.name not in ("say.py", "console.py")]
    ways = re.compile(r"typer\.echo\(|typer\.secho\(|\bConsole\(")
    assert len(modules) > 50
    assert [path.name for path in modules if ways.search(path.read_text("utf-8"))] == []
