"""A worker that is killed in the middle of an epoch: what goes on in a new process ends exactly alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import resume_worker
import torch
from modality_names import IMAGE, TEXT
from safetensors.torch import load_file
from trainables_fakes import assert_same_tensors

TRIALS: list[tuple[str, dict[str, Any]]] = [
    (IMAGE, {"schedule": "plateau", "plateau_patience": 0, "head_learning_rate": 0.05, "ema_decay": 0.8}),
    (IMAGE, {"schedule": "one_cycle", "frozen_epochs": 1}),
    (IMAGE, {"schedule": "cosine", "warmup_share": 0.2}),
    (TEXT, {"schedule": "linear", "ema_decay": 0.8}),
    (TEXT, {"schedule": "plateau", "plateau_patience": 0, "learning_rate": 0.05}),
]


def work(folder: Path, saves: int) -> int:
    """A worker process over all trials; its exit code."""
    worker = Path(__file__).parents[2] / "fakes" / "resume_worker.py"
    command = [sys.executable, str(worker), str(folder), str(saves)]
    done = subprocess.run(command, input=json.dumps(TRIALS), text=True, capture_output=True, check=False, timeout=200)
    assert done.returncode in (0, -9), done.stderr[-3000:]
    return done.returncode


def epochs_of(folder: Path, number: int) -> list[dict[str, Any]]:
    """A trial's epochs, the last word on each."""
    lines = (folder / f"{number}.jsonl").read_text().splitlines()
    return [epoch for _, epoch in sorted({line["epoch"]: line for line in map(json.loads, lines)}.items())]


def test_a_worker_killed_mid_epoch_goes_on_in_a_new_process_exactly(tmp_path: Path) -> None:
    """Killed twice at different steps: every epoch's metrics and the final weights equal an undisturbed run's."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    threads = torch.get_num_threads()
    resume_worker.work(whole, 0, TRIALS)
    torch.set_num_threads(threads)
    assert work(killed, 1) == -9
    assert work(killed, 3) == -9
    assert all((killed / f"trial_{number}" / "last").is_dir() for number in range(len(TRIALS)))
    assert not list(killed.glob("*.safetensors"))
    assert work(killed, 0) == 0
    for number in range(len(TRIALS)):
        expected = epochs_of(whole, number)
        assert [epoch["epoch"] for epoch in expected] == [1, 2, 3, 4, 5, 6]
        assert epochs_of(killed, number) == expected
        assert_same_tensors(*(load_file(folder / f"{number}.safetensors") for folder in (killed, whole)))
