"""The one place where training meets Ray Tune: a raw trial dict -> learner -> epochs -> Tune's results.

What a trial is given (keys below) holds train and val only; where the test split lies isn't known here.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray import tune

from trainables.build import BuiltTrial, DataAccess, build_trial
from trainables.checkpoint import read_checkpoint, replace_checkpoint, restore_replaced, write_checkpoint
from trainables.data.samples import Split, splits_from_json
from trainables.loop import Diverged, Progress, epochs, finished
from trainables.records import BEST_FOLDER, STOP_REASON, EpochResult, StopReason

# Keys of a trial's raw dict beside its hyperparameters.
HYPERPARAMETERS = "hyperparameters"
NUMBER = "number"
MODALITY = "modality"
DATA = "data"  # the study's data.json
CACHE = "cache"
PIXEL_LIMIT = "pixel_limit"
CONTENT = "content"  # by split: its pictures' content digest; null where they aren't cached
DECODE = "decode"
FOLDER = "folder"  # where this modality's trials lie
SEED = "seed"
CPUS = "cpus"
NAN = float("nan")


def trial_name(modality: str, number: int) -> str:
    """The trial's name in every record, and its folder's."""
    return f"{modality}_{number:03d}"


class TuneTrial(tune.Trainable):
    """One trial at a time in an actor that is reused: `reset_config` builds everything anew."""

    def setup(self, config: dict[str, Any]) -> None:
        """Build the learner of a trial's raw dict."""
        torch.set_num_threads(max(int(config[CPUS]), 1))
        self._config = config
        self._progress = Progress()
        self._last: EpochResult | None = None
        self._built: BuiltTrial = build_trial(
            config[MODALITY],
            config[HYPERPARAMETERS],
            DataAccess(
                read_splits(config[DATA], Path(config[DATA]).stat().st_mtime_ns),
                Path(config[CACHE]),
                config[PIXEL_LIMIT],
                config[CONTENT],
                config[DECODE],
                max(int(config[CPUS]), 1),
            ),
            seed=config[SEED] + config[NUMBER],
        )
        self._results: Iterator[EpochResult] | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Forget the trial before and begin the next one; nothing of the old learner is kept."""
        self._results = None
        del self._built
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch. A loss that isn't finite ends the trial: its later epochs can't help, nor can a retry."""
        limits = {key: self._config[HYPERPARAMETERS][key] for key in ("max_epochs", "patience")}
        if self._results is None:
            self._results = epochs(self._built.learner, start=self._progress, **limits)
        try:
            result = next(self._results, self._last)  # restored after its last epoch, a trial reports that one again
        except Diverged as reason:
            return self._diverged(str(reason))
        assert result is not None, "a trial without an epoch isn't finished"  # noqa: S101
        self._last = result
        self._progress = Progress(result.epoch, result.best_val_accuracy, result.best_epoch)
        if result.best_epoch == result.epoch:
            self._save_best()
        report: dict[str, Any] = result.as_metrics()
        if finished(result, **limits):
            report |= {"done": True, STOP_REASON: StopReason.COMPLETED.value}
        return report

    def _diverged(self, reason: str) -> dict[str, Any]:
        fields = dict.fromkeys(EpochResult.__dataclass_fields__, NAN)
        fields["epoch"] = self._progress.epoch + 1
        return {**fields, "done": True, STOP_REASON: StopReason.DIVERGED.value, "detail": reason}

    def _save_best(self) -> None:
        folder = self._best_folder()
        folder.parent.mkdir(parents=True, exist_ok=True)
        replace_checkpoint(folder, self._built.learner.weights(), self._meta(), companions=self._built.companions)

    def _best_folder(self) -> Path:
        name = trial_name(self._config[MODALITY], self._config[NUMBER])
        return Path(self._config[FOLDER]) / name / BEST_FOLDER

    def _meta(self) -> dict[str, Any]:
        progress = self._progress
        return {
            **self._built.meta,
            "epoch": progress.epoch,
            "best_val_accuracy": progress.best_val_accuracy,
            "best_epoch": progress.best_epoch,
            "last": None if self._last is None else self._last.as_metrics(),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The last state, from which the trial goes on if its worker dies."""
        learner = self._built.learner
        write_checkpoint(Path(checkpoint_dir), learner.weights(), self._meta(), learner.state_dict())

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Go on from a last state."""
        restore_replaced(self._best_folder())  # the worker may have died while it replaced it
        checkpoint = read_checkpoint(Path(checkpoint_dir))
        self._built.learner.load_weights(checkpoint.weights)
        if checkpoint.state is not None:
            self._built.learner.load_state_dict(checkpoint.state)
        meta = checkpoint.meta
        self._progress = Progress(meta["epoch"], meta["best_val_accuracy"], meta["best_epoch"])
        self._last = EpochResult(**meta["last"]) if meta.get("last") else None
        self._results = None


@lru_cache(maxsize=2)
def read_splits(data_file: str, changed: int) -> dict[str, Split]:
    """The study's table of train and val, read once per actor and version (`changed`: its time of change, ns)."""
    return splits_from_json(json.loads(Path(data_file).read_text("utf-8")))
