"""The ledger's events, folded into what is known about the study."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.ledger.events import FORMAT, Event, Kind, Outcome
from trainables.errors import UserError
from trainables.names import VAL_ACCURACY
from trainables.records import EpochResult, StopReason, TrialRecord

RETRIED = (StopReason.FAILED, StopReason.LOST, StopReason.OOM)  # ends of attempts that count as tries


@dataclass
class Attempt:
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
    attempts: list[Attempt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ends: StopReason | None = None  # what its last epoch ended it with, where that is known
    stop_reason: StopReason | None = None
    ended: float | None = None
    detail: str | None = None
    error: str | None = None
    checkpoint: str | None = None
    digests: dict[str, str] = field(default_factory=dict)

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
        """Of all its attempts."""
        return sum(attempt.seconds for attempt in self.attempts)

    @property
    def best(self) -> EpochResult | None:
        """The epoch with the highest val accuracy, the first of equals."""
        return max(self.epochs, key=lambda e: (e.val_accuracy, -e.epoch), default=None)

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
class Session:
    """One life of the study's driver."""

    began: float
    host: str
    pid: int
    last_seen: float
    shares: dict[str, Any] = field(default_factory=dict)  # by modality: what each trial was given
    nodes: list[Any] = field(default_factory=list)  # the machines that there were
    outcome: Outcome | None = None
    detail: str | None = None


class StudyState:
    """Everything that the ledger says. `apply` is the only way to change it."""

    def __init__(self) -> None:
        self.uid = ""
        self.study: dict[str, Any] = {}  # its config
        self.data: dict[str, Any] = {}
        self.versions: dict[str, str] = {}
        self.commit: str | None = None
        self.warm: dict[str, Any] = {}
        self.trials: dict[str, Trial] = {}
        self.sessions: list[Session] = []
        self._open: dict[str, None] = {}  # ids of trials that aren't over; a dict keeps their order
        self._created: Counter[str] = Counter()
        self._best: dict[str, float] = {}
        self._ends: list[StopReason] = []  # of this session's trials
        self.next_seq = 0
        self.last_at = 0.0
        self.created = 0.0

    @property
    def name(self) -> str:
        """The study's."""
        return str(self.study.get("name", ""))

    @property
    def outcome(self) -> Outcome | None:
        """Of the last session; None while it runs, or where it was killed."""
        return self.sessions[-1].outcome if self.sessions else None

    @property
    def seconds(self) -> float:
        """How long the study ran, all sessions together."""
        return sum(session.last_seen - session.began for session in self.sessions)

    def of(self, modality: str) -> list[Trial]:
        """One modality's trials in the order of their numbers."""
        return [trial for trial in self.trials.values() if trial.modality == modality]

    def created_count(self, modality: str) -> int:
        """How many trials of a modality there are; the next one's number."""
        return self._created[modality]

    def open_trials(self, modality: str | None = None) -> list[Trial]:
        """Trials that aren't over, in the order of their creation."""
        trials = (self.trials[trial_id] for trial_id in self._open)
        return [trial for trial in trials if modality is None or trial.modality == modality]

    def best_accuracy(self, modality: str) -> float:
        """The highest val accuracy of a modality so far; minus infinity before its first epoch."""
        return self._best.get(modality, -math.inf)

    def failed_in_a_row(self, reasons: Container[StopReason]) -> int:
        """How many trials ended for one of these reasons, one after the other, up to now and in this session."""
        count = 0
        for reason in reversed(self._ends):
            if reason not in reasons:
                break
            count += 1
        return count

    def seconds_until_now(self, now: float | None = None) -> float:
        """`seconds`, with the time since the last event of the session that runs."""
        session = self.sessions[-1] if self.sessions else None
        if session is None or session.outcome is not None:
            return self.seconds
        return self.seconds + max(0.0, (time.time() if now is None else now) - session.last_seen)

    def counts(self, modality: str | None = None) -> Counter[str]:
        """Trials by state: a stop reason, `running` or `waiting`."""
        trials = self.trials.values() if modality is None else self.of(modality)
        return Counter(state_of(trial) for trial in trials)

    def record(self, trial: Trial) -> TrialRecord:
        """A trial's line of `trials.jsonl`."""
        search = self.study.get(trial.modality, {}).get("search", {})
        return trial.record(self.name, search.get("objectives", (VAL_ACCURACY,)))

    def apply(self, event: Event) -> None:
        """Take in the next event. ValueError where it isn't the next one."""
        if event.seq != self.next_seq:
            raise ValueError(f"Event {self.next_seq} must come next, but got {event.seq}.")
        self.next_seq += 1
        self.last_at = event.at
        if self.sessions and event.kind != Kind.SESSION_BEGAN:
            self.sessions[-1].last_seen = event.at
        trial = self.trials.get(event.trial_id or "")
        _APPLY[event.kind](self, trial, event, event.body)


def state_of(trial: Trial) -> str:
    """In one word: its stop reason, `running` or `waiting`."""
    if trial.running:
        return "running"
    return trial.stop_reason.value if trial.stop_reason else "waiting"


def fold(events: Iterable[Event]) -> StudyState:
    """The state after these events."""
    state = StudyState()
    for event in events:
        state.apply(event)
    return state


def _study_created(state: StudyState, _: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    if body["format"] > FORMAT:
        raise UserError(
            f"The study's ledger must be of format {FORMAT} or older, but it is of format {body['format']}: it was "
            "written by a newer Binwise; use that one."
        )
    state.uid, state.study, state.data = body["uid"], dict(body["study"]), dict(body["data"])
    state.versions, state.commit, state.created = dict(body["versions"]), body.get("commit"), event.at
    state.warm = dict(body.get("warm") or {})


def _study_changed(state: StudyState, _: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    state.study = dict(body["study"])


def _session_began(state: StudyState, _: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    state.sessions.append(
        Session(
            event.at, body["host"], body["pid"], event.at, dict(body.get("shares", {})), list(body.get("nodes", []))
        )
    )
    state._ends.clear()


def _session_ended(state: StudyState, _: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    state.sessions[-1].outcome, state.sessions[-1].detail = Outcome(body["outcome"]), body.get("detail")


def _trial_created(state: StudyState, _: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    assert event.trial_id is not None and event.trial_id not in state.trials  # noqa: S101, PT018
    plain = {key: _tuples(body[key]) for key in ("params", "config")}
    state.trials[event.trial_id] = Trial(
        event.trial_id, body["number"], body["modality"], plain["params"], plain["config"], body["inside"], event.at
    )
    state._open[event.trial_id] = None
    state._created[body["modality"]] += 1


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters as trials take them: JSON made lists of tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _attempt_began(state: StudyState, trial: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    assert trial is not None  # noqa: S101
    trial.attempts.append(Attempt(len(trial.attempts) + 1, event.at, body["cpus"], body["gpus"], last_seen=event.at))
    trial.stop_reason = trial.ended = trial.detail = trial.error = None


def _epoch(state: StudyState, trial: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    assert trial is not None  # noqa: S101
    result = EpochResult(**body["result"])
    assert result.epoch == len(trial.epochs) + 1, "each epoch once, in order"  # noqa: S101
    trial.epochs.append(result)
    trial.times.append(event.at)
    trial.ends = StopReason.PRUNED if body["stop"] else StopReason(body["ends"]) if body.get("ends") else None
    state._best[trial.modality] = max(state.best_accuracy(trial.modality), result.val_accuracy)
    _seen(trial, event, body)


def _seen(trial: Trial, event: Event, body: Mapping[str, Any]) -> None:
    if trial.attempts:
        trial.attempts[-1].last_seen = event.at
        trial.attempts[-1].worker = body.get("worker") or trial.attempts[-1].worker


def _note(state: StudyState, trial: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    if trial is not None:
        trial.notes.append(body["text"])
        _seen(trial, event, body)


def _attempt_ended(state: StudyState, trial: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    assert trial is not None  # noqa: S101
    attempt = trial.attempts[-1]
    # Where its driver was killed, nobody knows when it ended: at its last report, as far as can be said.
    attempt.ended = attempt.last_seen if body.get("unseen") else event.at
    attempt.reason, attempt.error = StopReason(body["reason"]), body.get("error")


def _trial_ended(state: StudyState, trial: Trial | None, event: Event, body: Mapping[str, Any]) -> None:
    assert trial is not None  # noqa: S101
    trial.stop_reason, trial.ended = StopReason(body["stop_reason"]), event.at
    trial.detail, trial.error = body.get("detail"), body.get("error")
    trial.checkpoint, trial.digests = body.get("checkpoint"), dict(body.get("digests") or {})
    if trial.over:
        state._open.pop(trial.trial_id, None)
        state._ends.append(trial.stop_reason)


_APPLY = {
    Kind.STUDY_CREATED: _study_created,
    Kind.STUDY_CHANGED: _study_changed,
    Kind.SESSION_BEGAN: _session_began,
    Kind.SESSION_ENDED: _session_ended,
    Kind.TRIAL_CREATED: _trial_created,
    Kind.ATTEMPT_BEGAN: _attempt_began,
    Kind.EPOCH: _epoch,
    Kind.NOTE: _note,
    Kind.ATTEMPT_ENDED: _attempt_ended,
    Kind.TRIAL_ENDED: _trial_ended,
}
