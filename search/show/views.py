"""What is seen while a search runs: a calm picture in a terminal, plain lines elsewhere, JSON lines for programs.

Each is a listener of the ledger, and shows both modalities at once.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from search.ledger.events import AttemptBegan, AttemptEnded, EpochEnded, Event, TrialEnded
from search.ledger.ledger import Lag, Ledger
from search.ledger.state import StudyState, Trial
from search.methods.stopping import Rung
from search.show.load import Load
from search.show.status import WAITING, ModalityStatus, Status, last_line, left_words, status_of
from search.show.terminal_picture import error_words, lag_line, status_picture
from search.study.config import StudyConfig
from search.study.lock import Holder
from trainables.records import StopReason
from trainables.words import counted, human_seconds, printable

LINE_SECONDS = 15.0  # between two plain lines about where the study stands
SILENCE, LATER_SILENCE = 8.0, 60.0  # seconds after which a plain line says where the study stands, whatever happens
FIRST_SECONDS = 900.0  # from its begin on, for which the former holds
PICTURES_PER_SECOND = 2.0
STOP_HINT = "Ctrl-C stops: trials save their states first, and nothing is lost."

Rungs = Callable[[str], Sequence[Rung]]
LagOf = Callable[[], Lag | None]
LoadOf = Callable[[], Load | None]


def _no_rungs(modality: str) -> Sequence[Rung]:
    return ()


def _no_load() -> Load | None:
    return None


def _no_lag() -> Lag | None:
    return None


class View(Protocol):
    """A listener that is closed at the end; what may be set later is given here.

    `rungs`: the scheduler's, of one modality; `load`: of this machine.
    """

    rungs: Rungs
    load: LoadOf

    def heard(self, event: Event, state: StudyState) -> None:
        """An event is on record."""

    def close(self) -> None:
        """The last words."""


def make_view(
    console: Console, study: StudyConfig, ledger: Ledger, *, json_out: TextIO | None = None, lag: LagOf = _no_lag
) -> View:
    """The view for this console, or for `json_out`. `lag`: how far the tracking store is behind."""
    if json_out is not None:
        return JsonView(json_out, ledger.state, lag, ledger.now)
    if console.is_terminal:
        return LiveView(console, ledger.state, lag, ledger.now)
    view = PlainView(console, ledger.state, lag, ledger.now)
    view.watch()
    return view


class _Base:
    """What all views know."""

    def __init__(self, state: StudyState, lag: LagOf, clock: Callable[[], float] = time.time) -> None:
        self._state, self._lag, self._clock = state, lag, clock
        self.rungs: Rungs = _no_rungs
        self.load: LoadOf = _no_load

    def status(self, *, over: bool = False) -> Status:
        """Where the study stands now. `over`: this process doesn't run it any more."""
        sessions, modalities = self._state.sessions, self._state.study.get("modalities", ())
        here = sessions[-1] if sessions and sessions[-1].outcome is None and not over else None
        holder = Holder(here.host, here.pid, here.began) if here else None
        rungs = {modality: self.rungs(modality) for modality in modalities}
        return status_of(self._state, self._clock(), holder, self._lag(), rungs, self.load())


class _Lines(_Base):
    """Lines that stay: one for each trial that ended or is tried again, and the last ones, a line a modality."""

    def __init__(
        self, console: Console, state: StudyState, lag: LagOf = _no_lag, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(state, lag, clock)
        self._console = console

    def heard(self, event: Event, state: StudyState) -> None:
        """Say what a person would want to know."""
        self._say(*event_lines(event, state))

    def close(self) -> None:
        """Where the study stands at the end."""
        self._say(*last_lines(self.status(over=True)))

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._console.print(Text(printable(line)), soft_wrap=True)


class PlainView(_Lines):
    """And now and then one about the study; `watch` lets none be silent for long."""

    _stood = _said = -math.inf  # when it was told where the study stands, when anything was
    _began: float | None = None
    _ended: threading.Event | None = None  # of the timer

    def heard(self, event: Event, state: StudyState) -> None:
        """At most one a while about where the study stands."""
        if self._began is None:
            self._began = self._said = self._clock()
        super().heard(event, state)
        if isinstance(event.body, EpochEnded) and self._clock() - self._stood >= LINE_SECONDS:
            self._tell()

    def watch(self) -> None:
        """From now on a timer looks whether it has been silent for too long."""
        self._ended = threading.Event()
        threading.Thread(target=self._look_on, daemon=True).start()

    def look(self) -> None:
        """Where the study stands, where nothing was said for a while: a short one at its begin, a longer one later."""
        if self._began is None:
            return
        long = self._clock() - self._began > FIRST_SECONDS
        if self._clock() - self._said >= (LATER_SILENCE if long else SILENCE):
            self._tell()

    def close(self) -> None:
        """The timer ends."""
        if self._ended is not None:
            self._ended.set()
        super().close()

    def _look_on(self) -> None:
        while self._ended is not None and not self._ended.wait(1.0):
            with suppress(RuntimeError, IndexError):  # a dict grew while it was read: a second later again
                self.look()

    def _tell(self) -> None:
        self._stood = self._clock()
        self._say(status_line(self.status()))

    def _say(self, *lines: str) -> None:
        if lines:
            self._said = self._clock()
        super()._say(*lines)


class LiveView(_Lines):
    """With a picture below them, drawn by a timer: it costs the study's own thread nothing."""

    def __init__(
        self, console: Console, state: StudyState, lag: LagOf = _no_lag, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(console, state, lag, clock)
        self._picture: RenderableType = Text("")
        self._live = Live(
            get_renderable=self.picture,
            console=console,
            refresh_per_second=PICTURES_PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )
        self._live.start()

    def picture(self) -> RenderableType:
        """The picture of now; the one before where the study's thread changes the state at this very moment."""
        with suppress(RuntimeError, IndexError):  # a dict grew while it was read
            self._picture = status_picture(self.status(), self._console.width, self._console.height - 1, hint=STOP_HINT)
        return self._picture

    def close(self) -> None:
        """The picture goes, the last lines stay."""
        self._live.stop()
        super().close()


class JsonView(_Base):
    """JSON lines: each event, with the status after it. What isn't finite is null."""

    def __init__(
        self, out: TextIO, state: StudyState, lag: LagOf = _no_lag, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(state, lag, clock)
        self._out = out

    def heard(self, event: Event, state: StudyState) -> None:
        """Print the event and the status after it as one line of JSON."""
        print(json_line({"event": event.to_json(), **self.status().as_dict()}), file=self._out, flush=True)

    def close(self) -> None:
        """The last event was the last line."""


def json_line(value: Mapping[str, Any]) -> str:
    """A value as one line of strict JSON, in ASCII."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def event_lines(event: Event, state: StudyState) -> list[str]:
    """The lines that an event is worth: a trial ended, goes on, or is tried again; none for the others."""
    trial = state.trials.get(event.trial_id or "")
    if trial is None:
        return []
    after = f"after {counted(len(trial.epochs), 'epoch')}"
    before = trial.attempts[-2].reason if len(trial.attempts) > 1 else None
    match event.body:
        case TrialEnded():
            return trial_end_lines(trial)
        case AttemptBegan() if before == StopReason.INTERRUPTED:
            return [f"  {trial.trial_id}  goes on {after}"]
        case AttemptEnded(reason, error, retry=True) if reason != StopReason.INTERRUPTED:
            return [f"  {trial.trial_id}  {reason} {after}, is tried again: {last_line(error)}"]
        case _:
            return []


def trial_end_lines(trial: Trial) -> list[str]:
    """What became of a trial, its error's last line, its notes."""
    best, reason = trial.best, trial.stop_reason.value if trial.stop_reason else ""
    value = f"val accuracy {best.val_accuracy:.3f} at epoch {best.epoch}" if best else "no epoch"
    after = f"after {counted(len(trial.epochs), 'epoch')}"
    lines = [f"  {trial.trial_id}  {reason} {after}, {value}, {human_seconds(trial.seconds)}"]
    error = trial.error or trial.detail
    if error and error.strip():
        lines.append(f"    {last_line(error)}")
    return lines + [f"    {line}" for note in trial.notes for line in note.splitlines()]


def status_line(status: Status) -> str:
    """The study in one line."""
    parts = [modality_words(modality) for modality in status.modalities]
    return " | ".join([*parts, time_words(status)])


def last_lines(status: Status) -> list[str]:
    """The study's end in a few lines."""
    lines = [modality_words(modality) for modality in status.modalities]
    end = f"{status.name}  {status.words} after {human_seconds(status.elapsed)}"
    lines.append(f"{end}: {status.detail}" if status.detail else end)
    if status.last_error is not None:
        lines.append(f"Last error: {error_words(status.last_error)}")
    return [*lines, *([lag_line(status.lag)] if lag_line(status.lag) else [])]


def modality_words(modality: ModalityStatus) -> str:
    """`image  4/6 done  2 running  1 pruned  best val accuracy 0.871 (image_001)`."""
    parts = [f"{modality.modality:5}  {modality.done}/{modality.planned} done"]
    shown = {word: count for word, count in modality.states.items() if word not in (StopReason.COMPLETED, WAITING)}
    parts += [f"{count} {word}" for word, count in shown.items()]
    if modality.best is not None:
        parts.append(f"best val accuracy {modality.best.val_accuracy:.3f} ({modality.best.trial})")
    return "  ".join(parts)


def time_words(status: Status) -> str:
    """`12 min, 2.1-2.6 h left`."""
    left = left_words(status)
    return f"{human_seconds(status.elapsed)}, {left}" if left else human_seconds(status.elapsed)


def study_line(status: Status) -> str:
    """One of many studies in one line."""
    return f"{status.name}  {status.words}  " + " | ".join(modality_words(modality) for modality in status.modalities)
