"""`binwise init`: a first study of someone's own data, that fits a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import BUDGET, RUNS, Budget, Runs
from search.show.say import say


def init(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A folder with train, val and test, one of class folders, or a CSV.")
    ],
    budget: Budget = BUDGET,
    output: Annotated[Path | None, typer.Option(metavar="STUDY.yaml", help="The file. [the data's name]")] = None,
    splits: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where splits are made, if there are none. [data/NAME]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Look at data and machine, and write a study that fits the time: `binwise run` does the rest."""
    path = begun(data, budget, output, splits, force=force, runs=runs)
    say(f"Study: {path}\nNext: binwise plan {path}, or at once: binwise run {path}")


def begun(
    data: Path, budget: str, output: Path | None, splits: Path | None, *, force: bool = False, runs: Path = RUNS
) -> Path:
    """The file of a first study, written now."""
    from search.begin.begin import Wish, begin_study

    return begin_study(Wish(data, budget, output, splits, force), runs.absolute() / "cache", say)
