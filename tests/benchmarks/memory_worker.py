"""A trial process as memory.py starts it.

`memory_worker.py shared FOLDER`: build an image learner on the cache, train an epoch, say "ready", wait for a line.
`memory_worker.py reused FOLDER TRIALS`: trials one after the other as a reused actor runs them; one JSON a trial.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import ours
import torch
from machine import memory_of

from trainables.worker.memory import release_memory

# As little work as can be: the cache has to be large beside the process, and every picture is looked at.
SHARED: dict[str, Any] = {
    "backbone": "test_resnet",
    "batch_size": 16,
    "augmentation_strength": 0.0,
    "frozen_epochs": 1,  # only the head learns
}
REUSED: dict[str, Any] = {"size": 96}


def shared(folder: Path) -> None:
    """One trial of several on the same cache; its parent measures it while it waits."""
    learner = ours.image_learner(ours.picture_data(folder), **SHARED)
    learner.train_epoch()
    print("ready", flush=True)
    sys.stdin.readline()
    del learner


def reused(folder: Path, trials: int) -> None:
    """Trials in one process, with what `TuneTrial.reset_config` does between two."""
    data = ours.picture_data(folder)
    for number in range(trials):
        learner = ours.image_learner(data, seed=number, **REUSED)
        ours.whole_epoch(learner)
        del learner
        release_memory()
        print(json.dumps({"rss": memory_of(os.getpid())["rss"], **_gpu_memory()}), flush=True)


def _gpu_memory() -> dict[str, int]:
    if not torch.cuda.is_available():
        return {}
    return {"cuda allocated": torch.cuda.memory_allocated(), "cuda reserved": torch.cuda.memory_reserved()}


if __name__ == "__main__":
    torch.set_num_threads(1)  # memory is measured, not speed: threads of busy processes would wait for each other
    if sys.argv[1] == "shared":
        shared(Path(sys.argv[2]))
    else:
        reused(Path(sys.argv[2]), int(sys.argv[3]))
