"""The ledger's events -> what a run store is to hold: one image a run, computed from the record alone. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from search.exports.run_store import KIND, STUDY_KEY, TRIAL, UID, DataInput, MetricPoint, RunImage, RunStatus
from search.exports.trial_page import trial_description
from search.ledger.events import MANIFEST, Event, SessionEnded
from search.ledger.state import Outcome, StudyState, Trial
from trainables.modalities import BUILT_IN, in_order, modality_of
from trainables.names import EPOCH, STOP_REASON, TEST
from trainables.records import METRIC_KEYS, EpochResult, StopReason, best_epoch

STATUS_OF = {
    StopReason.COMPLETED: RunStatus.FINISHED,
    StopReason.PRUNED: RunStatus.STOPPED,
    StopReason.INTERRUPTED: RunStatus.STOPPED,
    StopReason.DIVERGED: RunStatus.FAILED,
    StopReason.OOM: RunStatus.FAILED,
    StopReason.FAILED: RunStatus.FAILED,
    StopReason.LOST: RunStatus.FAILED,
}
STATUS_OF_STUDY = {
    Outcome.FINISHED: RunStatus.FINISHED,
    Outcome.TARGET: RunStatus.FINISHED,
    Outcome.TIME_BUDGET: RunStatus.STOPPED,
    Outcome.INTERRUPTED: RunStatus.STOPPED,
    Outcome.FAILING: RunStatus.FAILED,
    Outcome.DISK_FULL: RunStatus.FAILED,
    Outcome.FAILED: RunStatus.FAILED,
}
BEST = {"best_val_macro_f1": "val_macro_f1", "best_val_loss": "val_loss"}  # of the best epoch so far
FIRST = ("best_val_accuracy", "val_accuracy", "val_loss", "train_accuracy", "train_loss")  # stores keep the order
DIGEST_LENGTH = 16  # characters of a data set's digest; it is shown beside the name
_NOT_TRACKED_AT_ZERO = {
    field.name for field in dataclasses.fields(EpochResult) if field.default is not dataclasses.MISSING
}  # 0: not known, or not the case


class Projection:
    """The state of a study's ledger as runs."""

    def __init__(self, events: Iterable[Event] = (), *, alive: bool = True, verdict: str = "") -> None:
        """`alive`: whether the last session still runs, where the ledger has no end of it.

        `verdict`: what the study's page begins with, Markdown.
        """
        self.state = StudyState()
        self.alive = alive
        self._verdict = verdict
        self._summaries: list[list[MetricPoint]] = []
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> list[str]:
        """Take in the next event; the keys of the runs that it changes."""
        event.apply(self.state)
        if not isinstance(event.body, SessionEnded):
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
        status = RunStatus.STOPPED if self.over else RunStatus.RUNNING
        if state.outcome is not None:
            status = STATUS_OF_STUDY[state.outcome]
        return RunImage(
            key=STUDY_KEY,
            name=state.name,
            started=_milliseconds(state.created),
            status=status,
            ended=None if status == RunStatus.RUNNING else _milliseconds(state.last_at),
            params=_study_params(state),
            tags=_told(_study_tags(state)),
            description="\n\n".join(filter(None, (self._verdict, state.study.get("description")))),
            commit=state.commit,
            points=tuple(point for summary in self._summaries[after:] for point in summary),
            data=(*data_inputs(state), *bound_test(state)),
        )

    def _trial(self, trial: Trial, after: int) -> RunImage:
        reason = trial.stop_reason or (StopReason.INTERRUPTED if self.over else None)
        ended = trial.ended if trial.ended is not None else self.state.last_at
        return RunImage(
            key=trial.trial_id,
            name=trial.trial_id,
            started=_milliseconds(trial.created),
            status=RunStatus.RUNNING if reason is None else STATUS_OF[reason],
            ended=None if reason is None else _milliseconds(ended),
            params={key: str(value) for key, value in trial.config.items()},
            tags=_told(_trial_tags(self.state, trial, reason)),
            description=trial_description(trial, reason),
            commit=self.state.commit,
            points=tuple(epoch_points(trial, after)),
            data=data_inputs(self.state),
        )


def epoch_points(trial: Trial, after: int = 0) -> Iterator[MetricPoint]:
    """The metrics of a trial's epochs after the first `after`; values that aren't finite or aren't known left out."""
    for place in range(after, len(trial.epochs)):
        result, at = trial.epochs[place], _milliseconds(trial.times[place])
        best = best_epoch(trial.epochs[: place + 1])
        values = {key: getattr(result, key) for key in (*FIRST, *METRIC_KEYS) if key != EPOCH}
        values |= {key: getattr(best, field) for key, field in BEST.items()}
        for key, value in values.items():
            if math.isfinite(value) and (value or key not in _NOT_TRACKED_AT_ZERO):
                yield MetricPoint(key, float(value), at, result.epoch)


def data_inputs(state: StudyState) -> tuple[DataInput, ...]:
    """Train and val, each with the digest of its content."""
    return tuple(_data_input(state, split, facts) for split, facts in state.data.items())


def bound_test(state: StudyState) -> tuple[DataInput, ...]:
    """The test split that the study is bound to, if there is one: on the study's own run, as no trial has it."""
    facts, classes = state.bound.get(TEST), [facts["classes"] for facts in state.data.values()]
    return () if facts is None else (_data_input(state, TEST, {**facts, "classes": classes[0]}),)


def _data_input(state: StudyState, split: str, facts: Mapping[str, Any]) -> DataInput:
    modalities = in_order({*BUILT_IN, *state.study.get("modalities", ())})
    path = str(state.study.get("data", {}).get(split) or split)
    return DataInput(
        name="/".join(PurePath(path).parts[-2:]),
        digest=_digest(facts),
        context=split,
        uri=path,
        columns=(*((name, modality_of(name).table_type) for name in modalities), ("label", "string")),
        samples=facts["samples"],
        classes=len(facts["classes"]),
    )


def _digest(facts: Mapping[str, Any]) -> str:
    """Of a split's manifest; of a study that began without one, what it began with, which must stay in MLflow."""
    return str(facts.get(MANIFEST) or facts["digest"])[:DIGEST_LENGTH]


def data_digest(state: StudyState) -> str:
    """The digests of the splits in one line."""
    splits = state.data | {TEST: state.bound[TEST]} if TEST in state.bound else state.data
    return ", ".join(f"{split} {_digest(facts)}" for split, facts in splits.items())


def digest_of(value: object) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def _study_params(state: StudyState) -> dict[str, str]:
    """What can't change while a study goes on, as parameters can't."""
    params = {"seed": state.study.get("seed"), "modalities": ",".join(state.study.get("modalities", ()))}
    for modality in state.study.get("modalities", ()):
        settings = state.study.get(modality, {}).get("search", {})
        params[f"{modality}.method"] = settings.get("method")
        params[f"{modality}.scheduler"] = settings.get("scheduler", {}).get("name")
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
        **_common_tags(state, "study"),
        "binwise.study_digest": digest_of(state.study),
        "binwise.data_digest": data_digest(state),
    }


def _trial_tags(state: StudyState, trial: Trial, reason: StopReason | None) -> dict[str, Any]:
    """What a person looks for has a plain name and comes first; what is for programs begins with `binwise.`."""
    return {
        STOP_REASON: reason.value if reason is not None else None,
        "modality": trial.modality,
        "epochs": len(trial.epochs),
        "attempts": len(trial.attempts),
        "worker": next((one.worker for one in reversed(trial.attempts) if one.worker), None),
        "error": trial.error or trial.detail,
        "notes": "\n".join(trial.notes),
        "checkpoint": trial.checkpoint,
        **_common_tags(state, "trial"),
        TRIAL: trial.trial_id,
        "binwise.searched": ",".join(trial.params),
        "binwise.config_digest": digest_of(trial.config),
        "binwise.checkpoint_digest": digest_of(trial.digests) if trial.digests else None,
    }


def _common_tags(state: StudyState, kind: str) -> dict[str, Any]:
    return {
        "study": state.name,
        KIND: kind,
        UID: state.uid,
    }


def _summary(state: StudyState, event: Event) -> list[MetricPoint]:
    """The study's metrics at a session's end: trials by state, the best val accuracy of each modality."""
    values: dict[str, float] = {f"trials_{name}": count for name, count in sorted(state.counts().items())}
    for modality in dict.fromkeys(trial.modality for trial in state.trials.values()):
        values[f"best_val_accuracy_{modality}"] = state.best_accuracy(modality)
    at, step = _milliseconds(event.at), len(state.sessions)
    return [MetricPoint(key, float(value), at, step) for key, value in values.items() if math.isfinite(value)]


def _told(tags: Mapping[str, Any]) -> dict[str, str]:
    """Those that say something, as texts."""
    return {key: str(value) for key, value in tags.items() if value not in (None, "")}


def _milliseconds(at: float) -> int:
    return int(at * 1000)
