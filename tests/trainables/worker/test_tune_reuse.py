"""A worker that takes one trial after the other: nothing of the one before is left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from modality_names import IMAGE, MODALITIES, TEXT
from trainables_fakes import assert_same_tensors
from tune_fakes import best_of, names, run, timeless, worker

from trainables.checkpoint import read_checkpoint
from trainables.learning.randomness import random_state
from trainables.worker.attempt import lock_trial
from trainables.worker.tune_adapter import TuneTrial

OTHER = {
    IMAGE: {"schedule": "plateau", "ema_decay": 0.9, "precision": "bf16", "class_weights": "balanced", "batch_size": 5},
    TEXT: {"schedule": "cosine", "ema_decay": 0.9, "precision": "bf16", "frozen_epochs": 1, "batch_size": 5},
}


def surroundings() -> dict[str, Any]:
    """All of a process that trials share, as comparable values."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "python": random.getstate(),
        "numpy": [str(part) for part in random_state()["numpy"]],
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32),
        "folder": os.getcwd(),
        "environment": {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
    }


@pytest.mark.parametrize("before", MODALITIES)
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_reused_actor_is_as_good_as_a_fresh_one(
    before: str, modality: str, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a trial that did all otherwise, bit for bit what a new actor gives: reports, weights, and surroundings.

    The other trial drew from every generator and had more threads; its folder is free as soon as the next one begins.
    """
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    config = raw(modality, number=5, max_epochs=2, checkpoint_every=1)
    fresh = worker(config)
    expected, after = [timeless(report) for report in run(fresh)], surroundings()
    best, state = best_of(tmp_path, modality, 5), best_of(tmp_path, modality, 5).with_name("last")
    kept = [read_checkpoint(folder) for folder in (best, state)]
    (tmp_path / modality).rename(tmp_path / "fresh")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")

    reused = worker({**raw(before, number=1, **OTHER[before]), "cpus": 2})
    reused.step()
    random.seed()
    np.random.seed()
    assert reused.reset_config(config) is True
    lock_trial(best_of(tmp_path, before, 1).parent, patience=0).release()
    assert [timeless(report) for report in run(reused)] == expected
    assert surroundings() == after
    assert_same_tensors(reused.runner._built.learner.weights(), fresh.runner._built.learner.weights())
    for folder, checkpoint in zip((best, state), kept, strict=True):
        assert_same_tensors(read_checkpoint(folder).weights, checkpoint.weights)
        assert names(folder) == names(tmp_path / "fresh" / folder.parent.name / folder.name)


def test_an_actor_goes_from_one_modality_to_the_other(raw: Any, tmp_path: Path) -> None:
    """An image trial's actor takes a text trial next, and writes into that one's folder."""
    trial = worker(raw(IMAGE))
    trial.step()
    trial.reset_config(raw(TEXT, number=2))
    assert trial.step()["epoch"] == 1
    assert read_checkpoint(best_of(tmp_path, TEXT, 2)).meta["modality"] == TEXT


def test_an_actor_outlives_a_trial_that_couldnt_be_built(raw: Any) -> None:
    """A faulty trial raises and holds no lock; the next one trains in the same actor."""
    trial = worker(raw(TEXT))
    with pytest.raises(ValueError, match="head_widths"):
        trial.reset_config(raw(TEXT, number=1, head_widths=[1]))
    assert trial.reset_config(raw(TEXT, number=2))
    assert trial.step()["epoch"] == 1


def test_a_trial_that_is_done_frees_its_folder(raw: Any, tmp_path: Path) -> None:
    """A reused worker waits for its next trial: another one may take the folder of the one that ended."""
    first = worker(raw(TEXT, max_epochs=1))
    folder = best_of(tmp_path, TEXT).parent
    with pytest.raises(RuntimeError, match="one worker"):
        lock_trial(folder, patience=0)
    assert first.step()["done"]
    lock_trial(folder, patience=0).release()


def test_a_report_tells_who_and_what_it_used(raw: Any) -> None:
    """Host and process, peak memory of this trial, shares of the processors, seconds a sample, bytes of the weights."""
    trial = worker(raw(IMAGE, max_epochs=1))
    report = trial.step()
    host, process = report["worker"].split()
    assert host
    assert int(process) == os.getpid()
    assert report["host_memory_bytes"] > 50_000_000
    assert report["cpu_utilization"] > 0
    assert 0 < report["latency"] < report["epoch_seconds"]
    assert report["weights_bytes"] == sum(tensor.nbytes for tensor in trial.runner._built.learner.weights().values())
    if not torch.cuda.is_available():
        assert (report["gpu_memory_bytes"], report["gpu_utilization"]) == (0, 0)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs a system that pins processes")
def test_only_where_asked_a_worker_has_its_own_cores(raw: Any, tmp_path: Path) -> None:
    """`pin`: one CPU given, one core used; without the key the process stays as it was."""
    script = (
        "import json, os, sys; from trainables.worker.tune_adapter import TuneTrial; configs = json.load(sys.stdin);"
        "print([(TuneTrial(config=config), len(os.sched_getaffinity(0)))[1] for config in configs])"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    configs = [raw(TEXT), {**raw(TEXT, number=1), "pin": True}]
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(configs),
        text=True,
        capture_output=True,
        check=True,
        env=environment,
        timeout=100,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [len(os.sched_getaffinity(0)), 1]


def test_trials_can_be_told_apart_by_their_lock(raw: Any) -> None:
    """Two trials of one modality run side by side, each in its own folder."""
    first, second = worker(raw(TEXT)), TuneTrial(config=raw(TEXT, number=1))
    assert first.step()["epoch"] == second.step()["epoch"] == 1
    second.cleanup()
