"""A study's model in MLflow's registry: one version of each bundle, and an alias that the newest one gets once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Map
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from search.exports.mlflow.runs import TEXT_LENGTH, clean
from search.exports.run_store import ModelImage

CHAMPION = "champion"  # the alias of the version to be used
KEY = "binwise.selection"  # a tag by which a version is found again
WAS_CHAMPION = "binwise.was_champion"  # a tag: it got the alias, which a person may have moved since
SCRIPT = Path(__file__).with_name("served_model.py")
PACKAGES = ("mlflow", "numpy", "onnxruntime", "pandas", "pillow", "tokenizers")
LONGEST_DESCRIPTION = 4000


def register(client: MlflowClient, experiment_id: str, run_id: str, model: ModelImage) -> bool:
    """See that the registry has the model, below the run, as one version; whether anything was to be done.

    The version gets the alias `champion` when it is made, not again; earlier versions stay as they are.
    """
    version = _version_of(client, model)
    if version is not None and version.tags.get(WAS_CHAMPION) == "true":
        return False
    if version is None:
        version = _made(client, experiment_id, run_id, model)
    client.set_registered_model_alias(model.name, CHAMPION, version.version)
    client.set_model_version_tag(model.name, version.version, WAS_CHAMPION, "true")
    return True


def _version_of(client: MlflowClient, model: ModelImage) -> ModelVersion | None:
    """The first version of this very bundle that can be used."""
    found = client.search_model_versions(f"name = '{model.name}' and tags.`{KEY}` = '{model.key}'")
    return min((one for one in found if one.status == "READY"), key=lambda one: int(one.version), default=None)


def _made(client: MlflowClient, experiment_id: str, run_id: str, model: ModelImage) -> ModelVersion:
    try:
        client.create_registered_model(model.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    files = _logged_model(client, experiment_id, run_id, model)
    tags = {KEY: model.key, **{name: clean(value)[:TEXT_LENGTH] for name, value in model.tags.items()}}
    said = clean(model.description)[:LONGEST_DESCRIPTION]
    # By its place, not as `models:/...`, which MLflow's client looks up in the process' own store, not in this one.
    made = client.create_model_version(
        model.name, files.artifact_location, run_id, tags, None, said, model_id=files.model_id
    )
    there = json.dumps([{"name": model.name, "version": made.version}])
    client.set_logged_model_tags(files.model_id, {MLFLOW_MODEL_VERSIONS: there})
    return made


def _logged_model(client: MlflowClient, experiment_id: str, run_id: str, model: ModelImage) -> LoggedModel:
    """The model with its files, among the run's outputs; one that is there whole isn't made again."""
    wanted = f"tags.`{KEY}` = '{model.key}'"
    for one in client.search_logged_models([experiment_id], wanted):
        if one.status == LoggedModelStatus.READY:
            return one
    made = client.create_logged_model(experiment_id, model.name, run_id, {KEY: model.key}, model_type="pyfunc")
    with tempfile.TemporaryDirectory(prefix="binwise-") as folder:
        files = Path(folder, "model")
        write_model(model, files, Model(run_id=run_id, model_id=made.model_id))
        client.log_model_artifacts(made.model_id, str(files))
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, 0)])
    return client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)


def write_model(model: ModelImage, folder: Path, about: Model | None = None) -> None:
    """The bundle as a model of MLflow's kind `pyfunc`, in a new folder: its code as text, no pickle."""
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(SCRIPT),
        artifacts={"bundle": str(model.bundle)},
        code_paths=[str(model.bundle / "binwise_runtime")],
        signature=signature(model.kinds),
        input_example=pd.DataFrame([dict(model.example)]) if model.example else None,
        pip_requirements=[f"{name}=={installed(name)}" for name in PACKAGES],
        mlflow_model=about,
    )
    _without_paths(folder)


def _without_paths(folder: Path) -> None:
    """Where the files came from on this machine is nobody's business."""
    about = Model.load(str(folder))
    flavour = about.flavors["python_function"]
    flavour["model_code_path"] = SCRIPT.name
    for name, one in flavour["artifacts"].items():
        one["uri"] = name
    about.save(str(folder / "MLmodel"))


def signature(kinds: Mapping[str, str]) -> ModelSignature:
    """A column a modality, none of them required; out come the class, what decided, and each class's probability."""
    # A string's column takes bytes as well, while that of bytes would refuse what a sample lacks.
    given = [ColSpec(DataType.string, name, required=False) for name in kinds]
    told = [ColSpec(DataType.string, "predicted"), ColSpec(DataType.string, "decided_by")]
    return ModelSignature(Schema(given), Schema([*told, ColSpec(Map(DataType.double), "probabilities")]))
