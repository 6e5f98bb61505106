"""One MLflow store, spoken to in few calls that end soon. Every call may be made again: nothing is there twice."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from search.exports.addresses import first_line
from search.exports.run_images import CHANGING_TAGS, RUNNING, STUDY_KEY, TRIAL, UID, Point, RunImage

PARENT_TAG = "mlflow.parentRunId"
DUPLICATE_TAG, ORPHAN_TAG, FILES_TAG = "binwise.duplicate", "binwise.orphan", "binwise.files"
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # training runs, not traces of an agent
    "mlflow.experiment.primaryMetric.name": "best_val_accuracy",  # the first among the charts
}
REFUSALS = frozenset(
    {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"}
)  # of one run, not of the store


class RefusedError(Exception):
    """The store is there, but it won't take this run as it is: deleted, or changed by someone else."""


@dataclass
class RemoteRun:
    """A run as the store has it."""

    run_id: str
    key: str  # a trial's id, STUDY_KEY
    status: str
    ended: int | None
    params: dict[str, str]
    tags: dict[str, str]
    data: set[tuple[str, str]]  # names and digests
    metrics: dict[str, float]  # the latest of each

    @classmethod
    def of(cls, run: Run) -> RemoteRun:
        """MLflow's run."""
        data = {(one.dataset.name, one.dataset.digest) for one in (run.inputs.dataset_inputs if run.inputs else ())}
        tags = dict(run.data.tags)
        return cls(
            run.info.run_id,
            tags.get(TRIAL, STUDY_KEY),
            run.info.status,
            run.info.end_time,
            dict(run.data.params),
            tags,
            data,
            dict(run.data.metrics),
        )

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """Which of several runs of one trial is it: the least one; the same for every process."""
        return DUPLICATE_TAG in self.tags, -len(self.metrics), -len(self.tags), self.run_id


def open_client(uri: str) -> MlflowClient:
    """A client of a tracking store; its own log lines are kept off the user's screen."""
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MlflowClient(tracking_uri=uri)


class Store:
    """The runs of one study in one experiment."""

    def __init__(self, uri: str, experiment: str, artifacts: Path, uid: str) -> None:
        """`artifacts`: where they go with an SQLite store; a server knows where its own go. Connects."""
        if uri.startswith("sqlite:"):
            artifacts.mkdir(parents=True, exist_ok=True)
            Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._client, self._uid, self.uri = open_client(uri), uid, uri
        location = artifacts.as_uri() if uri.startswith("sqlite:") else None
        self.experiment_id = self._experiment(experiment, location)

    def _experiment(self, name: str, location: str | None) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAGS))
        if found.lifecycle_stage != "active":
            raise RefusedError(f"the experiment {name!r} was deleted: restore it, or set tracking.experiment")
        return str(found.experiment_id)

    def find(self, key: str) -> RemoteRun | None:
        """The run of a trial, or of the study; of several the one that every process would take."""
        mine = f"tags.`{TRIAL}` = '{key}'" if key else "tags.`binwise.kind` = 'study'"
        return min(self._search(f"{self._own} and {mine}"), key=lambda run: run.rank, default=None)

    def find_all(self) -> list[RemoteRun]:
        """Every run of the study, duplicates too."""
        return list(self._search(self._own))

    @property
    def _own(self) -> str:
        return f"tags.`{UID}` = '{self._uid}'"

    def _search(self, wanted: str) -> Iterator[RemoteRun]:
        token = None
        while True:
            page = self._client.search_runs([self.experiment_id], wanted, page_token=token)
            yield from map(RemoteRun.of, page)
            token = page.token
            if not token:
                return

    def create(self, image: RunImage, parent: str | None) -> RemoteRun:
        """A run with the tags by which it is found again, in one call."""
        tags = {**image.tags, **({PARENT_TAG: parent} if parent else {})}
        with refusals():
            run = self._client.create_run(self.experiment_id, image.started, tags, image.name)
        return RemoteRun.of(run)

    def update(self, remote: RemoteRun, image: RunImage, points: Sequence[Point], parent: str | None = None) -> bool:
        """Make the run what the image says, its metrics by `points`; whether anything was to be done."""
        params = {key: value for key, value in image.params.items() if key not in remote.params}
        tags = {**image.tags, **({PARENT_TAG: parent} if parent else {})}
        changed = {key: value for key, value in tags.items() if remote.tags.get(key) != value}
        stale = [key for key in CHANGING_TAGS if key in remote.tags and key not in tags]
        data = [one for one in image.data if (one.name, one.digest) not in remote.data]
        status = (remote.status, remote.ended) != (image.status, image.ended) and not (
            remote.status == image.status == RUNNING
        )
        with refusals():
            if status and image.status == RUNNING:
                self._client.update_run(remote.run_id, status=RUNNING)
            if data:
                self._client.log_inputs(remote.run_id, [_dataset(one) for one in data])
            self._client.log_batch(
                remote.run_id,
                metrics=[Metric(one.key, one.value, one.timestamp, one.step) for one in points],
                params=[Param(key, value) for key, value in params.items()],
                tags=[RunTag(key, value) for key, value in changed.items()],
            )
            for key in stale:
                self._client.delete_tag(remote.run_id, key)
            if status and image.status != RUNNING:
                self._client.set_terminated(remote.run_id, image.status, image.ended)
        remote.params |= params
        remote.tags = {key: value for key, value in (remote.tags | changed).items() if key not in stale}
        remote.data |= {(one.name, one.digest) for one in data}
        remote.metrics |= {one.key: one.value for one in points}
        remote.status, remote.ended = image.status, image.ended
        return bool(params or changed or stale or data or points or status)

    def close_run(self, remote: RemoteRun, tag: str, ended: int) -> bool:
        """Mark a run that isn't a trial's, and end it; whether anything was to be done."""
        if remote.tags.get(tag) == "true" and remote.status != RUNNING:
            return False
        with refusals():
            self._client.set_tag(remote.run_id, tag, "true")
            self._client.set_terminated(remote.run_id, "KILLED", ended)
        return True

    def history(self, remote: RemoteRun, keys: Sequence[str]) -> list[Point]:
        """All values of these metrics that the run has."""
        known = [key for key in keys if key in remote.metrics]
        return [
            Point(one.key, one.value, one.timestamp, one.step)
            for key in known
            for one in self._client.get_metric_history(remote.run_id, key)
        ]

    def log_points(self, remote: RemoteRun, points: Sequence[Point]) -> None:
        """Further metrics of a run."""
        with refusals():
            self._client.log_batch(
                remote.run_id, metrics=[Metric(one.key, one.value, one.timestamp, one.step) for one in points]
            )

    def put_files(self, remote: RemoteRun, files: Mapping[str, bytes]) -> bool:
        """Files of a run; those that it has already, by a tag with their digests, aren't sent again."""
        known = json.loads(remote.tags.get(FILES_TAG, "{}"))
        there = {one.path for one in self._client.list_artifacts(remote.run_id)} if known else set()
        digests = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in files.items()}
        wanted = [name for name in files if known.get(name) != digests[name] or name not in there]
        if not wanted:
            return False
        with tempfile.TemporaryDirectory(prefix="binwise-") as folder, refusals():
            for name in wanted:
                path = Path(folder) / name
                path.write_bytes(files[name])
                self._client.log_artifact(remote.run_id, str(path))
            remote.tags[FILES_TAG] = json.dumps(known | digests)
            self._client.set_tag(remote.run_id, FILES_TAG, remote.tags[FILES_TAG])
        return True


@contextmanager
def refusals() -> Iterator[None]:
    """What the store says about one run, told apart from a store that doesn't work."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in REFUSALS:
            raise RefusedError(first_line(error)) from error
        raise


def _dataset(one: Any) -> DatasetInput:
    data = Dataset(one.name, one.digest, "local", one.source, one.schema, one.profile)
    return DatasetInput(data, [InputTag("mlflow.data.context", one.context)])
