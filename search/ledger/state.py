"""What is known about a study: its trials, their attempts, its sessions. Only the ledger's events change it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trainables.names import HEAD, VAL_ACCURACY
from trainables.records import EpochResult, StopReason, TrialRecord, best_epoch

RETRIED = (StopReason.FAILED, StopReason.LOST, StopReason.OOM)  # ends of attempts that count as tries


class Outcome(StrEnum):
    """Why a session ended."""

    FINISHED = "finished"  # every trial ended
    TARGET = "target"  # the val accuracy that was asked for was reached
    TIME_BUDGET = "time_budget"
    INTERRUPTED = "interrupted"  # Ctrl-C, SIGTERM, `binwise stop`
    FAILING = "failing"  # too many trials in a row failed
    DISK_FULL = "disk_full"
    FAILED = "failed"  # an error of the driver


@dataclass
class AttemptRecord:
    """One run of a trial in a worker."""

    number: int  # counted from 1
    began: float
    cpus: float = 0.0
    gpus: float = 0.0
    ended: float | None = None
    reason: StopReason | None = None
    error: str | None = None
    worker: str | None = None  # host and process
    last_seen: float = 0.0  # when it last reported

    @property
    def seconds(self) -> float:
        """How long it ran, as far as is known."""
        return max(0.0, (self.ended if self.ended is not None else max(self.last_seen, self.began)) - self.began)


@dataclass
class Trial:
    """One trial, so far."""

    trial_id: str
    number: int
    modality: str
    params: dict[str, Any]
    config: dict[str, Any]
    inside: bool  # whether the space could have proposed it
    created: float
    epochs: list[EpochResult] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # when each epoch was recorded
    attempts: list[AttemptRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ends: StopReason | None = None  # what its last epoch ended it with, where that is known
    stop_reason: StopReason | None = None
    ended: float | None = None
    detail: str | None = None
    error: str | None = None
    checkpoint: str | None = None
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def is_head(self) -> bool:
        """Whether it fits a head on frozen features."""
        return HEAD in self.config

    @property
    def over(self) -> bool:
        """Whether it came to an end of its own. An interrupted trial goes on when the study is resumed."""
        return self.stop_reason not in (None, StopReason.INTERRUPTED)

    @property
    def running(self) -> bool:
        """Whether an attempt of it is open."""
        return bool(self.attempts) and self.attempts[-1].ended is None

    @property
    def failed_attempts(self) -> int:
        """How often it was tried in vain."""
        return sum(attempt.reason in RETRIED for attempt in self.attempts)

    @property
    def seconds(self) -> float:
        """Seconds of all its attempts together."""
        return sum(attempt.seconds for attempt in self.attempts)

    @property
    def best(self) -> EpochResult | None:
        """Its best epoch; None where no epoch ended."""
        return best_epoch(self.epochs)

    def seen(self, at: float, worker: str | None = None) -> None:
        """Its attempt, if there is one, reported at `at`, from this worker where it said so."""
        if self.attempts:
            self.attempts[-1].last_seen = at
            self.attempts[-1].worker = worker or self.attempts[-1].worker

    def record(self, study: str, objectives: Sequence[str] = (VAL_ACCURACY,)) -> TrialRecord:
        """The line of `trials.jsonl`; an open trial counts as interrupted."""
        return TrialRecord(
            study=study,
            modality=self.modality,
            trial_id=self.trial_id,
            number=self.number,
            params=self.params,
            config=self.config,
            stop_reason=self.stop_reason or StopReason.INTERRUPTED,
            epochs=tuple(self.epochs),
            seconds=self.seconds,
            checkpoint=self.checkpoint,
            error=self.error or self.detail,
            notes=tuple(self.notes),
            objectives=tuple(objectives),
        )


@dataclass
class SessionRecord:
    """One life of the study's driver."""

    began: float
    host: str
    pid: int
    last_seen: float
    shares: dict[str, Any] = field(default_factory=dict)  # by modality: what each trial was given
    nodes: list[Any] = field(default_factory=list)  # the machines that there were
    outcome: Outcome | None = None
    detail: str | None = None
    ahead: float = 0.0  # seconds by which the calendar is ahead of the session's clock: it was set, the machine slept
    asleep: float = 0.0  # seconds that the machine slept

    def seen(self, lived: float, at: float, asleep: float) -> None:
        """It was still there, by its own clock and by the calendar's."""
        self.last_seen, self.ahead, self.asleep = lived, at - lived, max(self.asleep, asleep)


@dataclass(frozen=True)
class OpeningRecord:
    """An opening of the test, or the end of one: then it has the result's digest."""

    selection: str  # the digest of what was tested
    test: str  # the digest of the test data's manifest
    at: str  # ISO 8601, UTC
    change: str = ""  # of the data, which was accepted
    result: str = ""  # SHA-256 of the result's file; empty: the test was opened


class StudyState:
    """Everything that the ledger says. Its events alone change it, each by its `apply`."""

    def __init__(self) -> None:
        self.uid = ""
        self.study: dict[str, Any] = {}  # its config
        self.data: dict[str, Any] = {}  # train and val, by split
        self.bound: dict[str, Mapping[str, Any]] = {}  # by split that must stay as it is: samples, manifest's digest
        self.versions: dict[str, str] = {}
        self.commit: str | None = None
        self.warm: dict[str, Any] = {}
        self.trials: dict[str, Trial] = {}
        self.sessions: list[SessionRecord] = []
        self.openings: list[OpeningRecord] = []
        self._open: dict[str, None] = {}  # ids of trials that aren't over; a dict keeps their order
        self._created: Counter[str] = Counter()
        self._heads: dict[str, list[Trial]] = {}  # by modality; they are few
        self._tuned_ended: Counter[str] = Counter()  # trials beside the heads that are over
        self._best: dict[str, float] = {}
        self._best_tuned: dict[str, float] = {}  # beside the heads
        self._ends: list[StopReason] = []  # of this session's trials
        self.clock: Callable[[], float | None] = lambda: None  # now by the session's own clock, of who runs it
        self.next_seq = 0
        self.last_at = 0.0
        self.created = 0.0

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.study.get("name", ""))

    @property
    def outcome(self) -> Outcome | None:
        """Of the last session; None while it runs, or where it was killed."""
        return self.sessions[-1].outcome if self.sessions else None

    @property
    def seconds(self) -> float:
        """How long the study ran, all sessions together."""
        return sum(session.last_seen - session.began for session in self.sessions)

    @property
    def epochs(self) -> int:
        """How many epochs are on record, of all trials."""
        return sum(len(trial.epochs) for trial in self.trials.values())

    def of(self, modality: str) -> list[Trial]:
        """One modality's trials in the order of their numbers."""
        return [trial for trial in self.trials.values() if trial.modality == modality]

    def created_count(self, modality: str) -> int:
        """How many trials of a modality there are beside its head trials; the next one's number."""
        return self._created[modality]

    def heads_count(self, modality: str) -> int:
        """How many head trials of a modality there are; the next one's number."""
        return len(self._heads.get(modality, ()))

    def best_head(self, modality: str) -> Trial | None:
        """The head trial with the highest val accuracy, the first of equals; None where none has one."""
        ended = [(best.val_accuracy, head) for head in self._heads.get(modality, ()) if (best := head.best) is not None]
        return max(ended, key=lambda pair: pair[0])[1] if ended else None

    def tuned(self, modality: str) -> tuple[int, float]:
        """Of a modality's trials beside its heads: how many are over, and the highest val accuracy so far."""
        return self._tuned_ended[modality], self._best_tuned.get(modality, -math.inf)

    def open_trials(self, modality: str | None = None) -> list[Trial]:
        """Trials that aren't over, in the order of their creation."""
        trials = (self.trials[trial_id] for trial_id in self._open)
        return [trial for trial in trials if modality is None or trial.modality == modality]

    def best_accuracy(self, modality: str) -> float:
        """The highest val accuracy of a modality so far; minus infinity before its first epoch."""
        return self._best.get(modality, -math.inf)

    def best_trial(self, modality: str | None = None) -> Trial | None:
        """The trial, of one modality or of all, with the highest val accuracy, the first of equals."""
        trials = self.trials.values() if modality is None else self.of(modality)
        ranked = [(best.val_accuracy, trial) for trial in trials if (best := trial.best) is not None]
        return max(ranked, key=lambda pair: pair[0])[1] if ranked else None

    def failed_in_a_row(self, reasons: Container[StopReason]) -> int:
        """How many trials ended for one of these reasons, one after the other, up to now and in this session."""
        count = 0
        for reason in reversed(self._ends):
            if reason not in reasons:
                break
            count += 1
        return count

    def seconds_until_now(self, now: float | None = None) -> float:
        """`seconds`, with the time since the last event of the session that runs, until `now` by its own clock."""
        session = self.sessions[-1] if self.sessions else None
        if session is None or session.outcome is not None:
            return self.seconds
        return self.seconds + max(0.0, (self.lived() if now is None else now) - session.last_seen)

    def lived(self, now: float | None = None) -> float:
        """`now` (a calendar's; without it: now) by the last session's own clock, by which all times of the state are.

        A clock that was set, or a machine that slept, since the last event is known to who runs the session alone.
        """
        own = self.clock() if now is None else None
        if own is not None:
            return own
        ahead = self.sessions[-1].ahead if self.sessions else 0.0
        return (time.time() if now is None else now) - ahead

    def lived_at(self, at: float, used: float | None) -> float:
        """An event's time by its session's own clock; `used`: the session's seconds, where `at` doesn't tell them."""
        if not self.sessions:
            return at
        session = self.sessions[-1]
        return max(session.last_seen, at if used is None else session.began + used)

    def counts(self, modality: str | None = None) -> Counter[str]:
        """Trials by state: a stop reason, `running` or `waiting`."""
        trials = self.trials.values() if modality is None else self.of(modality)
        return Counter(state_of(trial) for trial in trials)

    def record(self, trial: Trial) -> TrialRecord:
        """A trial's line of `trials.jsonl`."""
        settings = self.study.get(trial.modality, {}).get("search", {})
        return trial.record(self.name, settings.get("objectives", (VAL_ACCURACY,)))

    # What events do to it

    def advance(self, seq: int, at: float) -> None:
        """The next event happens. ValueError where `seq` isn't the next one's."""
        if seq != self.next_seq:
            raise ValueError(f"Event {self.next_seq} must come next, but got {seq}.")
        self.next_seq += 1
        self.last_at = at

    def trial(self, trial_id: str | None) -> Trial:
        """The trial that an event is about: there is one."""
        assert trial_id in self.trials, f"no trial {trial_id}"  # noqa: S101
        return self.trials[trial_id]

    def begin_session(self, session: SessionRecord) -> None:
        """A session more; how trials of earlier ones ended counts no more for `failed_in_a_row`."""
        self.sessions.append(session)
        self._ends.clear()

    def add(self, trial: Trial) -> None:
        """A trial more, each once."""
        assert trial.trial_id not in self.trials, f"{trial.trial_id} once"  # noqa: S101
        self.trials[trial.trial_id] = trial
        self._open[trial.trial_id] = None
        if trial.is_head:
            self._heads.setdefault(trial.modality, []).append(trial)
        else:
            self._created[trial.modality] += 1

    def saw_accuracy(self, trial: Trial, accuracy: float) -> None:
        """An epoch of the trial ended with this val accuracy."""
        for best in (self._best, *(() if trial.is_head else (self._best_tuned,))):
            best[trial.modality] = max(best.get(trial.modality, -math.inf), accuracy)

    def close(self, trial: Trial) -> None:
        """Count a trial among those that are over."""
        assert trial.stop_reason is not None  # noqa: S101
        self._open.pop(trial.trial_id, None)
        self._ends.append(trial.stop_reason)
        if not trial.is_head:
            self._tuned_ended[trial.modality] += 1


def state_of(trial: Trial) -> str:
    """In one word: its stop reason, `running` or `waiting`."""
    if trial.running:
        return "running"
    return trial.stop_reason.value if trial.stop_reason else "waiting"
