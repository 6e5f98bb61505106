"""A run's image in MLflow's own words, within MLflow's limits; and MLflow's run in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlflow.entities import Dataset, DatasetInput, InputTag, Run

from search.exports.run_store import CHANGING_TAGS, STUDY_KEY, TRIAL, DataInput, RemoteRun, RunImage, RunStatus

RUNNING, FINISHED, KILLED, FAILED = "RUNNING", "FINISHED", "KILLED", "FAILED"
STATUS_OF = {
    RunStatus.RUNNING: RUNNING,
    RunStatus.FINISHED: FINISHED,
    RunStatus.STOPPED: KILLED,
    RunStatus.FAILED: FAILED,
}
_OURS = {mlflows: ours for ours, mlflows in STATUS_OF.items()}
PARENT_TAG, NOTE_TAG, COMMIT_TAG = "mlflow.parentRunId", "mlflow.note.content", "mlflow.source.git.commit"
SOURCE = {"mlflow.source.name": "binwise", "mlflow.source.type": "LOCAL"}
STALE_TAGS = CHANGING_TAGS | {NOTE_TAG}  # tags that may have to go again
TEXT_LENGTH = 5000  # characters of a tag or parameter; MLflow's limits are 8000 and 6000
NAME_LENGTH = 200  # characters of a data set's name
ENDS_TELL = frozenset({"error", "notes"})  # long texts whose end is kept


def params_of(image: RunImage) -> dict[str, str]:
    """MLflow's parameters of a run."""
    return {key: clean(value)[:TEXT_LENGTH] for key, value in image.params.items()}


def tags_of(image: RunImage, parent: str | None) -> dict[str, str]:
    """MLflow's tags of a run, its own among them. `parent`: the id of the run that it is shown below."""
    own = {NOTE_TAG: image.description, **SOURCE, COMMIT_TAG: image.commit or ""}
    texts = {key: value[-TEXT_LENGTH:] if key in ENDS_TELL else value for key, value in image.tags.items()}
    tags = {key: clean(value)[:TEXT_LENGTH] for key, value in (texts | own).items() if value}
    return {**tags, **({PARENT_TAG: parent} if parent else {})}


def data_of(image: RunImage) -> list[DatasetInput]:
    """MLflow's data sets of a run."""
    return [_dataset(one) for one in image.data]


def _dataset(one: DataInput) -> DatasetInput:
    columns = [{"name": name, "type": kind} for name, kind in one.columns]
    data = Dataset(
        clean(one.name)[:NAME_LENGTH],
        one.digest,
        "local",
        json.dumps({"uri": one.uri}),
        json.dumps({"mlflow_colspec": columns}),
        json.dumps({"num_rows": one.samples, "num_classes": one.classes}),
    )
    return DatasetInput(data, [InputTag("mlflow.data.context", one.context)])


def name_and_digest(one: DatasetInput) -> tuple[str, str]:
    """What tells a run's data sets from each other."""
    return one.dataset.name, one.dataset.digest


def remote_of(run: Run) -> RemoteRun:
    """MLflow's run; one that someone has scheduled counts as running."""
    tags: Mapping[str, str] = run.data.tags
    return RemoteRun(
        run_id=run.info.run_id,
        key=tags.get(TRIAL, STUDY_KEY),
        status=_OURS.get(run.info.status, RunStatus.RUNNING),
        ended=run.info.end_time,
        params=dict(run.data.params),
        tags=dict(tags),
        data={name_and_digest(one) for one in (run.inputs.dataset_inputs if run.inputs else ())},
        metrics=dict(run.data.metrics),
    )


def clean(text: str) -> str:
    """A text that every database takes: no null characters, no halves of a character pair."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
