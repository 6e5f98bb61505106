"""From a trial's dict to a learner."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from modality_names import IMAGE, MODALITIES, TEXT
from pydantic import ValidationError
from split_fakes import with_inputs
from trainables_fakes import CLASSES, TEXT_TRIAL, TRIAL, assert_same_tensors, build

from trainables import train_setup
from trainables.build import build_trial, check_network, parse_config
from trainables.errors import UserError
from trainables.image import model as image_model
from trainables.image.learner import ImageLearner
from trainables.learning.schedules import Schedule
from trainables.learning.steps import Stepper
from trainables.modality import DataAccess
from trainables.names import TRAIN
from trainables.text import model as text_model
from trainables.text.learner import TextLearner

REFUSING = """
import importlib.abc, importlib.machinery, sys

class Refuse(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("ray", "mlflow", "optuna"):
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise ImportError(f"refused: {spec.name}")
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Refuse())
"""


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_meta_is_what_a_checkpoint_needs(modality: str, data: DataAccess) -> None:
    """Modality, classes in order, and every hyperparameter, defaults included, ready for JSON."""
    built = build(modality, data)
    assert built.meta["modality"] == modality
    assert built.meta["classes"] == list(CLASSES)
    assert built.meta["config"] == parse_config(modality, TRIAL[modality]).model_dump(mode="json")
    assert isinstance(built.learner, ImageLearner if modality == IMAGE else TextLearner)
    assert (built.companions is not None) == (modality == TEXT)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_seed_decides_the_first_weights(modality: str, data: DataAccess) -> None:
    """Whatever was drawn before, a seed gives its weights, and another seed others."""
    one = build(modality, data, seed=4).learner.weights()
    torch.rand(17)
    assert_same_tensors(build(modality, data, seed=4).learner.weights(), one)
    other = build(modality, data, seed=5).learner.weights()
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_hyperparameter_of_the_learner_is_the_configs(
    modality: str, data: DataAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each flat argument of learner, stepper, schedule and loss that the config has by that name gets its value."""
    given: dict[str, Any] = {}

    def spy_on(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def spy(*positional: Any, **arguments: Any) -> Any:
            given.update(arguments)
            return original(*positional, **arguments)

        monkeypatch.setattr(owner, name, spy)

    for made in (ImageLearner, TextLearner, Stepper, Schedule):
        spy_on(made, "__init__")
    for module, function in (
        (train_setup, "adamw"),
        (train_setup, "cross_entropy"),
        (text_model, "decayed_groups"),
        (image_model, "build_head"),
    ):
        spy_on(module, function)
    changes: dict[str, Any] = {"max_epochs": 9, "evaluation_batch_size": 5, "label_smoothing": 0.07, "beta1": 0.8}
    changes |= {"gradient_clip": 0.3, "weight_decay_on": "matrices", "plateau_factor": 0.4, "frozen_epochs": 2}
    build(modality, data, seed=31, **changes)
    config = parse_config(modality, {**TRIAL[modality], **changes}).model_dump()
    shared = sorted((set(given) & set(config)) - {"precision", "schedule"})  # made from their names
    assert len(shared) > 12
    assert {name: given[name] for name in shared} == {name: config[name] for name in shared}
    assert given["seed"] == 31


def test_what_is_compiled_is_kept_among_the_caches(data: DataAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user named another folder; for every trial alike, so that a reused process is like a new one."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/theirs")
    build(TEXT, data, compile=True)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/theirs"
    for changes in ({}, {"compile": True}):
        monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
        build(TEXT, data, **changes)
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(data.caches / "compiled")


def test_one_faulty_hyperparameter_is_named(data: DataAccess) -> None:
    """A misspelt key and a value out of range are found before anything is built, both at once."""
    with pytest.raises(ValidationError) as caught:
        build(IMAGE, data, head_learning_rates=1e-3, batch_size=1)
    assert {error["loc"] for error in caught.value.errors()} == {("head_learning_rates",), ("batch_size",)}


def test_unreachable_weights_are_known_early(data: DataAccess) -> None:
    """`check_network` raises the UserError that the first trial would meet, and passes what can be built."""
    for modality in MODALITIES:
        check_network(modality, TRIAL[modality], data.splits[TRAIN])
    with pytest.raises(UserError, match="no such file"):
        check_network(IMAGE, {**TRIAL[IMAGE], "weights": "/nowhere/weights.pth"}, data.splits[TRAIN])
    with pytest.raises(UserError, match="architecture"):
        check_network(TEXT, {**TEXT_TRIAL, "architecture": {"nope": 1}}, data.splits[TRAIN])


def test_a_text_trial_needs_no_pictures(data: DataAccess) -> None:
    """A CSV without an image column trains a text model."""
    bare = {name: with_inputs(split, image=(None,) * len(split)) for name, split in data.splits.items()}
    built = build_trial(TEXT, TEXT_TRIAL, DataAccess(bare, data.caches, data.pixel_limit), seed=7)
    assert_same_tensors(built.learner.weights(), build(TEXT, data).learner.weights())


def test_training_and_predicting_need_neither_ray_nor_mlflow_nor_optuna() -> None:
    """A process that refuses to import these three imports every module here but the adapter."""
    imports = (
        "import importlib, pkgutil, trainables\n"
        "for found in pkgutil.walk_packages(trainables.__path__, 'trainables.'):\n"
        "    if found.name != 'trainables.worker.tune_adapter':\n"
        "        importlib.import_module(found.name)\n"
    )
    refused = "\ntry:\n    import ray\nexcept ImportError as error:\n    print(error)"
    command = [sys.executable, "-c", REFUSING + imports + refused]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "refused: ray\n"
