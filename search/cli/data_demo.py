"""`binwise data demo`: the embedded data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.split_table import say_splits


def data_demo(
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder.")],
    scale: Annotated[int, typer.Option(min=60, max=100_000, help="Pictures in all three splits.")] = 1000,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Pixels, both sides.")] = 128,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Number pictures as they are uploaded, session by session; test anew.")
    ] = False,
) -> None:
    """Draw the embedded data set: household things, photographed in four bins, with telling file names."""
    from search.show.progress_bar import progress_bar
    from trainables.data.demo.demo import make_demo

    with progress_bar("Drawing") as progress:
        report = make_demo(destination, pictures=scale, size=size, seed=seed, sessions=sessions, progress=progress)
    say_splits(
        report.folder, report.counts, "was there already" if report.existed else f"drawn in {report.seconds:.0f} s"
    )
