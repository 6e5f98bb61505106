"""Pictures and bars on a terminal: what is in names and texts obeys nobody."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from search.show.console import console
from search.show.progress_bar import progress_bar
from trainables.words import is_obeyed

HOSTILE = "\x1b[2J\r\x07\x9b31m\u202e[/red]<script>$\\frac$\udcff瓶"
ESCAPED = "\\u202e[/red]<script>$\\frac$\\udcff瓶"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_console_s_own_commands_alone_reach_the_terminal(terminal: bool) -> None:
    """Texts, tables and plain words: escaped; colours and cursors of ours stay."""
    out = io.StringIO()
    screen = console(file=out, force_terminal=terminal, width=300, color_system="standard" if terminal else None)
    table = Table()
    table.add_column("name")
    table.add_row(Text(HOSTILE))
    screen.print(Text(HOSTILE, "bold"), table)
    screen.print(HOSTILE, markup=False, highlight=False)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert shown.count(ESCAPED) == 2
    assert shown.count("\\u202e[/red]") == 3
    assert not any(is_obeyed(char) for char in shown if char != "\n")
    assert ("\x1b[1m" in out.getvalue()) == terminal


def test_a_bar_s_label_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it says, off a terminal nothing is drawn and nothing is raised."""
    with progress_bar("[/red]") as tell:
        tell(1, 2)
    assert capsys.readouterr().err == ""
