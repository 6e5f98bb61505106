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

from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

from search.exports.addresses import first_line
from search.exports.mlflow import runs
from search.exports.run_store import (
    KIND,
    TRIAL,
    UID,
    MetricPoint,
    ModelImage,
    RefusedError,
    RemoteRun,
    RunImage,
    RunStatus,
)

FILES_TAG = "binwise.files"  # the files that a run has, with their digests
READERS = 8  # requests at once to a server
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # training runs, not traces of an agent
    "mlflow.experiment.primaryMetric.name": "best_val_accuracy",  # the first among the charts
}
REFUSALS = frozenset(
    {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"}
)  # of one run, not of the store


def open_client(uri: str) -> MlflowClient:
    """A client of a tracking store; its own log lines are kept off the user's screen."""
    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MlflowClient(tracking_uri=uri)


@dataclass(frozen=True)
class _Lacking:
    """What a run lacks of its image."""

    params: Mapping[str, str]
    tags: Mapping[str, str]
    stale: Sequence[str]  # tags that it has and must not have
    data: Sequence[DatasetInput]
    points: Sequence[MetricPoint]
    status: bool  # whether it stands otherwise, or ended at another time

    def __bool__(self) -> bool:
        return bool(self.params or self.tags or self.stale or self.data or self.points or self.status)


class MlflowStore:
    """The runs of one study in one experiment: a `RunStore`."""

    def __init__(self, uri: str, experiment: str, artifacts: Path, uid: str) -> None:
        """`artifacts`: where they go with an SQLite store; a server knows where its own go. Connects."""
        if uri.startswith("sqlite:"):
            artifacts.mkdir(parents=True, exist_ok=True)
            Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._client, self._uid, self.uri = open_client(uri), uid, uri
        location = artifacts.as_uri() if uri.startswith("sqlite:") else None
        self.experiment_id = self._experiment(experiment, location)

    @property
    def readers(self) -> int:
        """A server answers several at once, a file doesn't."""
        return READERS if self.uri.startswith("http") else 1

    def _experiment(self, name: str, location: str | None) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAGS))
        if found.lifecycle_stage != "active":
            raise RefusedError(f"the experiment {name!r} was deleted: restore it, or set tracking.experiment")
        return str(found.experiment_id)

    def find(self, key: str) -> RemoteRun | None:
        """The run of a trial, or of the study; of several the one that every process would take."""
        mine = f"tags.`{TRIAL}` = '{key}'" if key else f"tags.`{KIND}` = 'study'"
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
            yield from map(runs.remote_of, page)
            token = page.token
            if not token:
                return

    def create(self, image: RunImage, parent: str | None) -> RemoteRun:
        """A run with the tags by which it is found again, in one call."""
        with refusals():
            run = self._client.create_run(self.experiment_id, image.started, runs.tags_of(image, parent), image.name)
        return runs.remote_of(run)

    def update(
        self, remote: RemoteRun, image: RunImage, points: Sequence[MetricPoint], parent: str | None = None
    ) -> bool:
        """Make the run what the image says, its metrics by `points`; whether anything was to be done."""
        lacking = _lacking(remote, image, points, parent)
        with refusals():
            self._send(remote.run_id, image, lacking)
        remote.params |= lacking.params
        remote.tags = {key: tag for key, tag in (remote.tags | {**lacking.tags}).items() if key not in lacking.stale}
        remote.data |= {runs.name_and_digest(one) for one in lacking.data}
        remote.metrics |= {one.key: one.value for one in points}
        remote.status, remote.ended = image.status, image.ended
        return bool(lacking)

    def _send(self, run_id: str, image: RunImage, lacking: _Lacking) -> None:
        """A run is opened before anything else is sent to it, and ended after all else."""
        running = image.status == RunStatus.RUNNING
        if lacking.status and running:
            self._client.update_run(run_id, status=runs.RUNNING)
        if lacking.data:
            self._client.log_inputs(run_id, list(lacking.data))
        self._client.log_batch(
            run_id,
            metrics=[_metric(one) for one in lacking.points],
            params=[Param(key, value) for key, value in lacking.params.items()],
            tags=[RunTag(key, value) for key, value in lacking.tags.items()],
        )
        for key in lacking.stale:
            self._client.delete_tag(run_id, key)
        if lacking.status and not running:
            self._client.set_terminated(run_id, runs.STATUS_OF[image.status], image.ended)

    def conflicts(self, remote: RemoteRun, image: RunImage) -> list[str]:
        """Keys of parameters that have other values there, which MLflow lets nobody change."""
        return [key for key, value in runs.params_of(image).items() if remote.params.get(key, value) != value]

    def close_run(self, remote: RemoteRun, mark: str, ended: int) -> bool:
        """Mark a run that isn't a trial's, and end it; whether anything was to be done."""
        if remote.tags.get(mark) == "true" and remote.status != RunStatus.RUNNING:
            return False
        with refusals():
            self._client.set_tag(remote.run_id, mark, "true")
            self._client.set_terminated(remote.run_id, runs.KILLED, ended)
        return True

    def history(self, remote: RemoteRun, keys: Sequence[str]) -> list[MetricPoint]:
        """All values of these metrics that the run has."""
        known = [key for key in keys if key in remote.metrics]
        return [
            MetricPoint(one.key, one.value, one.timestamp, one.step)
            for key in known
            for one in self._client.get_metric_history(remote.run_id, key)
        ]

    def log_points(self, remote: RemoteRun, points: Sequence[MetricPoint]) -> None:
        """Further metrics of a run."""
        with refusals():
            self._client.log_batch(remote.run_id, metrics=[_metric(one) for one in points])

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

    def put_tables(self, remote: RemoteRun, tables: Mapping[str, bytes]) -> bool:
        """As `mlflow.log_table` leaves them, which would append to a table that is there: its file, and its tag."""
        did = self.put_files(remote, tables)
        listed = json.loads(remote.tags.get(MLFLOW_LOGGED_ARTIFACTS, "[]"))
        new = [one for name in tables if (one := {"path": name, "type": "table"}) not in listed]
        if new:
            remote.tags[MLFLOW_LOGGED_ARTIFACTS] = json.dumps([*listed, *new])
            with refusals():
                self._client.set_tag(remote.run_id, MLFLOW_LOGGED_ARTIFACTS, remote.tags[MLFLOW_LOGGED_ARTIFACTS])
        return did or bool(new)

    def put_model(self, remote: RemoteRun, model: ModelImage) -> bool:
        """One version a bundle, which gets the alias `champion` once."""
        from search.exports.mlflow.registry import register  # MLflow's models take a second to import

        with refusals():
            return register(self._client, self.experiment_id, remote.run_id, model)


def _lacking(remote: RemoteRun, image: RunImage, points: Sequence[MetricPoint], parent: str | None) -> _Lacking:
    tags = runs.tags_of(image, parent)
    stands = (remote.status, remote.ended) == (image.status, image.ended)
    return _Lacking(
        params={key: value for key, value in runs.params_of(image).items() if key not in remote.params},
        tags={key: value for key, value in tags.items() if remote.tags.get(key) != value},
        stale=[key for key in runs.STALE_TAGS if key in remote.tags and key not in tags],
        data=[one for one in runs.data_of(image) if runs.name_and_digest(one) not in remote.data],
        points=points,
        status=not stands and not remote.status == image.status == RunStatus.RUNNING,
    )


def _metric(point: MetricPoint) -> Metric:
    return Metric(point.key, point.value, point.timestamp, point.step)


@contextmanager
def refusals() -> Iterator[None]:
    """What the store says about one run, told apart from a store that doesn't work."""
    try:
        yield
    except MlflowException as error:
        if error.error_code in REFUSALS:
            raise RefusedError(first_line(error)) from error
        raise
