"""The loop, driven by a learner whose scores are written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor

from trainables.learning.loop import Diverged, Evaluation, Progress, TrainSummary, epochs, finished
from trainables.records import EpochResult


class ScriptedLearner:
    """Gets `accuracies` tenths right, one after the other, and notes what the loop asks of it."""

    def __init__(self, accuracies: Sequence[int]) -> None:
        self.accuracies, self.calls = list(accuracies), 0
        self.log: list[str] = []

    def train_epoch(self, after_step: Callable[[], None] | None = None) -> TrainSummary:
        """Counts; one step, one call."""
        self.calls += 1
        self.log.append("train")
        if after_step is not None:
            after_step()
        rate = 0.1 / self.calls
        return TrainSummary(1.0 / self.calls, 0.5, samples=100, learning_rate=rate, seconds=50.0, micro_batch_size=4)

    def evaluate(self) -> Evaluation:
        """The written score."""
        self.log.append("evaluate")
        labels = np.zeros(10, dtype=np.int64)
        logits = np.tile(np.array([[0.0, 1.0]], dtype=np.float32), (10, 1))
        logits[: self.accuracies[self.calls - 1], 0] = 2.0
        return Evaluation(logits, labels, loss=float(self.calls))

    def after_epoch(self, val_loss: float) -> None:
        """Notes the loss."""
        self.log.append(f"after {val_loss}")

    def weights(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """None."""

    def state_dict(self) -> dict[str, Any]:
        """None."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """None."""


def run(accuracies: Sequence[int], **options: Any) -> list[EpochResult]:
    """All results of such a learner."""
    return list(epochs(ScriptedLearner(accuracies), **options))


def test_max_epochs_ends_it() -> None:
    """With patience to spare, there are exactly `max_epochs` epochs, counted from 1."""
    found = run([1, 2, 3, 4, 5], max_epochs=3, patience=10)
    assert [result.epoch for result in found] == [1, 2, 3]
    assert found[-1].best_epoch == 3


def test_patience_ends_it() -> None:
    """After `patience` epochs without a better val accuracy it stops, equals don't count as better."""
    found = run([3, 5, 5, 4, 5, 9], max_epochs=50, patience=3)
    assert [result.best_epoch for result in found] == [1, 2, 2, 2, 2]
    assert found[-1].best_val_accuracy == 0.5
    assert finished(found[-1], max_epochs=50, patience=3)
    assert not any(finished(result, max_epochs=50, patience=3) for result in found[:-1])


def test_an_accuracy_of_zero_is_a_first_best() -> None:
    """Even the worst first epoch is the best so far, so that there is a checkpoint."""
    assert run([0, 0], max_epochs=1, patience=1)[0].best_epoch == 1


def test_it_goes_on_from_a_progress() -> None:
    """Epochs count on, and the best so far and the patience spent are remembered."""
    start = Progress(epoch=4, best_val_accuracy=0.7, best_epoch=3)
    found = run([7, 6, 9], max_epochs=10, patience=3, start=start)
    assert [(result.epoch, result.best_epoch) for result in found] == [(5, 3), (6, 3)]
    better = run([8, 6, 6, 6], max_epochs=10, patience=3, start=start)
    assert [result.best_epoch for result in better] == [5, 5, 5, 5]
    assert run([9], max_epochs=4, patience=3, start=start) == []


def test_every_field_is_what_the_learner_gave() -> None:
    """Loss, accuracy and rate come from the passes; the schedule gets the val loss before the result is out."""
    learner = ScriptedLearner([6, 4])
    results = epochs(learner, max_epochs=2, patience=5)
    first = next(results)
    assert learner.log == ["train", "evaluate", "after 1.0"]
    assert (first.train_loss, first.train_accuracy, first.learning_rate) == (1.0, 0.5, 0.1)
    assert (first.val_loss, first.val_accuracy) == (1.0, 0.6)
    assert first.val_macro_f1 == pytest.approx(0.375)  # class 0: 2 * 6 / (10 + 6), class 1: none of its own
    assert first.epoch_seconds > 0
    assert first.samples_per_second == pytest.approx(100 / first.epoch_seconds)
    assert next(results).train_loss == 0.5


def test_a_divergence_reaches_the_caller() -> None:
    """Diverged isn't swallowed, and no epoch is reported for it."""
    learner = ScriptedLearner([5])
    learner.train_epoch = lambda after_step: (_ for _ in ()).throw(Diverged("nan"))  # type: ignore[method-assign]
    with pytest.raises(Diverged, match="nan"):
        next(epochs(learner, max_epochs=5, patience=5))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_scores_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """Accuracy and macro F1 equal scikit-learn's, with classes that are never true, never predicted, or neither."""
    labels, predicted = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    evaluation = Evaluation(np.eye(4, dtype=np.float32)[predicted], labels, 0.0)
    expected = f1_score(labels, predicted, labels=range(4), average="macro", zero_division=0)
    assert evaluation.macro_f1 == pytest.approx(expected)
    assert evaluation.accuracy == pytest.approx(accuracy_score(labels, predicted))
