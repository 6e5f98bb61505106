"""A trial's whole story and a study's sessions, told from the record in order."""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

from search.ledger.body import Body
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    DataBound,
    EndedTest,
    EpochEnded,
    Event,
    Noted,
    OpenedTest,
    SessionBegan,
    SessionEnded,
    StudyChanged,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.state import StudyState, Trial
from search.show.views import trial_end_lines
from trainables.errors import UserError
from trainables.records import StopReason
from trainables.words import human_seconds, local_time, printable

INDENT = " " * 21  # below a line's time
LOG_FILE = "log.txt"  # in a trial's folder: what its worker printed
LOG_LINES = 200
NEAR = 3  # names that are listed where a given one isn't known
COLUMNS = (  # of an epoch's line: heading, field, width, format
    ("epoch", "epoch", 5, "d"),
    ("train loss", "train_loss", 11, ".4f"),
    ("train acc", "train_accuracy", 10, ".3f"),
    ("val loss", "val_loss", 9, ".4f"),
    ("val acc", "val_accuracy", 8, ".3f"),
    ("macro F1", "val_macro_f1", 9, ".3f"),
    ("rate", "learning_rate", 10, ".2e"),
    ("seconds", "epoch_seconds", 8, ".1f"),
)


def find_trial(state: StudyState, given: str) -> Trial:
    """The trial of that name. UserError that lists the near names where there is none."""
    if given in state.trials:
        return state.trials[given]
    if not state.trials:
        raise UserError(f"TRIAL must be a trial of {state.name!r}, but got {given!r}: no trial has begun yet.")
    first, *_, last = [*state.trials, *state.trials]
    raise UserError(
        f"TRIAL must be a trial of {state.name!r}, but got {given!r}; did you mean "
        f"{' or '.join(_near(given, state))}? There are {len(state.trials)}, from {first} to {last}."
    )


def _near(given: str, state: StudyState) -> list[str]:
    """The trial of that number, however it is written; else the names that are spelled most alike."""
    numbered = re.fullmatch(r"(\w*?)[-_ ]?(\d+)", given)
    if numbered:
        modality, number = numbered[1].casefold(), int(numbered[2])
        meant = [one.trial_id for one in state.trials.values() if one.number == number and one.modality == modality]
        if meant:
            return meant
    return difflib.get_close_matches(given, list(state.trials), n=NEAR, cutoff=0.0)


def trial_story(trial: Trial, events: Iterable[Event]) -> list[str]:
    """Everything on record about a trial, a line for each thing that happened, with its time."""
    lines, tries, table = [], 0, False
    for event in events:
        if event.trial_id != trial.trial_id:
            continue
        tries += isinstance(event.body, AttemptBegan)
        if isinstance(event.body, EpochEnded) and not table:
            lines.append(INDENT + "".join(f"{heading:>{width}}" for heading, _, width, _ in COLUMNS))
        table = isinstance(event.body, EpochEnded)
        first, *rest = _told(event.body, trial, tries)
        lines += [f"{local_time(event.at)}  {first}", *(INDENT + line if line else "" for line in rest)]
    return [printable(line) for line in lines]


@singledispatch
def _told(body: Body, trial: Trial, tries: int) -> list[str]:
    """An event of a trial in lines, the first one after its time. `tries`: the attempts that have begun by then."""
    raise NotImplementedError(f"Each event of a trial must be told, but {body.kind} isn't.")


@_told.register
def _(body: TrialCreated, trial: Trial, tries: int) -> list[str]:
    width = max((len(key) for key in trial.config), default=0)
    fixed = {key: value for key, value in trial.config.items() if key not in trial.params}
    where = "" if trial.inside else ", a point outside of the space"
    return [
        f"created as trial {trial.number} of {trial.modality}{where}",
        *(f"  {key:{width}}  {shown(value)}" for key, value in trial.params.items()),
        *(["  the same in all trials, or a default:"] if fixed and trial.params else []),
        *(f"  {key:{width}}  {shown(value)}" for key, value in fixed.items()),
    ]


def shown(value: Any) -> str:
    """A hyperparameter's value."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


@_told.register
def _(body: AttemptBegan, trial: Trial, tries: int) -> list[str]:
    resources = [f"{body.cpus:g} CPU{'' if body.cpus == 1 else 's'}"]
    resources += [f"{body.gpus:g} GPU"] if body.gpus else []
    worker = trial.attempts[tries - 1].worker
    return [f"attempt {tries} began: {', '.join(resources)}{f', worker {worker}' if worker else ''}"]


@_told.register
def _(body: EpochEnded, trial: Trial, tries: int) -> list[str]:
    row = "".join(f"{getattr(body.result, name):>{width}{form}}" for _, name, width, form in COLUMNS)
    return [row + ("  stopped by the scheduler" if body.stop else "")]


@_told.register
def _(body: Noted, trial: Trial, tries: int) -> list[str]:
    first, *rest = body.text.splitlines() or [""]
    return [f"note: {first}", *rest]


@_told.register
def _(body: AttemptEnded, trial: Trial, tries: int) -> list[str]:
    goes_on = "goes on later" if body.reason == StopReason.INTERRUPTED else "is tried again"
    error = (body.error or "").strip("\n").splitlines()
    return [f"attempt {tries} ended: {body.reason}{f', {goes_on}' if body.retry else ''}", *error]


@_told.register
def _(body: TrialEnded, trial: Trial, tries: int) -> list[str]:
    last = trial.attempts[-1].error if trial.attempts else None
    error = body.error if body.error != last else None  # the attempt's end has told it
    width = max(map(len, body.digests), default=0)
    return [
        f"ended: {body.stop_reason}",
        *(body.detail or "").splitlines(),
        *(error or "").strip("\n").splitlines(),
        *([f"best checkpoint: {body.checkpoint}"] if body.checkpoint else []),
        *(f"  {name:{width}}  {digest}" for name, digest in body.digests.items()),
    ]


def study_story(state: StudyState, events: Iterable[Event], *, running: bool) -> list[str]:
    """The study's sessions, changes, and its trials' ends. `running`: whether the last session goes on."""
    lines, session = [], 0
    for event in events:
        session += isinstance(event.body, SessionBegan)
        told = list(_study_lines(event, state, session))
        if told:
            lines.append(f"{local_time(event.at)}  {told[0]}")
            lines += [INDENT + line for line in told[1:]]
        if isinstance(event.body, SessionBegan):
            lines += _unended(state, session - 1, running=running)
    return [printable(line) for line in lines]


def _study_lines(event: Event, state: StudyState, session: int) -> Iterator[str]:
    match event.body:
        case StudyCreated(versions=versions):
            yield f"study {state.name} created, {state.uid}"
            yield from (f"{name} {version}" for name, version in versions.items())
        case StudyChanged():
            yield "the study's config was changed"
        case DataBound(splits=splits):
            yield f"{' and '.join(splits)} known by manifests from here on"
        case SessionBegan(host, pid):
            yield f"session {session} began on {host}, process {pid}"
        case SessionEnded() as ended:
            one = state.sessions[session - 1]
            slept = f" (the machine slept for {human_seconds(one.asleep)} besides)" if one.asleep else ""
            yield f"session {session} ended after {human_seconds(one.last_seen - one.began)}{slept}: {_outcome(ended)}"
        case OpenedTest(selection=selection):
            yield f"the test was opened for selection {selection[:12]}"
        case EndedTest():
            yield "the test has its result"
        case TrialEnded(reason):
            yield from _end_lines(state.trial(event.trial_id), reason)


def _outcome(ended: SessionEnded) -> str:
    return ended.outcome.replace("_", " ") + (f", {ended.detail}" if ended.detail else "")


def _end_lines(trial: Trial, reason: StopReason) -> list[str]:
    """A trial that was interrupted and has gone on since is told by that end alone."""
    if reason == StopReason.INTERRUPTED and trial.stop_reason != StopReason.INTERRUPTED:
        return [f"{trial.trial_id}  interrupted"]
    return [line.removeprefix("  ") for line in trial_end_lines(trial)]


def _unended(state: StudyState, session: int, *, running: bool) -> list[str]:
    """What there is to say about the session (counted from 0) that has just begun and has no end on record."""
    one = state.sessions[session]
    if one.outcome is not None:
        return []
    if running and session == len(state.sessions) - 1:
        return [INDENT + "it runs now"]
    return [f"{INDENT}it was killed: its last event is of {local_time(one.last_seen + one.ahead)}"]


def worker_log(path: Path, *, whole: bool = False) -> list[str]:
    """The last lines of what a trial's worker printed, or all of them; empty where there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return [printable(line.rstrip("\n")) for line in deque(lines, None if whole else LOG_LINES)]
    except FileNotFoundError:
        return []
