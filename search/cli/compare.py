"""`binwise compare`: studies side by side, paired on the test samples that they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.find_study import folder_of
from search.cli.options import RUNS, AsJson, Runs
from search.show.say import json_text, say


def compare(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY STUDY...", help="Tested studies: names or folders.")],
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show studies' test results side by side, paired on the samples that all of them were tested on."""
    from rich.table import Table
    from rich.text import Text

    from analysis.compare import compare as beside
    from search.show.console import console

    folders = [folder_of(given, runs) for given in studies]
    names = [folder.name for folder in folders]
    shown = [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]
    found = beside(dict(zip(shown, folders, strict=True)))
    if as_json:
        say(json_text(found.as_json()))
        return
    heading, *rows = found.table()
    table = Table(*heading, box=None, header_style="dim")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)
    for line in found.lines():
        say(line)
