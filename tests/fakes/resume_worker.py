"""A worker process for `test_resume.py`: trains trials and notes each epoch; killed in one run, it goes on in the next.

    python resume_worker.py FOLDER KILL_AFTER_SAVES < trials.json

Each trial's epochs go to `<its number>.jsonl`, and its weights at the end to `<its number>.safetensors`. With
KILL_AFTER_SAVES, each trial is broken off right after that many saves of its state, and the process kills itself
(SIGKILL) in the middle of the last trial's epoch.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))

import contextlib

from trainables_fakes import TRIAL, make_data, timeless

from trainables.build import build_trial
from trainables.checkpoint import read_state, save_state
from trainables.learning.loop import Progress, epochs
from trainables.modality import DataAccess

MAX_EPOCHS = 6


class BrokenOff(Exception):
    """A trial's worker is gone."""


def saver(trial: Path, learner: Any, progress: list[Progress], saves: int) -> Callable[[], None]:
    """After each step: save the state every fourth one; after so many saves, and one step more, break off."""
    steps, done = 0, 0

    def after_step() -> None:
        nonlocal steps, done
        steps += 1
        if done == saves:
            raise BrokenOff
        if steps % 4 == 0:
            at = progress[-1]
            meta = {"epoch": at.epoch, "best": at.best_val_accuracy if at.best_epoch else None, "at": at.best_epoch}
            save_state(trial, learner.weights(), meta, learner.state_dict())
            done += 1

    return after_step


def run(number: int, modality: str, changes: dict[str, Any], data: DataAccess, folder: Path, saves: int) -> None:
    """One trial, from its last state if it has one."""
    hyperparameters = {**TRIAL[modality], "max_epochs": MAX_EPOCHS, **changes}
    learner = build_trial(modality, hyperparameters, data, seed=5).learner
    trial, progress = folder / f"trial_{number}", [Progress()]
    trial.mkdir(exist_ok=True)
    checkpoint, _ = read_state(trial)
    if checkpoint is not None and checkpoint.state is not None:
        learner.load_weights(checkpoint.weights)
        learner.load_state_dict(checkpoint.state)
        meta = checkpoint.meta
        progress = [Progress(meta["epoch"], meta["best"], meta["at"]) if meta["at"] else Progress()]
    after_step = saver(trial, learner, progress, saves) if saves else None
    found = epochs(learner, max_epochs=MAX_EPOCHS, patience=99, start=progress[-1], after_step=after_step)
    for result in found:
        progress.append(Progress(result.epoch, result.best_val_accuracy, result.best_epoch))
        with (folder / f"{number}.jsonl").open("a") as log:
            log.write(json.dumps(timeless(result).as_metrics()) + "\n")
    save_file(
        {name: tensor.contiguous() for name, tensor in learner.weights().items()}, folder / f"{number}.safetensors"
    )


def work(folder: Path, saves: int, trials: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """All trials, one after the other."""
    torch.set_num_threads(1)
    # Made anew by each process, always the same: a process that goes on gets its folder without them.
    shutil.rmtree(folder / "data", ignore_errors=True)
    data = make_data(folder / "data")
    for number, (modality, changes) in enumerate(trials):
        with contextlib.suppress(BrokenOff):
            run(number, modality, changes, data, folder, saves)
    if saves:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), json.load(sys.stdin))
