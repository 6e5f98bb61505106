"""Learners of both modalities: repeatable, resumable to the last bit, honest about divergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from trainables_fakes import assert_same_tensors, build, train

from trainables.build import BuiltTrial, DataAccess
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.loop import Diverged, Progress
from trainables.records import IMAGE, MODALITIES, TEXT, EpochResult

# One epoch is frozen, and the plateau has no patience, so that both change something within four epochs.
SCHEDULES = [
    (IMAGE, {"schedule": "plateau", "plateau_patience": 0, "frozen_epochs": 1, "head_learning_rate": 0.05}),
    (IMAGE, {"schedule": "one_cycle"}),
    (IMAGE, {"schedule": "constant", "label_smoothing": 0.1}),
    (TEXT, {"schedule": "linear"}),
    (TEXT, {"schedule": "constant", "class_weights": "balanced"}),
]


def tensors(built: BuiltTrial) -> dict[str, torch.Tensor]:
    """The weights as they are now."""
    return {name: tensor.clone() for name, tensor in built.learner.weights().items()}


@pytest.mark.parametrize(("modality", "changes"), SCHEDULES)
def test_four_epochs_are_two_and_two(modality: str, changes: dict[str, Any], data: DataAccess, tmp_path: Path) -> None:
    """Saved after two epochs and loaded into a new learner, training ends with the same weights and metrics, exactly.

    Augmentation and dropout are on. The new learner has another seed: all that matters is in the checkpoint.
    """
    whole = build(modality, data, **changes)
    expected = train(whole, 4)

    first = build(modality, data, **changes)
    results = train(first, 2)
    write_checkpoint(tmp_path / "state", first.learner.weights(), first.meta, first.learner.state_dict())

    second = build(modality, data, seed=99, **changes)
    checkpoint = read_checkpoint(tmp_path / "state")
    assert checkpoint.state is not None
    second.learner.load_weights(checkpoint.weights)
    second.learner.load_state_dict(checkpoint.state)
    last = results[-1]
    results += train(second, 4, Progress(last.epoch, last.best_val_accuracy, last.best_epoch))

    assert results == expected
    assert_same_tensors(second.learner.weights(), whole.learner.weights())


def test_the_plateau_case_above_moves_its_rate(data: DataAccess) -> None:
    """The resumed plateau proves something: its rate falls within the four epochs."""
    rates = [result.learning_rate for result in train(build(IMAGE, data, **SCHEDULES[0][1]), 4)]
    assert len(set(rates)) > 1


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_seed_decides_the_run(modality: str, data: DataAccess) -> None:
    """The same seed twice gives the same weights and results, another seed gives others."""

    def run(seed: int) -> tuple[list[EpochResult], dict[str, torch.Tensor]]:
        built = build(modality, data, seed=seed)
        return train(built, 2), tensors(built)

    (first, weights), (again, same), (other, _) = run(1), run(1), run(2)
    assert first == again
    assert_same_tensors(weights, same)
    assert first != other


@pytest.mark.parametrize("modality", MODALITIES)
def test_evaluating_changes_nothing(modality: str, data: DataAccess) -> None:
    """Twice in a row the same logits, no weight moved, no random number drawn; logits are finite and in val's order."""
    built = build(modality, data)
    before, state = tensors(built), built.learner.state_dict()
    one, other = built.learner.evaluate(), built.learner.evaluate()
    assert one.logits.tolist() == other.logits.tolist()
    assert one.logits.shape == (10, 2)
    assert one.labels.tolist() == data.splits["val"].labels.tolist()
    assert_same_tensors(built.learner.weights(), before)
    assert torch.equal(built.learner.state_dict()["torch"], state["torch"])
    assert torch.equal(built.learner.state_dict()["generator"], state["generator"])


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_nan_in_the_weights_is_a_divergence(modality: str, data: DataAccess) -> None:
    """A network that computes NaN raises Diverged in training, and in evaluation."""
    built = build(modality, data)
    bad = tensors(built)
    for value in bad.values():
        if value.is_floating_point():
            value.fill_(float("nan"))
    built.learner.load_weights(bad)
    with pytest.raises(Diverged):
        built.learner.evaluate()
    with pytest.raises(Diverged):
        built.learner.train_epoch()


@pytest.mark.parametrize("modality", MODALITIES)
def test_weights_are_put_back_whole_or_not_at_all(modality: str, data: DataAccess) -> None:
    """A missing tensor is an error, not a silent rest of the old network."""
    built = build(modality, data)
    weights = tensors(built)
    weights.popitem()
    with pytest.raises(RuntimeError, match="Missing key"):
        built.learner.load_weights(weights)


@pytest.mark.parametrize(
    ("modality", "changes"),
    [
        (IMAGE, {"head_learning_rate": 0.01, "batchnorm_momentum": 0.3, "augmentation_strength": 0.3}),
        (TEXT, {"learning_rate": 5e-3}),
    ],
)
def test_separable_data_is_learnt(modality: str, changes: dict[str, Any], data: DataAccess) -> None:
    """Two colours, or two sets of words, are told apart after a few epochs."""
    results = train(build(modality, data, max_epochs=12, **changes), 12)
    assert results[-1].train_loss < results[0].train_loss
    assert max(result.val_accuracy for result in results) >= 0.9
