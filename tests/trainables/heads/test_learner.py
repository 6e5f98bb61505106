"""A head in training, as the worker runs a trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from head_fakes import made_inputs
from safetensors.torch import load_file, save_file

from trainables.heads.fitting import HeadFamily
from trainables.heads.inputs import HeadInputs
from trainables.heads.learner import HeadLearner, HeadTask, read_head
from trainables.heads.temperature import log_loss
from trainables.learning.loop import epochs
from trainables.names import TRAIN_LOGITS_FILE

FAMILIES = get_args(HeadFamily)
TRAIN = np.random.default_rng(1).integers(0, 3, 60)
VAL = np.random.default_rng(2).integers(0, 3, 21)
ALL = made_inputs(np.concatenate([TRAIN, VAL]), sparse=True)


def _learner(family: HeadFamily) -> HeadLearner:
    def inputs(rows: slice) -> Callable[[Callable[[], None]], HeadInputs]:
        def computed(between: Callable[[], None]) -> HeadInputs:
            between()
            return ALL.rows(rows)

        return computed

    task = HeadTask(family, TRAIN, np.arange(60), VAL, 3, seed=0)
    return HeadLearner(task, inputs(slice(0, 60)), inputs(slice(60, 81)), network_bytes=1000)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_epoch_fits_the_head(family: HeadFamily) -> None:
    """The worker's own loop: train's figures are of held-out folds, val's of the logits that are kept."""
    learner = _learner(family)
    calls: list[int] = []
    (result,) = epochs(learner, max_epochs=1, patience=1, after_step=lambda: calls.append(1))
    assert result.epoch == 1
    assert learner.last_val_logits is not None
    assert learner.last_val_logits.shape == (21, 3)
    assert result.val_accuracy == pytest.approx((learner.last_val_logits.argmax(axis=1) == VAL).mean())
    assert result.val_accuracy > 0.7
    assert result.val_loss == pytest.approx(log_loss(learner.last_val_logits, VAL))
    assert 0.7 < result.train_accuracy <= 1
    assert len(calls) > 2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_predicts_what_val_was_predicted(family: HeadFamily, tmp_path: Path) -> None:
    """By way of safetensors and what lies beside them; train's held-out logits lie there, too."""
    learner = _learner(family)
    summary = learner.train_epoch()
    evaluation = learner.evaluate()
    save_file(learner.weights(), tmp_path / "weights.safetensors")
    learner.write_companions(tmp_path)
    head = read_head(tmp_path, load_file(tmp_path / "weights.safetensors"))
    np.testing.assert_array_equal(head.logits(ALL.rows(slice(60, 81))), evaluation.logits)
    out_of_fold = np.load(tmp_path / TRAIN_LOGITS_FILE, allow_pickle=False)
    assert out_of_fold.shape == (60, 3)
    assert summary.loss == pytest.approx(log_loss(out_of_fold, TRAIN))
    assert learner.weights_bytes() == 1000 + sum(tensor.nbytes for tensor in learner.weights().values())


@pytest.mark.parametrize("family", FAMILIES)
def test_broken_off_and_begun_anew_gives_the_same_bits(family: HeadFamily) -> None:
    """At any of the places where it may be stopped."""
    whole, places = _learner(family), 0

    def count() -> None:
        nonlocal places
        places += 1

    whole.train_epoch(count)
    expected = {name: tensor.numpy() for name, tensor in whole.weights().items()}
    for stopped in (1, places // 2, places):
        learner, left = _learner(family), stopped

        def stop() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            learner.train_epoch(stop)
        assert not learner.weights()
        again = _learner(family)
        again.load_state_dict(learner.state_dict())
        again.train_epoch()
        for name, tensor in again.weights().items():
            np.testing.assert_array_equal(tensor.numpy(), expected[name])


def test_weights_that_were_loaded_are_kept() -> None:
    """A trial that goes on after its epoch still has its tensors."""
    fitted, other = _learner("logistic"), _learner("logistic")
    fitted.train_epoch()
    other.load_weights(fitted.weights())
    assert other.weights().keys() == fitted.weights().keys()
    assert other.weights_bytes() == fitted.weights_bytes()
