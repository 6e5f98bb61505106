"""Learners of both modalities: repeatable, resumable to the last bit, honest about divergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from modality_names import IMAGE, MODALITIES, TEXT
from trainables_fakes import assert_same_tensors, build, timeless, train

from trainables.build import BuiltTrial
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.learning.loop import Diverged, Progress, epochs
from trainables.modality import DataAccess
from trainables.records import EpochResult

# One epoch is frozen, and the plateau has no patience, so that both change something within six epochs.
SCHEDULES = [
    (IMAGE, {"schedule": "plateau", "plateau_patience": 0, "frozen_epochs": 1, "head_learning_rate": 0.5}),
    (IMAGE, {"schedule": "one_cycle", "ema_decay": 0.8, "weight_decay_on": "matrices"}),
    (IMAGE, {"schedule": "cosine", "warmup_share": 0.2, "gradient_clip": 1.0, "precision": "bf16"}),
    (IMAGE, {"schedule": "linear", "label_smoothing": 0.1, "augmentation_strength": 2.0}),
    (IMAGE, {"schedule": "constant", "ema_decay": 0.9, "precision": "fp16"}),
    (TEXT, {"schedule": "linear"}),
    (TEXT, {"schedule": "plateau", "plateau_patience": 0, "learning_rate": 0.05, "ema_decay": 0.8}),
    (TEXT, {"schedule": "one_cycle", "layer_decay": 0.7, "token_budget": 64}),
    (TEXT, {"schedule": "cosine", "frozen_epochs": 1, "layers_per_epoch": 1}),
    (TEXT, {"schedule": "constant", "class_weights": "balanced", "dropout": 0.3}),
]


def tensors(built: BuiltTrial) -> dict[str, torch.Tensor]:
    """The weights as they are now."""
    return {name: tensor.clone() for name, tensor in built.learner.weights().items()}


class Killed(Exception):
    """Ends a run where a worker would be killed."""


def broken_off(built: BuiltTrial, folder: Path, epoch: int, step: int) -> list[EpochResult]:
    """Train until that step of that epoch (0: its end), save there, and go no further; the results so far."""
    learner, results, count = built.learner, [], 0

    def save() -> None:
        write_checkpoint(folder, learner.weights(), built.meta, learner.state_dict())
        raise Killed

    def after_step() -> None:
        nonlocal count
        count += 1
        if len(results) + 1 == epoch and count == step:
            save()

    try:
        for result in epochs(learner, max_epochs=6, patience=100, after_step=after_step):
            results.append(timeless(result))
            count = 0
            if len(results) == epoch:
                save()
    except Killed:
        return results
    raise AssertionError("the step must come")


@pytest.mark.parametrize(("modality", "changes"), SCHEDULES)
@pytest.mark.parametrize("step", [0, 2])
def test_six_epochs_are_three_and_three(
    modality: str, changes: dict[str, Any], step: int, data: DataAccess, tmp_path: Path
) -> None:
    """Saved after three epochs, or in the middle of the third, and loaded into a new learner: exactly the same end.

    Augmentation and dropout are on. The new learner has another seed: all that matters is in the checkpoint.
    """
    changes = {"max_epochs": 6, **changes}
    whole = build(modality, data, **changes)
    expected = train(whole, 6)

    results = broken_off(build(modality, data, **changes), tmp_path / "state", 3, step)

    second = build(modality, data, seed=99, **changes)
    checkpoint = read_checkpoint(tmp_path / "state")
    assert checkpoint.state is not None
    second.learner.load_weights(checkpoint.weights)
    second.learner.load_state_dict(checkpoint.state)
    best = max(results, key=lambda result: (result.val_accuracy, -result.epoch))
    results += train(second, 6, Progress(len(results), best.val_accuracy, best.epoch))

    assert results == expected
    assert_same_tensors(second.learner.weights(), whole.learner.weights())
    states = [built.learner.state_dict() for built in (second, whole)]
    assert torch.equal(*(state["generator"] for state in states))
    assert torch.equal(*(state["random"]["torch"] for state in states))


def test_the_plateau_case_above_moves_its_rate(data: DataAccess) -> None:
    """The resumed plateau proves something: its rate falls within the six epochs."""
    rates = [result.learning_rate for result in train(build(IMAGE, data, **SCHEDULES[0][1], max_epochs=6), 6)]
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_the_seed_decides_the_run_of_a_large_network_on_a_gpu(precision: str, data: DataAccess) -> None:
    """Large enough that cuDNN has several ways to compute a gradient, some of them another one in each run."""
    changes = {"backbone": "mobilenet_v3_large", "size": 224, "precision": precision}
    weights = []
    for _ in range(2):
        built = build(IMAGE, data, seed=1, **changes)
        train(built, 2)
        weights.append(tensors(built))
    assert_same_tensors(*weights)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("modality", "changes"),
    [(IMAGE, {}), (IMAGE, {"precision": "fp16", "gradient_clip": 1.0, "ema_decay": 0.9})],
)
def test_nothing_in_a_step_waits_for_a_gpu(modality: str, changes: dict[str, Any], data: DataAccess) -> None:
    """Batches, augmentation, steps and the weights' average: torch raises at whatever would make the CPU wait.

    Not held for texts: Hugging Face's attention looks in each forward pass whether anything is padded.
    """
    learner = build(modality, data, **changes).learner
    learner.train_epoch()  # what is sent to the GPU once
    steps = 0
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in learner.batches(learner.plan_epoch()):
            learner.stepper.step(batch)
            steps += 1
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert steps == 3


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
    assert torch.equal(built.learner.state_dict()["random"]["torch"], state["random"]["torch"])
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


def test_the_average_is_what_is_judged_and_kept(data: DataAccess) -> None:
    """With EMA, val and `weights()` are the average's, training goes on with the network's own weights."""
    plain = build(IMAGE, data)
    results = [train(plain, 2)]
    averaged = build(IMAGE, data, ema_decay=0.9)
    results.append(train(averaged, 2))
    own = averaged.learner.state_dict()["network"]
    assert_same_tensors(own, plain.learner.weights())
    assert [result.train_loss for result in results[0]] == [result.train_loss for result in results[1]]
    assert any(not torch.equal(tensor, own[name]) for name, tensor in averaged.learner.weights().items())
    assert results[0][-1].val_loss != results[1][-1].val_loss
