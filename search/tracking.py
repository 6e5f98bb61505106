"""MLflow: the study as parent run, each trial a child of it. Written by the driver alone; it never stops a study."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before MLflow is imported: no telemetry, short time-outs, no redirects, no pickles.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ALLOW_HTTP_REDIRECTS", "false")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from search.addresses import redacted, without_secrets
from search.events import TrialStart
from search.layout import Layout
from search.study import StudyConfig, study_digest
from trainables.records import (
    METRIC_KEYS,
    MICRO_BATCH_SIZE,
    STOP_REASON,
    EpochResult,
    StopReason,
    TrialRecord,
    UserError,
)

STATUS_OF = {
    StopReason.COMPLETED: "FINISHED",
    StopReason.PRUNED: "KILLED",
    StopReason.INTERRUPTED: "KILLED",
    StopReason.DIVERGED: "FAILED",
    StopReason.OOM: "FAILED",
    StopReason.FAILED: "FAILED",
    StopReason.LOST: "FAILED",
}
PARENT_TAG = "mlflow.parentRunId"
log = logging.getLogger("binwise.tracking")


@dataclass(frozen=True)
class TrackedStudy:
    """Where a study's parent run is."""

    uri: str
    experiment_id: str
    run_id: str


def tracking_uri(study: StudyConfig, layout: Layout) -> str:
    """The configured URI, or the SQLite file among the runs."""
    return study.tracking.uri or layout.mlflow_database


def open_client(uri: str) -> MlflowClient:
    """A client of a tracking store; its own log lines are kept off the user's screen."""
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri)


def start_tracking(study: StudyConfig, layout: Layout, space_text: str, data_digest: str = "") -> TrackedStudy:
    """Make the study's parent run. UserError where the store can't be reached: better now than after the search."""
    uri = tracking_uri(study, layout)
    if uri.startswith("sqlite:"):
        layout.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    try:
        client = open_client(uri)
        experiment_id = _experiment(client, study, layout)
        run = client.create_run(experiment_id, run_name=study.name, tags=_study_tags(study, data_digest))
        study_yaml = without_secrets(layout.study_file.read_text("utf-8"), uri)
        client.log_text(run.info.run_id, study_yaml, layout.study_file.name)
        client.log_text(run.info.run_id, space_text, "space.txt")
    except Exception as error:  # MLflow and its stores raise errors of many libraries
        reason = without_secrets(next(iter(str(error).strip().splitlines()), type(error).__name__), uri)
        raise UserError(
            f"MLflow must be reachable, but tracking.uri {redacted(uri)} isn't ({type(error).__name__}: {reason}): "
            f"start its server, or leave tracking.uri out to keep the record in {layout.mlflow_database}."
        ) from error
    tracked = TrackedStudy(uri, experiment_id, run.info.run_id)
    layout.tracking_file.write_text(
        json.dumps({"uri": redacted(uri), "experiment_id": experiment_id, "run_id": run.info.run_id}), "utf-8"
    )
    return tracked


def _experiment(client: MlflowClient, study: StudyConfig, layout: Layout) -> str:
    found = client.get_experiment_by_name(study.tracking.experiment)
    if found is not None:
        return str(found.experiment_id)
    # A server knows where its artifacts go; without one MLflow would put them into the current directory.
    local = tracking_uri(study, layout).startswith("sqlite:")
    location = layout.mlflow_artifacts.as_uri() if local else None
    training = {"mlflow.experimentKind": "custom_model_development"}  # the UI opens on training runs and their metrics
    return str(client.create_experiment(study.tracking.experiment, artifact_location=location, tags=training))


def _study_tags(study: StudyConfig, data_digest: str) -> dict[str, str]:
    return {
        "binwise.kind": "study",
        "binwise.study": study.name,
        "binwise.study_digest": study_digest(study),
        "binwise.data_digest": data_digest,
        "binwise.modalities": ",".join(study.modalities),
        "binwise.seed": str(study.seed),
        "mlflow.note.content": study.description,
    }


class MlflowTracking:
    """A listener that writes each trial as a child run: parameters, metrics by epoch, how it ended."""

    def __init__(self, study: str, tracked: TrackedStudy) -> None:
        self._study, self._tracked = study, tracked
        self._client = open_client(tracked.uri)
        self._runs: dict[str, str] = {}  # trial id -> run id
        self.lost = 0  # calls that the store refused

    def trial_started(self, start: TrialStart) -> None:
        """Make its run, with all hyperparameters; the searched ones are tagged by name."""
        self._safely(lambda: self._start(start))

    def _start(self, start: TrialStart) -> None:
        tags = {
            PARENT_TAG: self._tracked.run_id,
            "binwise.kind": "trial",
            "binwise.study": self._study,
            "binwise.trial": start.trial_id,
            "binwise.modality": start.modality,
            "binwise.searched": ",".join(start.params),
        }
        run = self._client.create_run(self._tracked.experiment_id, run_name=start.trial_id, tags=tags)
        self._runs[start.trial_id] = run.info.run_id
        params = [Param(key, str(value)) for key, value in sorted(start.config.items())]
        self._client.log_batch(run.info.run_id, params=params)

    def epoch_ended(self, start: TrialStart, result: EpochResult) -> None:
        """All metrics of an epoch in one call."""
        self._safely(lambda: self._log(self._runs[start.trial_id], result))

    def _log(self, run_id: str, result: EpochResult) -> None:
        now = int(time.time() * 1000)
        values = result.as_metrics()
        keys = [key for key in METRIC_KEYS if key != MICRO_BATCH_SIZE or values[key]]
        metrics = [Metric(key, float(values[key]), now, result.epoch) for key in keys]
        self._client.log_batch(run_id, metrics=metrics)

    def trial_ended(self, record: TrialRecord) -> None:
        """Its status and the reason for it."""
        self._safely(lambda: self._end(record))

    def _end(self, record: TrialRecord) -> None:
        run_id = self._runs[record.trial_id]
        tags = {STOP_REASON: record.stop_reason.value, "epochs": str(len(record.epochs))}
        if record.checkpoint is not None:
            tags["checkpoint"] = record.checkpoint
        if record.error is not None:
            tags["error"] = record.error[-5000:]
        if record.notes:
            tags["notes"] = "\n".join(record.notes)[-5000:]
        try:
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        finally:
            self._client.set_terminated(run_id, STATUS_OF[record.stop_reason])

    def _safely(self, call: Callable[[], None]) -> None:
        """The record is worth less than the training it records: an error is counted, said once, and passed by."""
        try:
            call()
        except Exception as error:  # MLflow and its stores raise errors of many libraries
            self.lost += 1
            if self.lost == 1:
                log.warning("MLflow didn't take a record (%s); the search goes on.", type(error).__name__)


def log_results(
    tracked: TrackedStudy, metrics: Mapping[str, float], tags: Mapping[str, str], files: list[Path]
) -> None:
    """Summary and files of a study, on its parent run."""
    client = open_client(tracked.uri)
    now = int(time.time() * 1000)
    client.log_batch(
        tracked.run_id,
        metrics=[Metric(key, float(value), now, 0) for key, value in metrics.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    for path in files:
        client.log_artifact(tracked.run_id, str(path))


def end_tracking(tracked: TrackedStudy, status: str) -> None:
    """Close the study's parent run: FINISHED, FAILED or KILLED. A store that is away by now costs no search."""
    try:
        open_client(tracked.uri).set_terminated(tracked.run_id, status)
    except Exception as error:  # MLflow and its stores raise errors of many libraries
        log.warning("MLflow's run of the study couldn't be closed (%s).", type(error).__name__)


def read_tracked(layout: Layout, study: StudyConfig) -> TrackedStudy | None:
    """Where the parent run of a study that was run is; None where it has none."""
    if not layout.tracking_file.is_file():
        return None
    raw: dict[str, Any] = json.loads(layout.tracking_file.read_text("utf-8"))
    return TrackedStudy(tracking_uri(study, layout), raw["experiment_id"], raw["run_id"])
