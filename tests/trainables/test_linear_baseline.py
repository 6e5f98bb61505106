"""The linear baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from modality_names import IMAGE, TEXT
from split_fakes import with_inputs
from trainables_fakes import build

from trainables.checkpoint import write_checkpoint
from trainables.data.samples import Split
from trainables.image import baseline as module
from trainables.modalities import modality_of
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL
from trainables.records import Predictions


def baselines(
    checkpoint: Path | None, train: Split, evaluate: Mapping[str, Split]
) -> dict[str, dict[str, Predictions]]:
    """By split and modality; without a checkpoint the texts' alone."""
    found: dict[str, dict[str, Predictions]] = {name: {} for name in evaluate}
    for modality, folder in {IMAGE: checkpoint, TEXT: Path("unused")}.items():
        if folder is not None:
            for name, one in (modality_of(modality).baseline(folder, train, evaluate) or {}).items():
                found[name][modality] = one
    return found


@pytest.fixture(scope="module")
def checkpoint(data: DataAccess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image checkpoint, of which the baseline reads the config."""
    built = build(IMAGE, data, backbone="mobilenet_v3_small")
    folder = tmp_path_factory.mktemp("linear") / "best"
    write_checkpoint(folder, built.learner.weights(), built.meta)
    return folder


def test_both_modalities_on_each_split(data: DataAccess, checkpoint: Path) -> None:
    """Logits (N, C) of every split asked for, in its order of ids, with its labels; better than chance on texts."""
    val = data.splits[VAL]
    backwards = val.rows(np.arange(len(val))[::-1])
    found = baselines(checkpoint, data.splits[TRAIN], {"val": val, "backwards": backwards})
    assert {name: set(models) for name, models in found.items()} == {
        "val": {IMAGE, TEXT},
        "backwards": {IMAGE, TEXT},
    }
    for modality in (IMAGE, TEXT):
        straight, turned = found["val"][modality], found["backwards"][modality]
        assert straight.logits.shape == (10, 2)
        assert straight.ids == val.ids
        assert turned.ids == val.ids[::-1]
        assert straight.labels.tolist() == val.labels.tolist()
        assert turned.aligned(val.ids).logits == pytest.approx(straight.logits, abs=1e-4)
        assert np.exp(straight.logits).sum(axis=1) == pytest.approx(np.ones(10), abs=1e-4)
    accuracy = (found["val"][TEXT].logits.argmax(axis=1) == val.labels).mean()
    assert accuracy >= 0.9


def test_without_a_checkpoint_there_are_texts_alone(data: DataAccess) -> None:
    """A study without an image search has no image baseline, and pictures aren't opened."""
    bare = {name: with_inputs(split, image=(None,) * len(split)) for name, split in data.splits.items()}
    found = baselines(None, bare[TRAIN], {"val": bare[VAL]})
    assert set(found["val"]) == {TEXT}


def test_it_gives_the_same_numbers_again(data: DataAccess, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even features of random weights are the same in each report, in chunks of any size; no random number is used up.

    (Without pretrained weights the backbone is random: it must not depend on what was drawn before.)
    """
    first = baselines(checkpoint, data.splits[TRAIN], {"val": data.splits[VAL]})["val"]
    torch.manual_seed(123)
    before = torch.get_rng_state()
    monkeypatch.setattr(module, "CHUNK", 7)
    again = baselines(checkpoint, data.splits[TRAIN], {"val": data.splits[VAL]})["val"]
    assert torch.equal(torch.get_rng_state(), before)
    for modality in (IMAGE, TEXT):
        assert again[modality].logits == pytest.approx(first[modality].logits, abs=1e-3)


def test_a_class_that_train_lacks_gets_the_lowest_logit(data: DataAccess) -> None:
    """A third class without a training sample is never predicted, its column stands in its place."""
    classes = ("Black", "Blue", "Green")
    train, val = (dataclasses.replace(data.splits[name], classes=classes) for name in (TRAIN, VAL))
    logits = baselines(None, train, {"val": val})["val"][TEXT].logits
    assert logits.shape == (10, 3)
    assert logits[:, 2].tolist() == [-50.0] * 10
    assert (logits[:, :2] > -50).all()
