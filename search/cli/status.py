"""`binwise status`, `binwise stop` and `binwise logs`: where a study stands, its end, and what happened in it."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.find_study import layout_of
from search.cli.options import RUNS, AsJson, Runs, StudyRef
from search.show.say import say
from trainables.errors import UserError
from trainables.words import one_line

if TYPE_CHECKING:
    from search.ledger.events import Event
    from search.ledger.state import StudyState
    from search.show.status import Status
    from search.study.folder import Layout
    from search.study.lock import Holder

POLL_SECONDS = 0.2
WATCH_SECONDS = 1.0
PIPE_WIDTH = 120  # cells, where no terminal has a width

status_app = typer.Typer()


@status_app.command("status")
def status_command(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Without it: every study, a line each.")
    ] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, until the study ends.")] = False,
) -> None:
    """Where a study stands: its trials, the best so far, the last error, the time that is left."""
    if study is None:
        if watch:
            raise UserError("`status --watch` stays with one study, but none was named: binwise status STUDY --watch.")
        _all_studies(runs, as_json=as_json)
    elif watch:
        _watch(layout_of(study, runs), as_json=as_json)
    else:
        _show(_status(layout_of(study, runs)), as_json=as_json)


@status_app.command("stop")
def stop_command(
    study: StudyRef,
    runs: Runs = RUNS,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="For the trials to save their states.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Stop a study that runs, from any machine that sees its folder. Its trials save their states first."""
    from search.study.lock import holder_of

    layout = layout_of(study, runs)
    holder = holder_of(layout)
    if holder is None:
        if not as_json:
            say(f"Nothing runs {layout.name}.", err=True)
        _show(_status(layout), as_json=as_json)
        return
    if not as_json:
        say(f"Asking process {holder.pid} on {holder.host} to stop {layout.name}", err=True)
    gone = ask_to_stop(layout, holder, wait)
    _show(_status(layout), as_json=as_json)
    if not gone:
        say(
            f"It was asked to stop, and hasn't ended after {wait:g} s: a trial may be in a long step. Wait longer with "
            f"`binwise stop {layout.name} --wait 300`, or end process {holder.pid} on {holder.host}: what is on record "
            "is whole.",
            err=True,
        )
        raise typer.Exit(1)


@status_app.command("logs")
def logs_command(
    study: StudyRef,
    trial: Annotated[str | None, typer.Argument(metavar="[TRIAL]", help="Such as image_003.")] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
    whole: Annotated[
        bool, typer.Option("--all", help="All that the trial's worker printed, not its end alone.")
    ] = False,
) -> None:
    """A trial's whole story: hyperparameters, attempts, epochs, errors with their tracebacks, its end.

    Without TRIAL: the study's sessions, and how each trial ended.
    """
    from search.ledger.ledger import read_ledger

    layout = layout_of(study, runs)
    events, state = read_ledger(layout.ledger_file)
    if trial is None:
        _study_logs(layout, events, state, as_json=as_json)
    else:
        _trial_logs(layout, events, state, trial, as_json=as_json, whole=whole)


def ask_to_stop(layout: Layout, holder: Holder, seconds: float) -> bool:
    """Ask whoever runs the study to stop, and wait for it; whether it has let go of the study in time."""
    from search.study.lock import holder_of

    deadline = time.monotonic() + seconds
    while True:
        # Again and again: a study that begins removes what an earlier request has left.
        layout.stop_file.touch()
        now = holder_of(layout)
        if now is None or (now.host, now.pid) != (holder.host, holder.pid):
            layout.stop_file.unlink(missing_ok=True)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)


def _status(layout: Layout) -> Status:
    from search.exports.cursor import lag_of
    from search.ledger.ledger import read_ledger
    from search.show.load import load_now
    from search.show.status import status_of
    from search.study.lock import holder_of

    holder = holder_of(layout)
    events, state = read_ledger(layout.ledger_file)
    uri = (state.study.get("tracking") or {}).get("uri") or layout.mlflow_database
    load = load_now() if holder is not None and holder.host == socket.gethostname() else None
    return status_of(state, time.time(), holder, lag_of(layout, events, state, uri), load=load)


def _show(status: Status, *, as_json: bool) -> None:
    from rich.text import Text

    from search.show.console import console
    from search.show.terminal_picture import status_picture
    from search.show.views import json_line

    if as_json:
        say(json_line(status.as_dict()))
        return
    screen = console() if sys.stdout.isatty() else console(width=PIPE_WIDTH)
    screen.print(status_picture(status, screen.width, height=1000))
    screen.print(Text("\n".join(["", *(f"Next: {command}" for command in status.next)])), soft_wrap=True)


def _watch(layout: Layout, *, as_json: bool) -> None:
    """The picture until the study ends; off a terminal a line whenever something has happened."""
    from rich.live import Live

    from search.show.console import console
    from search.show.terminal_picture import status_picture
    from search.show.views import json_line, status_line

    screen = console()
    status, seen = _status(layout), -1
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        while status.is_running:
            size = layout.ledger_file.stat().st_size
            if screen.is_terminal and not as_json:
                live.update(
                    status_picture(status, screen.width, screen.height - 1, hint="Ctrl-C leaves the study running."),
                    refresh=True,
                )
            elif size != seen:
                say(json_line(status.as_dict()) if as_json else status_line(status))
            seen = size
            time.sleep(WATCH_SECONDS)
            status = _status(layout)
    _show(status, as_json=as_json)


def _all_studies(runs: Path, *, as_json: bool) -> None:
    """A line a study; one whose record can't be read says so, and hides none of the others."""
    from search.show.views import json_line, study_line
    from search.study.folder import Layout
    from trainables.names import STUDY_FILE

    folders = sorted(path.parent for path in (runs / "studies").glob(f"[!.]*/{STUDY_FILE}"))
    if not folders and not as_json:
        say(f"No study was run under {runs / 'studies'}.")
    for folder in folders:
        try:
            status = _status(Layout(runs.absolute(), folder.name))
        except UserError as error:
            broken = {"name": folder.name, "state": "unreadable", "detail": str(error)}
            say(json_line(broken) if as_json else f"{one_line(folder.name)}  can't be read: {error}")
            continue
        say(json_line(status.as_dict()) if as_json else study_line(status))


def _study_logs(layout: Layout, events: list[Event], state: StudyState, *, as_json: bool) -> None:
    from search.show.logs import study_story
    from search.show.views import json_line
    from search.study.lock import holder_of

    if as_json:
        told = [
            event.to_json()
            for event in events
            if event.kind.value.startswith(("study", "session", "data", "trial_ended"))
        ]
        say(json_line({"study": state.name, "events": told}))
        return
    for line in study_story(state, events, running=holder_of(layout) is not None):
        say(line)


def _trial_logs(
    layout: Layout, events: list[Event], state: StudyState, given: str, *, as_json: bool, whole: bool
) -> None:
    from search.show.logs import LOG_FILE, find_trial, trial_story, worker_log
    from search.show.views import json_line

    trial = find_trial(state, given)
    log = worker_log(layout.folder / trial.modality / trial.trial_id / LOG_FILE, whole=whole)
    if as_json:
        told = [event.to_json() for event in events if event.trial_id == trial.trial_id]
        say(json_line({"study": state.name, "trial": trial.trial_id, "events": told, "log": log}))
        return
    for line in trial_story(trial, events):
        say(line)
    if log:
        say("\n".join(["", f"What its worker printed ({'all of it' if whole else 'the end'}):", *log]))
