"""`binwise cache`: what the caches take, and their removal."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.show.say import json_text, say
from search.cli.options import RUNS, AsJson, Runs
from trainables.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainables.data.caches import CacheEntry

cache_app = typer.Typer(help="Decoded pictures and other caches: list them, clear them.", no_args_is_help=True)


@cache_app.command("list")
def list_command(runs: Runs = RUNS, as_json: AsJson = False) -> None:
    """Show every cache: what it was made of, what it takes, when it was last used."""
    from trainables.data.caches import list_caches
    from trainables.words import human_bytes

    root = _root(runs)
    entries = list_caches(root)
    total = sum(entry.bytes for entry in entries)
    if as_json:
        found = {"root": str(root), "bytes": total, "caches": [entry.as_dict() for entry in entries]}
        say(json_text(found, indent=1))
        return
    if entries:
        _print_table(entries)
    say(f"{root}: {_counted(entries)}, {human_bytes(total)}")


@cache_app.command("clear")
def clear_command(
    runs: Runs = RUNS,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as pictures.")] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only those that were never completed.")] = False,
    unused_days: Annotated[
        float | None, typer.Option("--unused-for", metavar="DAYS", min=0, help="Only those not used for so long.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Remove caches; they are computed again when they are needed. Refused while a study runs."""
    from trainables.data.caches import clear_caches, links_below, list_caches
    from trainables.words import human_bytes

    root = _root(runs)
    entries = [
        entry
        for entry in list_caches(root)
        if (kind is None or entry.kind == kind)
        and not (unfinished and entry.complete)
        and (unused_days is None or time.time() - entry.used >= unused_days * 86_400)
    ]
    for link in links_below(root):
        say(f"Left alone, as it is a link: {link}", err=True)
    if not entries:
        say(f"{root}: nothing to clear")
        return
    _refuse_while_used(runs)
    if not yes:
        _ask(entries)
    freed = clear_caches(root, entries)
    say(f"{root}: {_counted(entries)} cleared, {human_bytes(freed)} freed")


def _root(runs: Path) -> Path:
    from search.study.folder import Layout

    return Layout(runs.absolute(), "").caches


def _refuse_while_used(runs: Path) -> None:
    from search.study.lock import running_studies

    running = running_studies(runs.absolute())
    if running:
        raise UserError(
            f"Caches can't be cleared while a study uses them, but {', '.join(running)} "
            f"{'is' if len(running) == 1 else 'are'} running: wait, or stop it with `binwise stop {running[0]}`."
        )


def _ask(entries: Sequence[CacheEntry]) -> None:
    """Show what would go, and ask; whoever says no has changed nothing."""
    if not _is_interactive():
        raise UserError("`cache clear` asks before it removes anything, but there is nobody to ask: give --yes.")
    _print_table(entries)
    typer.confirm(f"Remove {_counted(entries)}?", abort=True)


def _is_interactive() -> bool:
    return sys.stdin.isatty()


def _counted(entries: Sequence[CacheEntry]) -> str:
    return f"{len(entries)} cache{'' if len(entries) == 1 else 's'}"


def _print_table(entries: Sequence[CacheEntry]) -> None:
    from rich.table import Table
    from rich.text import Text

    from search.show.console import console
    from trainables.words import human_bytes, human_seconds

    table = Table(box=None, pad_edge=False)
    for name, side in (("kind", "left"), ("made of", "left"), ("number", "right"), ("px", "right"), ("fit", "left")):
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    for name in ("size", "last used"):
        table.add_column(name, justify="right")
    table.add_column("")
    for entry in entries:
        about = [str(entry.about.get(key, "")) for key in ("count", "size", "fit")]
        age = f"{human_seconds(max(0.0, time.time() - entry.used))} ago"
        state = "" if entry.complete else "unfinished"
        table.add_row(*map(Text, (entry.kind, entry.what, *about, human_bytes(entry.bytes), age, state)))
    console().print(table)
