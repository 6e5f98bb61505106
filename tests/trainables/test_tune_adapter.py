"""Tune's trial class, without a cluster: built and driven by hand as an actor would be."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from trainables_fakes import PIXEL_LIMIT, TRIAL, assert_same_tensors

from trainables.build import DataAccess
from trainables.cadence import Cadence
from trainables.checkpoint import read_checkpoint
from trainables.data.samples import splits_to_json
from trainables.inference import predict_split
from trainables.loop import Progress, epochs
from trainables.records import IMAGE, MODALITIES, TEXT, TRAIN, VAL, EpochResult, UserError
from trainables.tune_adapter import TuneTrial, read_splits, trial_name

FIELDS = set(EpochResult.__dataclass_fields__)
CLOCK = {"epoch_seconds", "samples_per_second"}


@pytest.fixture(scope="module")
def data_file(data: DataAccess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's data.json."""
    path = tmp_path_factory.mktemp("study") / "data.json"
    path.write_text(json.dumps(splits_to_json(data.splits[TRAIN], data.splits[VAL])))
    return path


@pytest.fixture
def raw(data: DataAccess, data_file: Path, tmp_path: Path) -> Any:
    """Makes a trial's raw dict."""

    def make(modality: str, number: int = 0, **changes: Any) -> dict[str, Any]:
        return {
            "hyperparameters": {**TRIAL[modality], **changes},
            "number": number,
            "modality": modality,
            "data": str(data_file),
            "cache": str(data.cache),
            "pixel_limit": PIXEL_LIMIT,
            "content": None,
            "decode": "cache",
            "folder": str(tmp_path / modality),
            "seed": 7,
            "cpus": 1,
        }

    return make


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what the clock says."""
    return {name: value for name, value in report.items() if name not in CLOCK}


def run(trial: TuneTrial) -> list[dict[str, Any]]:
    """All reports of a trial until it says that it is done."""
    reports = [trial.step()]
    while not reports[-1].get("done"):
        reports.append(trial.step())
        assert len(reports) < 50, "a trial must end"
    return reports


def best_of(tmp_path: Path, modality: str, number: int = 0) -> Path:
    """Where a trial's best checkpoint must lie."""
    return tmp_path / modality / f"{modality}_{number:03d}" / "best"


def test_a_trials_name() -> None:
    """Modality and number, sorted as text up to a thousand trials."""
    assert [trial_name(IMAGE, 3), trial_name(TEXT, 120)] == ["image_003", "text_120"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_trial_reports_each_epoch_and_completes(modality: str, raw: Any, data: DataAccess, tmp_path: Path) -> None:
    """Every field of EpochResult each time, `done` and `completed` at the last epoch alone, and a best that predicts.

    The best checkpoint is that of the best epoch, with its score in the meta, and reproduces its val accuracy.
    """
    reports = run(TuneTrial(config=raw(modality, max_epochs=3)))
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
    assert [path.name for path in best.parent.iterdir()] == ["best"]


def test_pictures_must_be_those_that_the_study_began_with(raw: Any, tmp_path: Path) -> None:
    """The digests that a trial is given decide, where it must make the cache itself; none is made of other pictures."""
    given = {"content": {TRAIN: "0" * 64, VAL: "0" * 64}, "cache": str(tmp_path / "cache")}
    with pytest.raises(UserError, match="changed since"):
        TuneTrial(config={**raw(IMAGE), **given})
    assert list((tmp_path / "cache").glob("*/pictures.npy")) == []
    trial = TuneTrial(config={**raw(IMAGE, max_epochs=1), **given, "decode": "stream"})
    assert trial.step()["done"]


def test_patience_completes_a_trial(raw: Any) -> None:
    """Without a better val accuracy for `patience` epochs the trial is complete, not pruned."""
    reports = run(TuneTrial(config=raw(TEXT, max_epochs=30, patience=1, learning_rate=1e-9)))
    assert [report["epoch"] for report in reports] == [1, 2]
    assert reports[-1]["stop_reason"] == "completed"


def test_best_is_written_only_when_val_improves(raw: Any, tmp_path: Path) -> None:
    """A later epoch that is no better leaves the best checkpoint as it is."""
    trial = TuneTrial(config=raw(TEXT, max_epochs=30, patience=5, learning_rate=1e-9))
    trial.step()
    best = best_of(tmp_path, TEXT)
    first = (best / "manifest.json").stat().st_mtime_ns, read_checkpoint(best).weights
    report = trial.step()
    assert report["best_epoch"] == 1
    assert (best / "manifest.json").stat().st_mtime_ns == first[0]
    behind = Progress(2, -1.0, 1)  # whatever comes next is better
    trial._results = epochs(trial._built.learner, max_epochs=30, patience=5, start=behind)
    assert trial.step()["best_epoch"] == 3
    assert read_checkpoint(best).meta["epoch"] == 3


def test_a_diverged_trial_ends_itself(raw: Any, tmp_path: Path) -> None:
    """NaN weights: the report has every field, the epoch that failed, `done`, `diverged` and a reason; no best."""
    trial = TuneTrial(config=raw(IMAGE))
    weights = trial._built.learner.weights()
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
    trial = TuneTrial(config=raw(TEXT))
    trial.step()
    next(iter(trial._built.learner.weights().values())).fill_(float("nan"))
    report = trial.step()
    assert (report["stop_reason"], report["epoch"]) == ("diverged", 2)
    assert read_checkpoint(best_of(tmp_path, TEXT)).meta["epoch"] == 1


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_reused_actor_is_as_good_as_a_fresh_one(modality: str, raw: Any) -> None:
    """After another trial, `reset_config` gives bit for bit what a new actor gives: nothing of the old one is left."""
    fresh = TuneTrial(config=raw(modality, number=5, max_epochs=2))
    expected = [timeless(report) for report in run(fresh)]

    reused = TuneTrial(config=raw(modality, number=1))
    reused.step()
    assert reused.reset_config(raw(modality, number=5, max_epochs=2)) is True
    assert [timeless(report) for report in run(reused)] == expected
    assert_same_tensors(reused._built.learner.weights(), fresh._built.learner.weights())


def test_an_actor_goes_from_one_modality_to_the_other(raw: Any, tmp_path: Path) -> None:
    """An image trial's actor takes a text trial next, and writes into that one's folder."""
    trial = TuneTrial(config=raw(IMAGE))
    trial.step()
    trial.reset_config(raw(TEXT, number=2))
    assert trial.step()["epoch"] == 1
    assert read_checkpoint(best_of(tmp_path, TEXT, 2)).meta["modality"] == TEXT


def test_the_number_is_part_of_the_seed(raw: Any) -> None:
    """Two trials of equal hyperparameters begin differently, the same trial always alike."""
    one, other, again = (TuneTrial(config=raw(TEXT, number=number))._built.learner.weights() for number in (0, 1, 0))
    assert_same_tensors(one, again)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def states_of(tmp_path: Path, modality: str) -> Path:
    """Where the first trial of a modality keeps its states."""
    return tmp_path / modality / f"{modality}_000"


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_restarted_trial_goes_on_exactly(modality: str, raw: Any, tmp_path: Path) -> None:
    """Saved after two epochs, begun again in another actor: the same reports from there on, and the same weights."""
    config = raw(modality, checkpoint_every=2)
    expected = [timeless(report) for report in run(TuneTrial(config=raw(modality, checkpoint_every=100)))]

    first = TuneTrial(config=config)
    reports = [timeless(first.step()) for _ in range(3)][:2]  # the third epoch is lost with the worker
    second = TuneTrial(config=config)
    reports += [timeless(report) for report in run(second)]
    assert reports[2].pop("note") == "Resumed after epoch 2."
    expected[2].pop("note")
    assert reports == expected


def test_seconds_save_within_an_epoch(raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state is due after the second step: the trial goes on from there within the epoch, exactly."""
    expected = [timeless(report) for report in run(TuneTrial(config=raw(IMAGE, checkpoint_every=100)))]
    shutil.rmtree(tmp_path / IMAGE)

    calls = 0

    def due(self: object, ended_epoch: int | None = None) -> bool:
        nonlocal calls
        calls += ended_epoch is None
        return ended_epoch is None and calls == 5  # three steps an epoch: the second one's second

    with monkeypatch.context() as patched:
        patched.setattr(Cadence, "due", due)
        first = TuneTrial(config=raw(IMAGE, checkpoint_every=100))
        first.step()
        first.step()
    second = TuneTrial(config=raw(IMAGE, checkpoint_every=100))
    reports = [timeless(report) for report in run(second)]
    assert reports[0].pop("note") == "Resumed within epoch 2."
    expected[1].pop("note")
    assert reports == expected[1:]


def test_a_damaged_state_gives_way_to_the_one_before_and_is_told(raw: Any, tmp_path: Path) -> None:
    """A flipped byte in the last state: the trial goes on from the one before, and its report says so."""
    first = TuneTrial(config=raw(TEXT, checkpoint_every=1))
    for _ in range(3):
        first.step()
    path = states_of(tmp_path, TEXT) / "last" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    report = TuneTrial(config=raw(TEXT, checkpoint_every=1)).step()
    assert report["epoch"] == 3
    assert report["note"].splitlines()[0] == "Resumed after epoch 2."
    assert "damaged" in report["note"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_running_trials_folder_stays_within_what_was_said(modality: str, raw: Any, tmp_path: Path) -> None:
    """Best, last and previous state, with an average: at most 1 + 2 x 4 times the network's bytes, and small files."""
    trial = TuneTrial(config=raw(modality, checkpoint_every=1, ema_decay=0.9))
    run(trial)
    network = sum(tensor.nbytes for tensor in trial._built.learner.weights().values())
    written = sum(path.stat().st_size for path in states_of(tmp_path, modality).rglob("*") if path.is_file())
    assert network < written < 9 * network + 1_000_000


def test_another_trials_state_is_refused(raw: Any) -> None:
    """A folder that holds the state of other hyperparameters isn't gone on from."""
    TuneTrial(config=raw(TEXT, checkpoint_every=1)).step()
    with pytest.raises(UserError, match="another trial"):
        TuneTrial(config=raw(TEXT, checkpoint_every=1, learning_rate=0.02))


def test_a_trial_restarted_after_its_last_epoch_says_so_again(raw: Any) -> None:
    """The study stopped after the last state was saved: the trial reports its last epoch and is done."""
    config = raw(TEXT, max_epochs=2, checkpoint_every=1)
    last = run(TuneTrial(config=config))[-1]
    again = TuneTrial(config=config).step()
    assert again.pop("note") == "Resumed after epoch 2."
    last.pop("note")
    assert again == last


def test_tunes_own_request_for_a_state_saves_it(raw: Any, tmp_path: Path) -> None:
    """A scheduler that pauses a trial finds it where it was, though no state was due."""
    first = TuneTrial(config=raw(TEXT, checkpoint_every=100))
    first.step()
    first.save_checkpoint(str(tmp_path / "tune"))
    second = TuneTrial(config=raw(TEXT, checkpoint_every=100))
    second.load_checkpoint(str(tmp_path / "tune"))
    assert second.step()["epoch"] == 2


def test_a_trial_that_no_part_of_a_batch_fits_is_oom(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory at the floor ends the trial as `oom`, with a reason and every field."""

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    trial = TuneTrial(config=raw(IMAGE))
    monkeypatch.setattr(trial._built.learner._stepper, "_backward", fail)  # type: ignore[attr-defined]
    report = trial.step()
    assert set(report) >= FIELDS
    assert (report["done"], report["stop_reason"], report["epoch"]) == (True, "oom", 1)
    assert "memory" in report["detail"]


def test_a_halved_batch_is_told_once(raw: Any) -> None:
    """Memory that holds 4 of 8 samples: the trial goes on in parts, and the first report says so."""
    trial = TuneTrial(config=raw(IMAGE))
    stepper = trial._built.learner._stepper  # type: ignore[attr-defined]
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


def test_a_worker_killed_while_it_replaced_the_best_gets_it_back(raw: Any, tmp_path: Path) -> None:
    """Begun again with `best.old` alone, the trial has its best again even if no later epoch is better."""
    config = raw(TEXT, learning_rate=1e-9, checkpoint_every=1)
    TuneTrial(config=config).step()
    best = best_of(tmp_path, TEXT)
    best.rename(best.with_name("best.old"))
    run(TuneTrial(config=config))
    assert read_checkpoint(best).meta["epoch"] == 1
    assert sorted(path.name for path in best.parent.iterdir()) == ["best", "last", "previous"]


def test_a_changed_table_is_read_anew(data: DataAccess, tmp_path: Path) -> None:
    """The table is read once per version of the file, and a new version isn't missed."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps(splits_to_json(data.splits[TRAIN], data.splits[VAL])))
    first = read_splits(str(path), 1)
    assert read_splits(str(path), 1) is first
    path.write_text(json.dumps(splits_to_json(data.splits[VAL], data.splits[VAL])))
    assert len(read_splits(str(path), 2)[TRAIN]) == 10
