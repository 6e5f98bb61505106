"""Tune's trial class, without a cluster: built and driven by hand as an actor would be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from modality_names import IMAGE, MODALITIES, TEXT
from trainables_fakes import assert_same_tensors
from tune_fakes import FIELDS, best_of, folder_of, names, run, worker

from trainables.checkpoint import read_checkpoint, read_val_logits
from trainables.data.study_data import packed
from trainables.errors import UserError
from trainables.inference import predict_split
from trainables.learning.loop import Progress
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL, trial_name
from trainables.worker.runner import read_splits


def test_a_trials_name() -> None:
    """Modality and number, sorted as text up to a thousand trials."""
    assert [trial_name(IMAGE, 3), trial_name(TEXT, 120)] == ["image_003", "text_120"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_trial_reports_each_epoch_and_completes(modality: str, raw: Any, data: DataAccess, tmp_path: Path) -> None:
    """Every field of EpochResult each time, `done` and `completed` at the last epoch alone, and a best that predicts.

    The best checkpoint is that of the best epoch, with its score in the meta, and reproduces its val accuracy.
    """
    reports = run(worker(raw(modality, max_epochs=3)))
    assert [report["epoch"] for report in reports] == [1, 2, 3]
    assert all(set(report) >= FIELDS for report in reports)
    assert all("done" not in report and "stop_reason" not in report for report in reports[:-1])
    assert reports[-1]["done"] is True
    assert reports[-1]["stop_reason"] == "completed"
    best = best_of(tmp_path, modality)
    meta = read_checkpoint(best).meta
    assert meta["epoch"] == meta["best_epoch"] == reports[-1]["best_epoch"]
    assert meta["best_val_accuracy"] == reports[-1]["best_val_accuracy"]
    found = predict_split(best, data.splits[VAL])
    accuracy = (found.logits.argmax(axis=1) == found.labels).mean()
    assert accuracy == pytest.approx(reports[-1]["best_val_accuracy"])
    assert read_val_logits(best) == pytest.approx(found.logits, abs=1e-5)
    assert names(best.parent) == ["best"]


def test_pictures_must_be_those_that_the_study_began_with(raw: Any, tmp_path: Path) -> None:
    """The digests that a trial is given decide, where it must make the cache itself; none is made of other pictures."""
    given = {"prepared": {"content": {TRAIN: "0" * 64, VAL: "0" * 64}}, "caches": str(tmp_path / "cache")}
    with pytest.raises(UserError, match="changed since"):
        worker({**raw(IMAGE), **given})
    assert list((tmp_path / "cache").glob("pictures/*/pictures.npy")) == []
    trial = worker({**raw(IMAGE, max_epochs=1), **given, "decode": "stream"})
    assert trial.step()["done"]


def test_patience_completes_a_trial(raw: Any) -> None:
    """Without a better val accuracy for `patience` epochs the trial is complete, not pruned."""
    reports = run(worker(raw(TEXT, max_epochs=30, patience=1, learning_rate=1e-9)))
    assert [report["epoch"] for report in reports] == [1, 2]
    assert reports[-1]["stop_reason"] == "completed"


def test_best_is_written_only_when_val_improves(raw: Any, tmp_path: Path) -> None:
    """A later epoch that is no better leaves the best checkpoint as it is."""
    trial = worker(raw(TEXT, max_epochs=30, patience=5, learning_rate=1e-9))
    trial.step()
    best = best_of(tmp_path, TEXT)
    first = (best / "manifest.json").stat().st_mtime_ns, read_checkpoint(best).weights
    report = trial.step()
    assert report["best_epoch"] == 1
    assert (best / "manifest.json").stat().st_mtime_ns == first[0]
    behind = Progress(2, -1.0, 1)  # whatever comes next is better
    trial.runner._results = trial.runner._train(behind)  # type: ignore[assignment]
    assert trial.step()["best_epoch"] == 3
    assert read_checkpoint(best).meta["epoch"] == 3


def test_a_diverged_trial_ends_itself(raw: Any, tmp_path: Path) -> None:
    """NaN weights: the report has every field, the epoch that failed, `done`, `diverged` and a reason; no best."""
    trial = worker(raw(IMAGE))
    weights = trial.runner._built.learner.weights()
    weights["head.0.weight"].fill_(float("nan"))
    report = trial.step()
    assert set(report) >= FIELDS
    assert report["done"] is True
    assert report["stop_reason"] == "diverged"
    assert report["epoch"] == 1
    assert math.isnan(report["val_accuracy"])
    assert "loss" in report["detail"]
    assert not best_of(tmp_path, IMAGE).exists()


def test_a_trial_that_diverges_later_keeps_its_best(raw: Any, tmp_path: Path) -> None:
    """One good epoch, then NaN: epoch 2 diverged, and the best of epoch 1 is still there."""
    trial = worker(raw(TEXT))
    trial.step()
    next(iter(trial.runner._built.learner.weights().values())).fill_(float("nan"))
    report = trial.step()
    assert (report["stop_reason"], report["epoch"]) == ("diverged", 2)
    assert read_checkpoint(best_of(tmp_path, TEXT)).meta["epoch"] == 1


def test_the_number_is_part_of_the_seed(raw: Any) -> None:
    """Two trials of equal hyperparameters begin differently, the same trial always alike."""
    one, other, again = (worker(raw(TEXT, number=number)).runner._built.learner.weights() for number in (0, 1, 0))
    assert_same_tensors(one, again)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_running_trials_folder_stays_within_what_was_said(modality: str, raw: Any, tmp_path: Path) -> None:
    """Best, last and previous state, with an average: at most 1 + 2 x 4 times the network's bytes, and small files."""
    trial = worker(raw(modality, checkpoint_every=1, ema_decay=0.9))
    run(trial)
    network = sum(tensor.nbytes for tensor in trial.runner._built.learner.weights().values())
    written = sum(path.stat().st_size for path in folder_of(tmp_path, modality).rglob("*") if path.is_file())
    assert network < written < 9 * network + 1_000_000


def test_a_trial_that_no_part_of_a_batch_fits_is_oom(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory at the floor ends the trial as `oom`, with a reason and every field."""

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    trial = worker(raw(IMAGE))
    monkeypatch.setattr(trial.runner._built.learner._stepper, "_backward", fail)  # type: ignore[attr-defined]
    report = trial.step()
    assert set(report) >= FIELDS
    assert (report["done"], report["stop_reason"], report["epoch"]) == (True, "oom", 1)
    assert "memory" in report["detail"]


@pytest.mark.parametrize("place", ["augment", "predict_pictures"])
def test_out_of_memory_beside_a_step_is_oom(place: str, raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that doesn't fit while it is augmented, or val's pictures: no retry on the same GPU helps."""

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(f"trainables.image.learner.{place}", fail)
    report = worker(raw(IMAGE)).step()
    assert (report["done"], report["stop_reason"], report["epoch"]) == (True, "oom", 1)
    assert "memory" in report["detail"]


def test_a_halved_batch_is_told_once(raw: Any) -> None:
    """Memory that holds 4 of 8 samples: the trial goes on in parts, and the first report says so."""
    trial = worker(raw(IMAGE))
    stepper = trial.runner._built.learner._stepper  # type: ignore[attr-defined]
    backward = stepper._backward

    def limited(inputs: Any, labels: Any, share: Any) -> Any:
        if len(labels) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return backward(inputs, labels, share)

    stepper._backward = limited
    first, second = trial.step(), trial.step()
    assert (first["micro_batch_size"], second["micro_batch_size"]) == (4, 4)
    assert "at most 4 samples at a time" in first["note"]
    assert second["note"] == ""


def test_a_changed_table_is_read_anew(data: DataAccess, tmp_path: Path) -> None:
    """The table is read once per version of the file, and a new version isn't missed."""
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(packed(data.splits[TRAIN], data.splits[VAL]))
    first = read_splits(str(path), 1)
    assert read_splits(str(path), 1) is first
    path.write_bytes(packed(data.splits[VAL], data.splits[VAL]))
    assert len(read_splits(str(path), 2)[TRAIN]) == 10
