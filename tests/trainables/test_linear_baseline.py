"""The linear baseline."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from trainables_fakes import build

from trainables import linear_baseline as module
from trainables.build import DataAccess
from trainables.checkpoint import write_checkpoint
from trainables.linear_baseline import linear_baseline
from trainables.names import IMAGE, TEXT, TRAIN, VAL


@pytest.fixture(scope="module")
def checkpoint(data: DataAccess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image checkpoint, of which the baseline reads the config."""
    built = build(IMAGE, data)
    folder = tmp_path_factory.mktemp("linear") / "best"
    write_checkpoint(folder, built.learner.weights(), built.meta)
    return folder


def test_both_modalities_on_each_split(data: DataAccess, checkpoint: Path) -> None:
    """Logits (N, C) of every split asked for, in its order of ids, with its labels; better than chance on texts."""
    val = data.splits[VAL]
    rows = np.arange(len(val))[::-1]
    backwards = dataclasses.replace(
        val,
        **{name: tuple(getattr(val, name)[row] for row in rows) for name in ("ids", "texts", "images")},
        labels=val.labels[rows],
    )
    found = linear_baseline(checkpoint, data.splits[TRAIN], {"val": val, "backwards": backwards})
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
    bare = {name: dataclasses.replace(split, images=(None,) * len(split)) for name, split in data.splits.items()}
    found = linear_baseline(None, bare[TRAIN], {"val": bare[VAL]})
    assert set(found["val"]) == {TEXT}


def test_it_gives_the_same_numbers_again(data: DataAccess, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even features of random weights are the same in each report, in chunks of any size; no random number is used up.

    (Without pretrained weights the backbone is random: it must not depend on what was drawn before.)
    """
    first = linear_baseline(checkpoint, data.splits[TRAIN], {"val": data.splits[VAL]})["val"]
    torch.manual_seed(123)
    before = torch.get_rng_state()
    monkeypatch.setattr(module, "CHUNK", 7)
    again = linear_baseline(checkpoint, data.splits[TRAIN], {"val": data.splits[VAL]})["val"]
    assert torch.equal(torch.get_rng_state(), before)
    for modality in (IMAGE, TEXT):
        assert again[modality].logits == pytest.approx(first[modality].logits, abs=1e-3)


def test_a_class_that_train_lacks_gets_the_lowest_logit(data: DataAccess) -> None:
    """A third class without a training sample is never predicted, its column stands in its place."""
    classes = ("Black", "Blue", "Green")
    train, val = (dataclasses.replace(data.splits[name], classes=classes) for name in (TRAIN, VAL))
    logits = linear_baseline(None, train, {"val": val})["val"][TEXT].logits
    assert logits.shape == (10, 3)
    assert logits[:, 2].tolist() == [-50.0] * 10
    assert (logits[:, :2] > -50).all()
