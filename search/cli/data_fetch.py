"""`binwise data fetch`: a published data set, by its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.show.say import say
from trainables.errors import UserError

if TYPE_CHECKING:
    from trainables.data.making.fetch import Fetched
    from trainables.data.making.web import Web


def data_fetch(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="What to fetch: garbage.")] = None,
    destination: Annotated[
        Path | None, typer.Argument(metavar="DEST", help="A new folder for Train, Val and Test.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Only list: what there is; with NAME, the files of its record.")
    ] = False,
    from_file: Annotated[
        Path | None, typer.Option(metavar="ZIP", help="The archive, where it is here already: no network is needed.")
    ] = None,
    server: Annotated[
        str, typer.Option(metavar="URL", envvar="BINWISE_ZENODO", help="Another server of Zenodo's records.")
    ] = "https://zenodo.org",
) -> None:
    """Fetch a published data set from Zenodo; what was interrupted is gone on with."""
    from trainables.data.making.web import Web

    web = Web(server.rstrip("/"))
    if show:
        _show(name, web)
    elif name is None or destination is None:
        raise UserError(
            "What to fetch and a new folder for it must be named: binwise data fetch garbage data/garbage. "
            "`binwise data fetch --list` shows what there is."
        )
    else:
        _fetch(name, destination, from_file, web)


def _fetch(name: str, destination: Path, archive: Path | None, web: Web) -> None:
    from search.show.progress_bar import progress_bar
    from trainables.data.making.fetch import fetch

    try:
        with progress_bar("Fetching", unit="bytes") as bar:
            found = fetch(name, destination, web=web, archive=archive, progress=bar)
    except KeyboardInterrupt:
        say("Stopped: the same command goes on from what is there.", err=True)
        raise
    done = "fetched and verified" if archive is None else "unpacked; its record must name the same checksum"
    _say(name, destination, found, "was there already" if found.existed else f"{done} ({found.checksum})")


def _say(name: str, destination: Path, found: Fetched, note: str) -> None:
    from search.cli.split_table import say_splits
    from trainables.data.making.fetch import published
    from trainables.data.making.study_lines import data_lines

    say_splits(destination, found.counts, note)
    say(f"  https://zenodo.org/records/{published(name).record} says whose it is and how it may be used.")
    if found.counts:
        say(f"A study reads it with\n{data_lines(destination)}")
    else:
        say("It has no folders Train, Val and Test: look into it, and name its splits in the study.")


def _show(name: str | None, web: Web) -> None:
    from trainables.data.making.fetch import PUBLISHED, remote_files
    from trainables.words import human_bytes, one_line

    if name is None:
        for known, one in PUBLISHED.items():
            say(f"{known}: {one.about} (Zenodo record {one.record}, {one.file})")
        return
    for file in remote_files(name, web):
        say(one_line(f"{file.name}  {human_bytes(file.size)}  {file.checksum or 'no checksum'}"))
