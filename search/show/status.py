"""Where a study stands, computed from its record: for the command line, the live view and other programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.ledger.ledger import Lag
from search.ledger.state import RETRIED, Outcome, StudyState, Trial
from search.methods.stopping import Rung
from search.show.load import Load
from search.show.time_left import TimeLeft, seconds_until_now, time_left
from search.study.lock import Holder
from search.study.planned import planned_trials
from trainables.records import EpochResult, StopReason
from trainables.words import human_range

RUNNING = "running"
WAITING = "waiting"
KILLED = "killed"  # a session without an end, and nobody who runs it
NOT_BEGUN = "not begun"
RAISE_BUDGET = "binwise search STUDY.yaml --resume --set time_budget=1h"  # within which a first epoch ends
ANALYZED_NEXT = (Outcome.FINISHED, Outcome.TARGET, Outcome.TIME_BUDGET)


@dataclass(frozen=True)
class Best:
    """The best val accuracy so far."""

    val_accuracy: float
    trial: str
    epoch: int


@dataclass(frozen=True)
class RunningTrial:
    """A trial that runs. What it uses is of its last epoch, 0 before the first."""

    trial: str
    modality: str
    epoch: int  # epochs that ended
    max_epochs: int
    val_accuracy: float | None  # of the last epoch
    best_val_accuracy: float | None
    seconds: float  # all attempts together
    attempt: int
    cpus: float
    gpus: float
    gpu_utilization: float = 0.0  # share, 0 to 1
    gpu_memory_bytes: int = 0
    cpu_utilization: float = 0.0
    host_memory_bytes: int = 0


@dataclass(frozen=True)
class ModalityStatus:
    """One modality's trials: how many are planned, and what became of those that there are."""

    modality: str
    planned: int
    states: dict[str, int]  # trials by stop reason, `running` and `waiting`; those not begun are waiting
    best: Best | None
    rungs: tuple[Rung, ...] = ()  # the scheduler's

    @property
    def done(self) -> int:
        """Trials that came to an end of their own."""
        return sum(count for state, count in self.states.items() if state not in (RUNNING, WAITING))


@dataclass(frozen=True)
class LastError:
    """The error that happened last: its last line."""

    trial: str
    line: str
    at: float  # seconds since 1970


@dataclass(frozen=True)
class Status:
    """Where a study stands at one moment: its trials, its time, its last error, what to do next."""

    name: str
    state: str  # running, killed, not begun, or how the last session ended
    host: str | None  # of the process that runs it
    pid: int | None
    detail: str | None  # why the last session ended
    modalities: tuple[ModalityStatus, ...]
    running: tuple[RunningTrial, ...]
    elapsed: float  # seconds, all sessions together
    seconds_left: float | None
    sessions: int
    last_error: LastError | None
    lag: Lag | None  # of the tracking store
    next: tuple[str, ...]  # commands that make sense now
    seconds_left_range: tuple[float, float] | None = None  # by the spread of the trials that ended
    busy: str | None = None  # where others use the machine, so that it may take longer
    at: float = field(default=0.0)  # seconds since 1970

    @property
    def is_running(self) -> bool:
        """Whether a process runs the study."""
        return self.state == RUNNING

    @property
    def words(self) -> str:
        """`running on host, process 123`, `time budget`."""
        where = f" on {self.host}, process {self.pid}" if self.is_running and self.pid else ""
        return self.state.replace("_", " ") + where

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        raw = dataclasses.asdict(self)
        for one, modality in zip(raw["modalities"], self.modalities, strict=True):
            one["done"] = modality.done
        return raw


def status_of(
    state: StudyState,
    now: float,
    holder: Holder | None,
    lag: Lag | None = None,
    rungs: Mapping[str, Sequence[Rung]] | None = None,
    load: Load | None = None,
) -> Status:
    """The study's status at `now` (seconds since 1970).

    `holder`: who runs it; `rungs`: by modality; `load`: of the machine that runs it, where this is it.
    """
    word = RUNNING if holder else _ended_word(state)
    session = state.sessions[-1] if state.sessions else None
    planned = planned_trials(state.study)
    heads = {modality: state.heads_count(modality) for modality in planned}
    lived = state.lived(now)
    left, busy = _left(state, planned, lived, load) if holder else (TimeLeft(), None)
    return Status(
        name=state.name,
        state=word,
        host=holder.host if holder else None,
        pid=holder.pid if holder else None,
        detail=session.detail if session and not holder else None,
        modalities=tuple(
            _modality(state, modality, count + heads[modality], (rungs or {}).get(modality, ()))
            for modality, count in planned.items()
        ),
        running=tuple(_running(trial, lived) for trial in state.open_trials() if trial.running) if holder else (),
        elapsed=state.seconds_until_now(lived) if holder else state.seconds,
        seconds_left=left.seconds_left,
        sessions=len(state.sessions),
        last_error=_last_error(list(state.trials.values())),
        lag=lag,
        seconds_left_range=left.range,
        busy=busy,
        next=_next_commands(state.name, word, state.outcome, begun=state.epochs > 0),
        at=now,
    )


def _own_cores(state: StudyState) -> int:
    """The cores that running trials keep busy."""
    return int(sum(trial.attempts[-1].cpus for trial in state.open_trials() if trial.running))


def _left(state: StudyState, planned: Mapping[str, int], now: float, load: Load | None) -> tuple[TimeLeft, str | None]:
    """The time that a study that runs still takes, and where others use the machine."""
    busy = None if load is None else load.note(_own_cores(state))
    return time_left(state, planned, now, _budget(state.study)), busy


def _budget(study: Mapping[str, Any]) -> float | None:
    if not study.get("time_budget"):
        return None
    from search.study.config import budget_seconds

    try:
        return budget_seconds(str(study["time_budget"]))
    except ValueError:  # of another version
        return None


def _ended_word(state: StudyState) -> str:
    if not state.sessions:
        return NOT_BEGUN
    return state.outcome.value if state.outcome else KILLED


def _next_commands(name: str, word: str, outcome: Outcome | None, *, begun: bool) -> tuple[str, ...]:
    """`begun`: whether an epoch is on record."""
    if word == RUNNING:
        return (f"binwise status {name} --watch", f"binwise stop {name}")
    if outcome == Outcome.TIME_BUDGET and not begun:
        return (RAISE_BUDGET,)
    if outcome in ANALYZED_NEXT:
        return (f"binwise analyze {name}", "binwise search STUDY.yaml --more N")
    return (f"binwise resume {name}",)


def _modality(state: StudyState, modality: str, planned: int, rungs: Sequence[Rung]) -> ModalityStatus:
    counts = state.counts(modality)
    waiting = counts.pop(WAITING, 0) + counts.pop(StopReason.INTERRUPTED.value, 0)
    waiting += max(0, planned - state.heads_count(modality) - state.created_count(modality))
    order = [RUNNING, *(reason.value for reason in StopReason)]
    states = {word: counts[word] for word in order if counts[word]}
    return ModalityStatus(
        modality,
        planned,
        states | ({WAITING: waiting} if waiting else {}),
        best_of(state, modality),
        tuple(rungs),
    )


def best_of(state: StudyState, modality: str) -> Best | None:
    """A modality's highest val accuracy, the first of equals; None where no epoch ended."""
    trial = state.best_trial(modality)
    if trial is None or trial.best is None:
        return None
    return Best(trial.best.val_accuracy, trial.trial_id, trial.best.epoch)


def _running(trial: Trial, now: float) -> RunningTrial:
    last, attempt = (trial.epochs[-1] if trial.epochs else None), trial.attempts[-1]
    fresh = last if trial.times and trial.times[-1] >= attempt.began else None  # not what an earlier attempt used
    best = trial.best
    return RunningTrial(
        trial=trial.trial_id,
        modality=trial.modality,
        epoch=len(trial.epochs),
        max_epochs=int(trial.config.get("max_epochs", 0)),
        val_accuracy=last.val_accuracy if last else None,
        best_val_accuracy=best.val_accuracy if best else None,
        seconds=seconds_until_now(trial, now),
        attempt=attempt.number,
        cpus=attempt.cpus,
        gpus=attempt.gpus,
        gpu_utilization=float(_used(fresh, "gpu_utilization")),
        gpu_memory_bytes=int(_used(fresh, "gpu_memory_bytes")),
        cpu_utilization=float(_used(fresh, "cpu_utilization")),
        host_memory_bytes=int(_used(fresh, "host_memory_bytes")),
    )


def _used(epoch: EpochResult | None, name: str) -> float:
    return getattr(epoch, name, 0) or 0


def _last_error(trials: Sequence[Trial]) -> LastError | None:
    """Of attempts that were tried again too."""
    errors = [
        LastError(trial.trial_id, last_line(attempt.error or trial.error or trial.detail), attempt.ended)
        for trial in trials
        for attempt in trial.attempts
        if attempt.reason in RETRIED and attempt.ended is not None
    ]
    return max(reversed(errors), key=lambda error: error.at, default=None)


def last_line(text: str | None) -> str:
    """The last line of an error that says something."""
    return next((line.strip() for line in reversed((text or "").splitlines()) if line.strip()), "no error is known")


def left_words(status: Status) -> str:
    """`2-4 min left`, and whether others make it longer; nothing where it isn't known."""
    if status.seconds_left_range is None:
        return ""
    busy = f" ({status.busy}, so it may take longer)" if status.busy else ""
    return f"{human_range(*status.seconds_left_range)} left{busy}"
