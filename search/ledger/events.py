"""What can happen in a study, each as one event of its ledger: the schema of the record, and what each event changes.

A class a kind, a `Body`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.ledger import checked
from search.ledger.body import Body, Kind
from search.ledger.state import RETRIED, AttemptRecord, OpeningRecord, Outcome, SessionRecord, StudyState, Trial
from trainables.errors import UserError
from trainables.names import TEST
from trainables.records import EpochResult, StopReason

FORMAT = 1  # of the ledger; a reader refuses a newer one
MANIFEST = "manifest"  # a split's key: the SHA-256 of its manifest


@dataclass(frozen=True, kw_only=True)
class StudyCreated(Body):
    """The study was created: its config, its data's digests, the versions it was made with."""

    kind = Kind.STUDY_CREATED
    format: int = FORMAT
    study: Mapping[str, Any]  # its config
    data: Mapping[str, Any]  # by split: samples, digest, classes, and the digest of its manifest
    versions: Mapping[str, str]  # of packages, by name
    commit: str | None = None  # of the code
    uid: str
    warm: Mapping[str, Any] | None = None  # another study's trials: from, uid, trials by modality
    test: Mapping[str, Any] | None = None  # where a test split is named: samples, the digest of its manifest

    def unwritten(self) -> tuple[str, ...]:
        """No test where none is named."""
        return () if self.test is not None else ("test",)

    def check(self) -> None:
        """The config has the shape of one."""
        checked.check_config(self.study)
        checked.check_texts(versions=self.versions)

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """UserError where the ledger's format is newer than this version's."""
        if self.format > FORMAT:
            raise UserError(
                f"The study's ledger must be of format {FORMAT} or older, but it is of format {self.format}: it was "
                "written by a newer Binwise; use that one."
            )
        state.uid, state.study, state.data = self.uid, dict(self.study), dict(self.data)
        state.versions, state.commit, state.created = dict(self.versions), self.commit, at
        state.warm = dict(self.warm or {})
        state.bound = {split: facts for split, facts in self.data.items() if MANIFEST in facts}
        state.bound |= {TEST: self.test} if self.test is not None else {}


@dataclass(frozen=True)
class StudyChanged(Body):
    """The config is another one from here on."""

    kind = Kind.STUDY_CHANGED
    of_session = False
    study: Mapping[str, Any]

    def check(self) -> None:
        """The config has the shape of one."""
        checked.check_config(self.study)

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The study goes on with this config."""
        state.study = dict(self.study)


@dataclass(frozen=True)
class DataBound(Body):
    """What the study goes on with is known by manifests from here on: of a study that began without them."""

    kind = Kind.DATA_BOUND
    of_session = False
    splits: Mapping[str, Mapping[str, Any]]  # by split: samples, the digest of its manifest

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """These splits must stay as they are."""
        state.bound |= self.splits


@dataclass(frozen=True)
class SessionBegan(Body):
    """A process runs the study from here on."""

    kind = Kind.SESSION_BEGAN
    host: str
    pid: int
    versions: Mapping[str, str] = field(default_factory=dict)  # of packages, by name
    shares: Mapping[str, Any] = field(default_factory=dict)  # by modality: what each trial is given
    nodes: Sequence[Any] = ()  # the machines that there are

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """A new session, of which no trial has ended yet."""
        state.begin_session(SessionRecord(at, self.host, self.pid, at, dict(self.shares), list(self.nodes)))


@dataclass(frozen=True)
class SessionEnded(Body):
    """The process has come to its end; one that was killed has no such event."""

    kind = Kind.SESSION_ENDED
    outcome: Outcome
    detail: str | None = None

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The last session has its outcome."""
        state.sessions[-1].outcome, state.sessions[-1].detail = self.outcome, self.detail


@dataclass(frozen=True)
class TrialCreated(Body):
    """A trial was proposed, or is a fixed point: its hyperparameters are on record before it runs."""

    kind = Kind.TRIAL_CREATED
    number: int  # counted from 0, of its modality
    modality: str
    params: Mapping[str, Any]  # what tells it from other trials: the searched hyperparameters, a point's others
    config: Mapping[str, Any]  # every hyperparameter
    inside: bool  # whether the space could have proposed it

    def check(self) -> None:
        """Its folder lies in the study's, and what is shown of it is a number."""
        checked.check_name(modality=self.modality)
        checked.check_trial(self.config)

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The state has one trial more, which waits for its first attempt."""
        assert trial_id is not None  # noqa: S101
        params, config = _tuples(self.params), _tuples(self.config)
        state.add(Trial(trial_id, self.number, self.modality, params, config, self.inside, at))


@dataclass(frozen=True)
class AttemptBegan(Body):
    """A worker runs the trial from here on."""

    kind = Kind.ATTEMPT_BEGAN
    cpus: float
    gpus: float

    def check(self) -> None:
        """What it was given can be counted."""
        checked.check_finite(cpus=self.cpus, gpus=self.gpus)

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The trial runs; what it ended with before is no end any more."""
        trial = state.trial(trial_id)
        trial.attempts.append(AttemptRecord(len(trial.attempts) + 1, at, self.cpus, self.gpus, last_seen=at))
        trial.stop_reason = trial.ended = trial.detail = trial.error = None


@dataclass(frozen=True)
class EpochEnded(Body):
    """An epoch's result, and whether the trial stops with it."""

    kind = Kind.EPOCH
    result: EpochResult
    stop: bool = False  # by the scheduler
    ends: StopReason | None = None  # why the trial ends by itself
    worker: str | None = None  # host and process

    def check(self) -> None:
        """The numbers are numbers."""
        checked.check_fields(self.result)

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The trial has one epoch more: each once, in order."""
        trial = state.trial(trial_id)
        assert self.result.epoch == len(trial.epochs) + 1, "each epoch once, in order"  # noqa: S101
        trial.epochs.append(self.result)
        trial.times.append(at)
        trial.ends = StopReason.PRUNED if self.stop else self.ends
        state.saw_accuracy(trial, self.result.val_accuracy)
        trial.seen(at, self.worker)


@dataclass(frozen=True)
class Noted(Body):
    """Something happened to the trial that a person should know."""

    kind = Kind.NOTE
    text: str

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The trial has one note more."""
        trial = state.trial(trial_id)
        trial.notes.append(self.text)
        trial.seen(at)


@dataclass(frozen=True)
class AttemptEnded(Body):
    """The worker runs the trial no more."""

    kind = Kind.ATTEMPT_ENDED
    reason: StopReason
    error: str | None = None  # of one that failed, was lost or ran out of memory
    retry: bool = False  # whether the trial goes on in another attempt
    unseen: bool = False  # its driver was killed: nobody saw the end

    def unwritten(self) -> tuple[str, ...]:
        """No error of an attempt that ended well, and `unseen` only where it is true."""
        has_error = self.reason in RETRIED or self.error is not None
        return (*(() if has_error else ("error",)), *(() if self.unseen else ("unseen",)))

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The last attempt has its end: where nobody saw it, at its last report, as far as can be said."""
        attempt = state.trial(trial_id).attempts[-1]
        attempt.ended = attempt.last_seen if self.unseen else at
        attempt.reason, attempt.error = self.reason, self.error


@dataclass(frozen=True)
class TrialEnded(Body):
    """The trial is over or, where it was interrupted, waits for the next session."""

    kind = Kind.TRIAL_ENDED
    stop_reason: StopReason
    detail: str | None = None
    error: str | None = None  # of the last attempt
    checkpoint: str | None = None  # the best one's folder, relative to the study's
    digests: Mapping[str, str] = field(default_factory=dict)  # of the checkpoint's files

    def check(self) -> None:
        """Its checkpoint lies in the study's folder."""
        checked.check_inside(checkpoint=self.checkpoint)
        checked.check_texts(digests=self.digests)

    def unwritten(self) -> tuple[str, ...]:
        """No error of an interrupted trial that had none."""
        return ("error",) if self.stop_reason == StopReason.INTERRUPTED and self.error is None else ()

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The trial has its stop reason and its best checkpoint; one that is over is open no more."""
        trial = state.trial(trial_id)
        trial.stop_reason, trial.ended = self.stop_reason, at
        trial.detail, trial.error = self.detail, self.error
        trial.checkpoint, trial.digests = self.checkpoint, dict(self.digests)
        if trial.over:
            state.close(trial)


@dataclass(frozen=True)
class OpenedTest(Body):
    """The test split was opened, before any model saw it."""

    kind = Kind.TEST_OPENED
    of_session = False
    selection: str  # the digest of what it was opened for
    test: str  # the digest of the test data's manifest
    opened: str  # ISO 8601, UTC, as the analysis' own records have it
    change: str = ""  # of the data, which was accepted

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """The test has one opening more."""
        state.openings.append(OpeningRecord(self.selection, self.test, self.opened, self.change))


@dataclass(frozen=True)
class EndedTest(Body):
    """The test has its result: there won't be another one."""

    kind = Kind.TEST_ENDED
    of_session = False
    selection: str  # the digest of what was tested
    test: str  # the digest of the test data's manifest
    ended: str  # ISO 8601, UTC
    sha256: str  # of the result's file

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """Whatever becomes of the file, the test is over."""
        state.openings.append(OpeningRecord(self.selection, self.test, self.ended, result=self.sha256))


BODIES: Mapping[str, type[Body]] = {
    one.kind: one
    for one in (
        *(StudyCreated, StudyChanged, DataBound, SessionBegan, SessionEnded, TrialCreated),
        *(AttemptBegan, EpochEnded, Noted, AttemptEnded, TrialEnded, OpenedTest, EndedTest),
    )
}


@dataclass(frozen=True)
class Event:
    """One line of the ledger."""

    seq: int  # counted from 0 without gaps
    at: float  # seconds since 1970
    body: Body
    trial_id: str | None = None
    used: float | None = None  # seconds of its session until then, where they aren't those since its first event's `at`
    asleep: float = 0.0  # seconds of the session in which the machine slept, where `used` is told

    @property
    def kind(self) -> Kind:
        """What happened."""
        return self.body.kind

    def apply(self, state: StudyState) -> None:
        """Change the state by this event. ValueError where it isn't the next one."""
        state.advance(self.seq, self.at)
        lived = state.lived_at(self.at, self.used) if self.body.of_session else self.at
        self.body.apply(state, lived, self.trial_id)
        if state.sessions and self.body.of_session:
            state.sessions[-1].seen(lived, self.at, self.asleep)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        head: dict[str, Any] = {"seq": self.seq, "at": self.at, "kind": self.kind.value}
        if self.trial_id is not None:
            head["trial_id"] = self.trial_id
        if self.used is not None:
            head |= {"used": self.used, "asleep": self.asleep}
        return {**head, "body": self.body.to_json()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Event:
        """The event of such values; KeyError, TypeError or ValueError where they aren't one."""
        body = BODIES[Kind(raw["kind"])].from_json(raw.get("body", {}))
        trial_id = raw.get("trial_id")
        checked.check_time(raw["at"])
        if trial_id is not None:
            checked.check_name(trial_id=trial_id)
        used, asleep = raw.get("used"), raw.get("asleep", 0.0)
        checked.check_seconds(used=used, asleep=asleep)
        return cls(raw["seq"], raw["at"], body, trial_id, used, asleep)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters as trials take them: JSON made lists of tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
