"""A trial that was stopped or lost its worker: what the next worker trains and reports. Driven as an actor would be."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from modality_names import IMAGE, MODALITIES, TEXT
from trainables_fakes import assert_same_tensors
from tune_fakes import FIELDS, best_of, folder_of, names, run, timeless, worker

from trainables.checkpoint import read_checkpoint
from trainables.errors import UserError
from trainables.worker.attempt import StopFile
from trainables.worker.cadence import Cadence
from trainables.worker.tune_adapter import TuneTrial


def undisturbed(config: dict[str, Any], tmp_path: Path) -> tuple[list[dict[str, Any]], TuneTrial]:
    """What a trial reports that nobody disturbs, without notes, and its worker; its folder is empty after."""
    trial = worker(config)
    reports = [timeless(report) for report in run(trial)]
    shutil.rmtree(tmp_path / config["modality"])
    return [{**report, "note": ""} for report in reports], trial


@pytest.mark.parametrize("recorded", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("modality", MODALITIES)
def test_each_epoch_is_reported_once(modality: str, recorded: int | None, raw: Any, tmp_path: Path) -> None:
    """State after two of three trained epochs: what isn't recorded comes from the state, what is behind is trained.

    All as undisturbed, to the last weight; an epoch that was recorded beyond the state is trained and told again.
    """
    config = {**raw(modality, checkpoint_every=2), **({} if recorded is None else {"recorded": recorded})}
    expected, whole = undisturbed(config, tmp_path)
    first = worker(config)
    for _ in range(3):
        first.step()
    second = worker(config)
    reports = [timeless(report) for report in run(second)]
    assert reports[0].pop("note") == "Resumed after epoch 2."
    assert [{"note": "", **report} for report in reports] == expected[min(recorded or 0, 2) :]
    assert_same_tensors(second.runner._built.learner.weights(), whole.runner._built.learner.weights())


@pytest.mark.parametrize("modality", MODALITIES)
def test_where_no_state_is_whole_a_trial_is_trained_anew(modality: str, raw: Any, tmp_path: Path) -> None:
    """It ends as undisturbed, to the last weight, best checkpoint included, and says what happened."""
    config = raw(modality, checkpoint_every=1, max_epochs=3)
    expected, whole = undisturbed(config, tmp_path)
    first = worker(config)
    for _ in range(2):
        first.step()
    for folder in ("last", "previous"):
        (folder_of(tmp_path, modality) / folder / "weights.safetensors").write_bytes(b"")
    second = worker({**config, "recorded": 2})
    reports = [timeless(report) for report in run(second)]
    assert reports[0]["note"].startswith("Trained anew from its first epoch. None of its saved states is whole: ")
    assert [report | {"note": ""} for report in reports] == expected
    assert_same_tensors(second.runner._built.learner.weights(), whole.runner._built.learner.weights())
    assert "best" in names(folder_of(tmp_path, modality))


def test_what_the_state_tells_is_what_was_measured(raw: Any) -> None:
    """An epoch that is reported from the state has the seconds and bytes of when it was trained."""
    config = raw(TEXT, checkpoint_every=1)
    first = worker(config)
    before = [first.step(), first.step()]
    second = worker(config)
    assert [second.step() | {"note": ""} for _ in before] == before


@pytest.mark.parametrize("recorded", [0, 1, 2])
def test_a_trial_restarted_after_its_last_epoch_says_so_again(raw: Any, recorded: int) -> None:
    """Nothing is trained; what isn't on record is told, the last epoch in any case, and the trial is done."""
    config = {**raw(TEXT, max_epochs=2, checkpoint_every=1), "recorded": recorded}
    before = run(worker(config))
    again = worker(config)
    weights = {name: tensor.clone() for name, tensor in again.runner._built.learner.weights().items()}
    reports = run(again)
    assert reports[0].pop("note") == "Resumed after epoch 2."
    assert [{"note": "", **report} for report in reports] == before[min(recorded, 1) :]
    assert_same_tensors(again.runner._built.learner.weights(), weights)


def test_a_better_best_outlasts_epochs_that_are_trained_again(raw: Any, tmp_path: Path) -> None:
    """State at epoch 1, record at 3, best on disk of epoch 3: training 2 and 3 again leaves those very bytes."""
    config = raw(IMAGE, checkpoint_every=1, max_epochs=4)
    first = worker(config)
    first.step()
    state = tmp_path / "kept"
    shutil.copytree(folder_of(tmp_path, IMAGE) / "last", state)
    for _ in range(2):
        first.runner._history[-1] = _without_score(first.runner._history[-1])  # each epoch is a new best
        first.runner._results = first.runner._train(first.runner._progress())  # type: ignore[assignment]
        first.step()
    best = best_of(tmp_path, IMAGE)
    assert read_checkpoint(best).meta["epoch"] == 3
    manifest = (best / "manifest.json").read_bytes(), (best / "manifest.json").stat().st_mtime_ns
    for name in ("last", "previous"):
        shutil.rmtree(folder_of(tmp_path, IMAGE) / name)
    state.rename(folder_of(tmp_path, IMAGE) / "last")
    second = worker({**config, "recorded": 3})
    second.runner._history[-1] = _without_score(second.runner._history[-1])
    second.runner._results = second.runner._train(second.runner._progress())  # type: ignore[assignment]
    assert second.step()["best_epoch"] == 2
    assert ((best / "manifest.json").read_bytes(), (best / "manifest.json").stat().st_mtime_ns) == manifest


def _without_score(result: Any) -> Any:
    return type(result)(**{**result.as_metrics(), "best_val_accuracy": -1.0})


def test_a_best_beyond_the_record_is_written_again(raw: Any, tmp_path: Path) -> None:
    """Trained again, an epoch that the record doesn't have writes its best anew: the same weights and meta."""
    config = raw(TEXT, checkpoint_every=100)
    worker(config).step()
    best = best_of(tmp_path, TEXT)
    before, changed = read_checkpoint(best), (best / "manifest.json").stat().st_mtime_ns
    worker(config).step()
    after = read_checkpoint(best)
    assert (best / "manifest.json").stat().st_mtime_ns > changed
    assert after.meta == before.meta
    assert_same_tensors(after.weights, before.weights)


def test_seconds_save_within_an_epoch(raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state is due after the second step: the trial goes on from there within the epoch, exactly."""
    config = {**raw(IMAGE, checkpoint_every=100), "recorded": 1}
    expected, _ = undisturbed(config, tmp_path)
    calls = 0

    def due(self: object, ended_epoch: int | None = None) -> bool:
        nonlocal calls
        calls += ended_epoch is None
        return ended_epoch is None and calls == 5  # three steps an epoch: the second one's second

    with monkeypatch.context() as patched:
        patched.setattr(Cadence, "due", due)
        first = worker(config)
        first.step()
        first.step()
    reports = [timeless(report) for report in run(worker(config))]
    assert reports[0].pop("note") == "Resumed within epoch 2."
    assert [{"note": "", **report} for report in reports] == expected[1:]


@pytest.mark.parametrize("look", [1, 2, 4, 5, 6])
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_stopped_trial_loses_nothing(
    modality: str, look: int, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told at any look (before the first step, after the first or the last one of an epoch, between two epochs).

    The attempt ends as `interrupted`, with every field and without an epoch; the folder is free; the next attempt ends
    as if nothing had happened.
    """
    config = {**raw(modality, checkpoint_every=100, max_epochs=3), "stop_file": str(tmp_path / "stop")}
    expected, whole = undisturbed(config, tmp_path)
    looks = 0

    def seen(self: object) -> bool:
        nonlocal looks
        looks += 1
        return looks == look

    with monkeypatch.context() as patched:
        patched.setattr(StopFile, "seen", seen)
        first = run(worker(config))
    ended = first.pop()
    assert set(ended) >= FIELDS
    assert (ended["done"], ended["stop_reason"]) == (True, "interrupted")
    assert ended["val_accuracy"] != ended["val_accuracy"]
    assert ended["epoch"] == len(first) + 1
    second = TuneTrial(config={**config, "recorded": len(first)})  # at once: an attempt that ended holds no lock
    reports = [timeless(report) for report in run(second)]
    assert reports[0]["note"].startswith("Resumed ")
    assert [{**report, "note": ""} for report in map(timeless, first)] + [
        {**report, "note": ""} for report in reports
    ] == expected
    assert_same_tensors(second.runner._built.learner.weights(), whole.runner._built.learner.weights())


def test_a_stop_file_stops_before_anything_is_trained(raw: Any, tmp_path: Path) -> None:
    """It is there already: no epoch is trained or told from the state; when it is gone, the trial goes on."""
    stop = tmp_path / "stop"
    config = {**raw(TEXT, checkpoint_every=1, max_epochs=2), "stop_file": str(stop)}
    worker(config).step()
    stop.touch()
    assert [report["stop_reason"] for report in run(worker(config))] == ["interrupted"]
    stop.unlink()
    assert [report["epoch"] for report in run(worker(config))] == [1, 2]


def test_a_damaged_state_gives_way_to_the_one_before_and_is_told(raw: Any, tmp_path: Path) -> None:
    """A flipped byte in the last state: the trial goes on from the one before, and its report says so."""
    config = {**raw(TEXT, checkpoint_every=1), "recorded": 3}
    first = worker(config)
    for _ in range(3):
        first.step()
    path = folder_of(tmp_path, TEXT) / "last" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    report = worker(config).step()
    assert report["epoch"] == 3
    assert report["note"].splitlines()[0] == "Resumed after epoch 2."
    assert "damaged" in report["note"]


def test_another_trials_state_is_refused(raw: Any) -> None:
    """A folder that holds the state of other hyperparameters isn't gone on from; and it isn't kept locked."""
    config = raw(TEXT, checkpoint_every=1)
    worker(config).step()
    with pytest.raises(UserError, match="another trial"):
        worker(raw(TEXT, checkpoint_every=1, learning_rate=0.02))
    assert TuneTrial(config=config).step()["epoch"] == 1


def test_tunes_own_request_for_a_state_saves_it(raw: Any, tmp_path: Path) -> None:
    """A scheduler that pauses a trial finds it where it was, though no state was due."""
    config = {**raw(TEXT, checkpoint_every=100), "recorded": 1}
    first = worker(config)
    first.step()
    first.save_checkpoint(str(tmp_path / "tune"))
    second = worker(config)
    second.load_checkpoint(str(tmp_path / "tune"))
    assert second.step()["epoch"] == 2


def test_a_worker_killed_while_it_replaced_the_best_gets_it_back(raw: Any, tmp_path: Path) -> None:
    """Begun again with `best.old` alone, the trial has its best again even if no later epoch is better."""
    config = {**raw(TEXT, learning_rate=1e-9, checkpoint_every=1), "recorded": 1}
    worker(config).step()
    best = best_of(tmp_path, TEXT)
    best.rename(best.with_name("best.old"))
    run(worker(config))
    assert read_checkpoint(best).meta["epoch"] == 1
    assert names(best.parent) == ["best", "last", "previous"]
