"""The ledger's events -> what MLflow is to hold: one image a run, computed from the record alone. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from search.exports.trial_page import trial_description
from search.ledger.events import Event, Kind, Outcome
from search.ledger.state import StudyState, Trial
from trainables.modalities import BUILT_IN, in_order, modality_of
from trainables.names import EPOCH, STOP_REASON
from trainables.records import METRIC_KEYS, EpochResult, StopReason

STUDY_KEY = ""  # the study's own run among the keys of runs; the others are trial ids
KIND, UID, TRIAL = "binwise.kind", "binwise.study_uid", "binwise.trial"
RUNNING, FINISHED, KILLED, FAILED = "RUNNING", "FINISHED", "KILLED", "FAILED"
STATUS_OF = {
    StopReason.COMPLETED: FINISHED,
    StopReason.PRUNED: KILLED,
    StopReason.INTERRUPTED: KILLED,
    StopReason.DIVERGED: FAILED,
    StopReason.OOM: FAILED,
    StopReason.FAILED: FAILED,
    StopReason.LOST: FAILED,
}
STATUS_OF_STUDY = {
    Outcome.FINISHED: FINISHED,
    Outcome.TARGET: FINISHED,
    Outcome.TIME_BUDGET: KILLED,
    Outcome.INTERRUPTED: KILLED,
    Outcome.FAILING: FAILED,
    Outcome.DISK_FULL: FAILED,
    Outcome.FAILED: FAILED,
}
BEST = {"best_val_macro_f1": "val_macro_f1", "best_val_loss": "val_loss"}  # of the best epoch so far
FIRST = ("best_val_accuracy", "val_accuracy", "val_loss", "train_accuracy", "train_loss")  # MLflow keeps the order
SOURCE = {"mlflow.source.name": "binwise", "mlflow.source.type": "LOCAL"}
DIGEST_LENGTH = 16  # characters of a data set's digest; MLflow shows it beside the name
_NOT_TRACKED_AT_ZERO = {
    field.name for field in dataclasses.fields(EpochResult) if field.default is not dataclasses.MISSING
}  # 0: not known, or not the case
TEXT_LENGTH = 5000  # characters of a tag or parameter; MLflow's limits are 8000 and 6000
CHANGING_TAGS = frozenset(
    {
        STOP_REASON,
        "error",
        "notes",
        "worker",
        "checkpoint",
        "binwise.checkpoint_digest",
        "outcome",
        "mlflow.note.content",
    }
)  # tags that may have to go again


@dataclass(frozen=True)
class Point:
    """One value of a metric. Sent twice it is the same: its time is the ledger's."""

    key: str
    value: float
    timestamp: int  # milliseconds since 1970
    step: int


@dataclass(frozen=True)
class DataInput:
    """A split as MLflow's data set; texts within MLflow's limits."""

    name: str
    digest: str  # its beginning
    context: str
    source: str
    schema: str
    profile: str


@dataclass(frozen=True)
class RunImage:
    """What one run of MLflow is to hold."""

    key: str
    name: str
    started: int  # milliseconds since 1970
    status: str
    ended: int | None  # milliseconds; None while it runs
    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: tuple[Point, ...]
    data: tuple[DataInput, ...]


class Projection:
    """The state of a study's ledger as runs of MLflow."""

    def __init__(self, events: Iterable[Event] = (), *, alive: bool = True) -> None:
        """`alive`: whether the last session still runs, where the ledger has no end of it."""
        self.state = StudyState()
        self.alive = alive
        self._summaries: list[list[Point]] = []
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> list[str]:
        """Take in the next event; the keys of the runs that it changes."""
        self.state.apply(event)
        if event.kind != Kind.SESSION_ENDED:
            return [event.trial_id or STUDY_KEY]
        self._summaries.append(_summary(self.state, event))
        return [STUDY_KEY, *self.open_trials()]

    def open_trials(self) -> list[str]:
        """The trials that have no end on record."""
        return [trial.trial_id for trial in self.state.open_trials() if trial.stop_reason is None]

    @property
    def keys(self) -> list[str]:
        """Of all runs, the study's first."""
        return [STUDY_KEY, *self.state.trials]

    def steps(self, key: str) -> int:
        """How many steps a run's metrics have."""
        return len(self._summaries) if key == STUDY_KEY else len(self.state.trials[key].epochs)

    def image(self, key: str, after: int = 0) -> RunImage:
        """A run, with the metrics of the steps after the first `after`."""
        return self._study(after) if key == STUDY_KEY else self._trial(self.state.trials[key], after)

    @property
    def over(self) -> bool:
        """Whether no session runs."""
        return self.state.outcome is not None or not self.alive

    def _study(self, after: int) -> RunImage:
        state = self.state
        status = STATUS_OF_STUDY[state.outcome] if state.outcome is not None else KILLED if self.over else RUNNING
        return RunImage(
            key=STUDY_KEY,
            name=state.name,
            started=_milliseconds(state.created),
            status=status,
            ended=None if status == RUNNING else _milliseconds(state.last_at),
            params=_study_params(state),
            tags=_cleaned(_study_tags(state)),
            points=tuple(point for summary in self._summaries[after:] for point in summary),
            data=data_inputs(state),
        )

    def _trial(self, trial: Trial, after: int) -> RunImage:
        reason = trial.stop_reason or (StopReason.INTERRUPTED if self.over else None)
        ended = trial.ended if trial.ended is not None else self.state.last_at
        return RunImage(
            key=trial.trial_id,
            name=trial.trial_id,
            started=_milliseconds(trial.created),
            status=RUNNING if reason is None else STATUS_OF[reason],
            ended=None if reason is None else _milliseconds(ended),
            params={key: _clean(str(value))[:TEXT_LENGTH] for key, value in trial.config.items()},
            tags=_cleaned(_trial_tags(self.state, trial, reason)),
            points=tuple(epoch_points(trial, after)),
            data=data_inputs(self.state),
        )


def epoch_points(trial: Trial, after: int = 0) -> Iterator[Point]:
    """The metrics of a trial's epochs after the first `after`; values that aren't finite or aren't known left out."""
    for place in range(after, len(trial.epochs)):
        result, at = trial.epochs[place], _milliseconds(trial.times[place])
        best = max(trial.epochs[: place + 1], key=lambda e: (e.val_accuracy, -e.epoch))
        values = {key: getattr(result, key) for key in (*FIRST, *METRIC_KEYS) if key != EPOCH}
        values |= {key: getattr(best, field) for key, field in BEST.items()}
        for key, value in values.items():
            if math.isfinite(value) and (value or key not in _NOT_TRACKED_AT_ZERO):
                yield Point(key, float(value), at, result.epoch)


def data_inputs(state: StudyState) -> tuple[DataInput, ...]:
    """The study's splits, each with the digest of its content."""
    paths = state.study.get("data", {})
    found = []
    for split, facts in state.data.items():
        path = str(paths.get(split) or split)
        columns = [
            {"name": name, "type": modality_of(name).table_type}
            for name in in_order({*BUILT_IN, *state.study.get("modalities", ())})
        ]
        schema = {"mlflow_colspec": [*columns, {"name": "label", "type": "string"}]}
        profile = {"num_rows": facts["samples"], "num_classes": len(facts["classes"])}
        found.append(
            DataInput(
                name=_clean("/".join(PurePath(path).parts[-2:]))[:200],
                digest=str(facts["digest"])[:DIGEST_LENGTH],
                context=split,
                source=json.dumps({"uri": path}),
                schema=json.dumps(schema),
                profile=json.dumps(profile),
            )
        )
    return tuple(found)


def data_digest(state: StudyState) -> str:
    """The digests of the splits in one line."""
    return ", ".join(f"{split} {str(facts['digest'])[:DIGEST_LENGTH]}" for split, facts in state.data.items())


def digest_of(value: object) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def _study_params(state: StudyState) -> dict[str, str]:
    """What can't change while a study goes on, as MLflow's parameters can't."""
    params = {"seed": state.study.get("seed"), "modalities": ",".join(state.study.get("modalities", ()))}
    for modality in state.study.get("modalities", ()):
        search = state.study.get(modality, {}).get("search", {})
        params[f"{modality}.method"] = search.get("method")
        params[f"{modality}.scheduler"] = search.get("scheduler", {}).get("name")
    return {key: str(value) for key, value in params.items() if value not in (None, "")}


def _study_tags(state: StudyState) -> dict[str, Any]:
    planned = {
        f"{modality}.trials": state.study.get(modality, {}).get("search", {}).get("trials")
        for modality in state.study.get("modalities", ())
    }
    return {
        "outcome": state.outcome.value if state.outcome is not None else None,
        "modalities": ",".join(state.study.get("modalities", ())),
        "sessions": len(state.sessions),
        **planned,
        "mlflow.note.content": state.study.get("description"),
        **_common_tags(state, "study"),
        "binwise.study_digest": digest_of(state.study),
        "binwise.data_digest": data_digest(state),
    }


def _trial_tags(state: StudyState, trial: Trial, reason: StopReason | None) -> dict[str, Any]:
    """What a person looks for has a plain name and comes first; what is for programs begins with `binwise.`."""
    error = trial.error or trial.detail
    return {
        STOP_REASON: reason.value if reason is not None else None,
        "modality": trial.modality,
        "epochs": len(trial.epochs),
        "attempts": len(trial.attempts),
        "worker": next((one.worker for one in reversed(trial.attempts) if one.worker), None),
        "error": error[-TEXT_LENGTH:] if error else None,
        "notes": "\n".join(trial.notes)[-TEXT_LENGTH:],
        "checkpoint": trial.checkpoint,
        "mlflow.note.content": trial_description(trial, reason),
        **_common_tags(state, "trial"),
        TRIAL: trial.trial_id,
        "binwise.searched": ",".join(trial.params),
        "binwise.config_digest": digest_of(trial.config),
        "binwise.checkpoint_digest": digest_of(trial.digests) if trial.digests else None,
    }


def _common_tags(state: StudyState, kind: str) -> dict[str, Any]:
    return {
        "study": state.name,
        **SOURCE,
        "mlflow.source.git.commit": state.commit,
        KIND: kind,
        UID: state.uid,
    }


def _summary(state: StudyState, event: Event) -> list[Point]:
    """The study's metrics at a session's end: trials by state, the best val accuracy of each modality."""
    values: dict[str, float] = {f"trials_{name}": count for name, count in sorted(state.counts().items())}
    for modality in dict.fromkeys(trial.modality for trial in state.trials.values()):
        values[f"best_val_accuracy_{modality}"] = state.best_accuracy(modality)
    at, step = _milliseconds(event.at), len(state.sessions)
    return [Point(key, float(value), at, step) for key, value in values.items() if math.isfinite(value)]


def _cleaned(tags: Mapping[str, Any]) -> dict[str, str]:
    return {key: _clean(str(value))[:TEXT_LENGTH] for key, value in tags.items() if value not in (None, "")}


def _clean(text: str) -> str:
    """A text that every database takes: no null characters, no halves of a character pair."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _milliseconds(at: float) -> int:
    return int(at * 1000)
