"""The shared records."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from trainables.errors import UserError
from trainables.records import EpochResult, Predictions, StopReason, TrialRecord, best_epoch, study_checkpoint


def epoch(number: int, val_accuracy: float = 0.5) -> EpochResult:
    """An epoch of which the score matters."""
    return EpochResult(number, 0.7, 0.6, 0.8, val_accuracy, 0.4, 1e-3, 2.0, 50.0, val_accuracy, number)


def record(
    *accuracies: float, checkpoint: str | None = "image/image_003/best", error: str | None = None
) -> TrialRecord:
    """A trial of so many epochs."""
    return TrialRecord(
        study="garbage",
        modality="image",
        trial_id="image_003",
        number=3,
        params={"head_widths": (64, 32), "fit": "pad", "head_learning_rate": 1e-3},
        config={"head_widths": (64, 32), "batchnorm_momentum": None, "size": 224},
        stop_reason=StopReason.COMPLETED,
        epochs=tuple(epoch(number, accuracy) for number, accuracy in enumerate(accuracies, start=1)),
        seconds=12.5,
        checkpoint=checkpoint,
        error=error,
    )


def predictions(*ids: str) -> Predictions:
    """Two classes; logits and labels tell the rows apart."""
    count = len(ids)
    logits = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    return Predictions(ids, logits, np.arange(count, dtype=np.int64) % 2, ("A", "B"), 0.1)


def test_the_best_epoch_is_the_first_of_the_best() -> None:
    """In whatever order they come; a trial's is that of its epochs, and without one there is none."""
    epochs = [epoch(3, 0.75), epoch(1, 0.5), epoch(2, 0.75)]
    assert best_epoch(epochs) == epochs[2]
    assert best_epoch(iter(epochs[:2])) == epochs[0]
    assert best_epoch([]) is None
    assert record(0.5, 0.75, 0.75).best == epoch(2, 0.75)
    assert record().best is None


@pytest.mark.parametrize("error", [None, "Traceback: Müll\nline\u2028more"])
def test_a_record_is_one_line_and_comes_back(error: str | None) -> None:
    """Written and read, a record is equal, whatever its error's text holds, and it is one line."""
    own = record(0.5, 0.75, error=error)
    line = own.to_json()
    assert len(line.splitlines()) == 1
    assert TrialRecord.from_json(line) == own
    assert json.loads(line)["stop_reason"] == "completed"


def test_objectives_come_back_and_older_records_have_one() -> None:
    """A record of before there were objectives was of val accuracy alone; an epoch has a value in each objective."""
    two = dataclasses.replace(record(0.5), objectives=("val_accuracy", "size"))
    assert TrialRecord.from_json(two.to_json()) == two
    older = json.loads(two.to_json())
    del older["objectives"]
    assert TrialRecord.from_json(json.dumps(older)).objectives == ("val_accuracy",)
    result = dataclasses.replace(two.epochs[0], weights_bytes=17, latency=0.25)
    assert [result.objective(name) for name in ("val_accuracy", "size", "latency")] == [0.5, 17.0, 0.25]


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_stop_reason_comes_back(reason: StopReason) -> None:
    """The word in the file is the reason's own."""
    found = TrialRecord.from_json(dataclasses.replace(record(0.5), stop_reason=reason).to_json())
    assert found.stop_reason is reason


@pytest.mark.parametrize("line", ['{"study": "a"', '{"epochs": [], "stop_reason": "tired"}'])
def test_a_torn_line_or_an_unknown_reason_is_no_record(line: str) -> None:
    """What isn't a record raises, it isn't guessed at."""
    with pytest.raises((ValueError, KeyError)):
        TrialRecord.from_json(line)


def test_the_best_epoch_is_the_first_of_equals() -> None:
    """The highest val accuracy, the earliest where several have it, None without an epoch."""
    best = record(0.5, 0.8, 0.7, 0.8).best
    assert best is not None
    assert best.epoch == 2
    assert record().best is None


def test_metrics_are_all_fields() -> None:
    """Tune gets every field by its name."""
    assert epoch(4, 0.9).as_metrics() == dataclasses.asdict(epoch(4, 0.9))


def test_predictions_are_aligned_by_id() -> None:
    """Rows follow the ids asked for, with their logits and labels."""
    found = predictions("a", "b", "c").aligned(("c", "a", "b"))
    assert found.ids == ("c", "a", "b")
    assert found.logits.tolist() == [[4, 5], [0, 1], [2, 3]]
    assert found.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("ids", [("a", "b"), ("a", "b", "d"), ("a", "b", "c", "d")])
def test_other_samples_cant_be_aligned(ids: tuple[str, ...]) -> None:
    """Fewer, other or more samples: an error that names what differs, never a silent intersection."""
    with pytest.raises(ValueError, match=r"differ: \['[cd]'"):
        predictions("a", "b", "c").aligned(ids)


@pytest.mark.parametrize("change", [{"ids": ("a",)}, {"classes": ("A",)}, {"labels": np.zeros(3, dtype=np.int64)}])
def test_predictions_must_fit_together(change: dict[str, object]) -> None:
    """Ids, classes, logits and labels of unequal length are refused."""
    with pytest.raises(ValueError, match="shape"):
        dataclasses.replace(predictions("a", "b"), **change)  # type: ignore[arg-type]


def test_where_a_checkpoint_lies() -> None:
    """Relative to the study's folder, wherever that was copied to; none is an error that says why."""
    assert study_checkpoint(Path("/copy"), record(0.5)) == Path("/copy/image/image_003/best")
    with pytest.raises(ValueError, match=r"image_003 has no checkpoint.*completed"):
        study_checkpoint(Path("/copy"), record(checkpoint=None))


@pytest.mark.parametrize("leaving", ["../other/best", "/etc", "image/../../x", "a\\b", "", "a\0b"])
def test_a_checkpoint_lies_in_the_study(leaving: str) -> None:
    """A record whose checkpoint is elsewhere is none: what it names is read and hashed."""
    line = json.dumps({**json.loads(record(0.5).to_json()), "checkpoint": leaving})
    with pytest.raises(ValueError, match="checkpoint must lie in the study's folder"):
        TrialRecord.from_json(line)


def test_a_users_mistake_is_a_value_error() -> None:
    """UserError can be caught as what it is by those who don't know it."""
    assert issubclass(UserError, ValueError)
