"""`binwise data import`: one folder becomes three splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.split_table import say_splits
from search.show.say import say

if TYPE_CHECKING:
    from trainables.data.making.import_folder import ImportReport


def data_import(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder with one folder a class.")],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder for Train, Val and Test.")],
    val: Annotated[float, typer.Option(help="Share of the pictures.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share of the pictures.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    classes: Annotated[str | None, typer.Option(help="a,b,c: only these folders.")] = None,
    pixel_limit: Annotated[int, typer.Option(min=1, help="Larger pictures are left out.")] = 50_000_000,
    group_names: Annotated[
        bool, typer.Option(help="Keep names that differ only in digits in one split; not for names of no meaning.")
    ] = True,
) -> None:
    """Split a folder of pictures into train, val and test; alike names stay together."""
    from search.show.progress_bar import progress_bar
    from trainables.data.making.import_folder import import_folder

    wanted = [name.strip() for name in classes.split(",")] if classes else None
    with progress_bar("Checking") as progress:
        report = import_folder(
            source,
            destination,
            val=val,
            test=test,
            seed=seed,
            classes=wanted,
            pixel_limit=pixel_limit,
            progress=progress,
            group_names=group_names,
        )
    say_splits(report.destination, report.counts, f"{report.groups} groups of alike names")
    _say_left_out(report)


def _say_left_out(report: ImportReport) -> None:
    """What became of every file; how many were left out and why, and where each is listed."""
    from collections import Counter

    from trainables.data.accounting import account_lines
    from trainables.data.making.import_folder import LEFT_OUT_FILE

    for line in account_lines("files", report.account):
        say(f"  {line}")
    if report.left_out:
        kinds = Counter("duplicate" if "same picture" in one.reason else "unusable" for one in report.left_out)
        said = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        say(f"  left out: {len(report.left_out)} ({said}), each with its reason in {LEFT_OUT_FILE}; such as")
        for one in [one for one in report.left_out if "same picture" not in one.reason][:3]:
            say(f"    {one.file}: {one.reason}")
