"""MLflow's registry: a version a bundle, the alias for the newest, what others have done since left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bundle_fakes import written_bundle
from mlflow import MlflowClient
from mlflow.models import Model

from search.exports.mlflow.registry import CHAMPION, WAS_CHAMPION, register
from search.exports.mlflow.store import open_client
from search.exports.run_store import ModelImage


@pytest.fixture
def client(database: str) -> MlflowClient:
    """Of an empty store."""
    return open_client(database)


@pytest.fixture
def run(client: MlflowClient, tmp_path: Path) -> tuple[str, str]:
    """An experiment and the study's run in it."""
    experiment = client.create_experiment("binwise", artifact_location=(tmp_path / "artifacts").as_uri())
    return experiment, client.create_run(experiment).info.run_id


def model(folder: Path, key: str = "ab") -> ModelImage:
    """One to be registered as `demo`."""
    tags = {"study": "demo", "test_accuracy": "0.875"}
    kinds, example = {"image": "pictures", "text": "captions"}, {"text": "old bottle"}
    return ModelImage("demo", key, written_bundle(folder / key, key), kinds, tags, "It gets 87.5 %.", example)


def champion(client: MlflowClient, name: str) -> int:
    """The version that has the alias."""
    return int(client.get_model_version_by_alias(name, CHAMPION).version)


def test_a_version_says_what_it_is(client: MlflowClient, run: tuple[str, str], tmp_path: Path) -> None:
    """Tags, description, the study's run; its files with signature and example, and no path of this machine."""
    assert register(client, *run, model(tmp_path))
    found = client.get_model_version_by_alias("demo", CHAMPION)
    assert (int(found.version), found.run_id, found.description) == (1, run[1], "It gets 87.5 %.")
    assert (found.tags["study"], found.tags["test_accuracy"]) == ("demo", "0.875")
    [output] = client.get_run(run[1]).outputs.model_outputs
    folder = Path(client.get_logged_model(output.model_id).artifact_location.removeprefix("file://"))
    about = Model.load(str(folder))
    assert about.signature.inputs.input_names() == ["image", "text"]
    assert about.signature.inputs.required_input_names() == []
    assert about.signature.outputs.input_names() == ["predicted", "decided_by", "probabilities"]
    assert about.load_input_example(str(folder)).to_dict("records") == [{"text": "old bottle"}]
    texts = [path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in texts if str(tmp_path) in text]
    assert not list(folder.rglob("*.pkl"))


def test_the_alias_moves_and_earlier_versions_stay(client: MlflowClient, run: tuple[str, str], tmp_path: Path) -> None:
    """A new choice under the same name is the champion; where a person gave the alias back it isn't taken again."""
    first, second = model(tmp_path), model(tmp_path, "cd")
    assert register(client, *run, first)
    assert register(client, *run, second)
    assert champion(client, "demo") == 2
    client.set_registered_model_alias("demo", CHAMPION, "1")
    assert not register(client, *run, second)
    assert champion(client, "demo") == 1
    assert sorted(int(one.version) for one in client.search_model_versions("name = 'demo'")) == [1, 2]
    assert register(client, *run, replace(second, name="another"))
    assert champion(client, "another") == 1


def test_a_registration_that_was_cut_short_is_finished(
    client: MlflowClient, run: tuple[str, str], tmp_path: Path
) -> None:
    """Between the version and its alias, or before the version: nothing is made twice."""
    wanted = model(tmp_path)
    assert register(client, *run, wanted)
    client.delete_model_version_tag("demo", "1", WAS_CHAMPION)
    client.delete_registered_model_alias("demo", CHAMPION)
    assert register(client, *run, wanted)
    assert champion(client, "demo") == 1
    client.delete_model_version("demo", "1")
    assert register(client, *run, wanted)
    assert champion(client, "demo") == 2
    assert len(client.search_logged_models([run[0]])) == 1
