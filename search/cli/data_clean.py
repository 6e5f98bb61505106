"""`binwise data clean`: a list of what to leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.show.say import say


def data_clean(
    check: Annotated[
        Path, typer.Argument(metavar="CHECK", help="data_check.json, which `binwise data check` wrote, or its folder.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="CSV", help="The list. [leave_out.csv beside the check's result]")
    ] = None,
    near: Annotated[bool, typer.Option("--near", help="Near duplicates, too, not equal pictures alone.")] = False,
) -> None:
    """Write a list of what to leave out: unreadable pictures, and of duplicates those in train. No file is touched."""
    from trainables.data.making.leave_out import leave_out, write_leave_out
    from trainables.words import counted, one_line

    found = leave_out(check, near=near)
    if found.staying:
        say(
            f"{counted(found.staying, 'picture')} of val and test are there twice, or with two labels, and stay: they "
            "are what is measured. Look at them on the check's page."
        )
    if not found.entries:
        say("There is nothing to leave out.")
        return
    path = (out or (check if check.is_dir() else check.parent) / "leave_out.csv").absolute()
    write_leave_out(path, found)
    said = ", ".join(f"{number:,} of {split}" for split, number in found.counts().items())
    say(f"{one_line(str(path))}: {said}; such as")
    for entry in found.entries[:3]:
        say(f"  {one_line(entry.file)}: {one_line(entry.reason)}")
    say(f"A study leaves them out with\ndata:\n  leave_out: {one_line(str(path))}")
