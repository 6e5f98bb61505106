"""The one place where training meets Ray Tune: a raw trial dict -> learner -> epochs -> Tune's results.

What a trial is given (keys below) holds train and val only; where the test split lies isn't known here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray import tune

from trainables.build import BuiltTrial, DataAccess, build_trial
from trainables.cadence import Cadence
from trainables.checkpoint import read_state, replace_checkpoint, restore_replaced, save_state
from trainables.data.samples import Split, splits_from_json
from trainables.loop import Diverged, OutOfMemory, Progress, epochs, finished
from trainables.memory import release_memory
from trainables.records import BEST_FOLDER, DETAIL, NOTE, STOP_REASON, EpochResult, StopReason, UserError

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
    """One trial at a time in an actor that is reused: `reset_config` builds everything anew.

    Its states lie in the trial's own folder, written when they are due, also within an epoch; Tune keeps none. So a
    trial whose worker died goes on from there, wherever it is started again.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Build the learner of a trial's raw dict, and go on from the state that it saved, if it did."""
        torch.set_num_threads(max(int(config[CPUS]), 1))
        self._config = config
        self._progress = Progress()
        self._last: EpochResult | None = None
        self._notes: list[str] = []
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
            seed=self._seed(),
        )
        self._cadence = Cadence(self._built.meta["config"]["checkpoint_every"])
        self._resume()
        self._results: Iterator[EpochResult] = epochs(
            self._built.learner, start=self._progress, after_step=self._save_if_due, **self._limits()
        )

    def _limits(self) -> dict[str, int]:
        return {key: self._built.meta["config"][key] for key in ("max_epochs", "patience")}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Forget the trial before and begin the next one; nothing of the old learner is kept."""
        del self._built, self._results
        release_memory()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch. A loss that isn't finite ends the trial: its later epochs can't help, nor can a retry.

        Nor can a retry where the memory is too small.
        """
        try:
            result = next(self._results, self._last)  # resumed after its last epoch, a trial reports that one again
        except Diverged as reason:
            return self._ended_without_result(StopReason.DIVERGED, str(reason))
        except OutOfMemory as reason:
            return self._ended_without_result(StopReason.OOM, str(reason))
        assert result is not None, "a trial without an epoch isn't finished"  # noqa: S101
        self._note_smaller_parts(result)
        self._last = result
        self._progress = Progress(result.epoch, result.best_val_accuracy, result.best_epoch)
        if result.best_epoch == result.epoch:
            self._save_best()
        self._save_if_due(result.epoch)
        report: dict[str, Any] = {**result.as_metrics(), NOTE: self._told()}
        if finished(result, **self._limits()):
            report |= {"done": True, STOP_REASON: StopReason.COMPLETED.value}
        return report

    def _ended_without_result(self, stop_reason: StopReason, detail: str) -> dict[str, Any]:
        fields = dict.fromkeys(EpochResult.__dataclass_fields__, NAN)
        fields["epoch"] = self._progress.epoch + 1
        return {**fields, "done": True, STOP_REASON: stop_reason.value, DETAIL: detail, NOTE: self._told()}

    def _note_smaller_parts(self, result: EpochResult) -> None:
        if result.micro_batch_size and (self._last is None or self._last.micro_batch_size != result.micro_batch_size):
            self._notes.append(
                f"The GPU's memory didn't hold a batch in epoch {result.epoch}: from there on at most "
                f"{result.micro_batch_size} samples at a time, their gradients added up to the batch's."
            )

    def _told(self) -> str:
        """What is to be said since the last report."""
        notes, self._notes = "\n".join(self._notes), []
        return notes

    def _save_best(self) -> None:
        self._folder().mkdir(parents=True, exist_ok=True)
        replace_checkpoint(
            self._folder() / BEST_FOLDER,
            self._built.learner.weights(),
            self._meta(),
            companions=self._built.companions,
        )

    def _save_if_due(self, ended_epoch: int | None = None) -> None:
        if self._cadence.due(ended_epoch):
            began = time.monotonic()
            self._save_state()
            self._cadence.saved(time.monotonic() - began)

    def _save_state(self) -> None:
        self._folder().mkdir(parents=True, exist_ok=True)
        learner = self._built.learner
        save_state(self._folder(), learner.weights(), self._meta(), learner.state_dict())

    def _resume(self) -> None:
        """Go on from the newest whole state, if there is one, and say so."""
        restore_replaced(self._folder() / BEST_FOLDER)  # the worker may have died while it replaced it
        checkpoint, warning = read_state(self._folder())
        if checkpoint is None or checkpoint.state is None:
            return
        meta = checkpoint.meta
        if meta["config"] != self._built.meta["config"] or meta[SEED] != self._seed():
            raise UserError(f"A trial must resume its own state, but that in {self._folder()} is of another trial.")
        self._built.learner.load_weights(checkpoint.weights)
        self._built.learner.load_state_dict(checkpoint.state)
        if meta["best_epoch"]:
            self._progress = Progress(meta["epoch"], meta["best_val_accuracy"], meta["best_epoch"])
        self._last = EpochResult(**meta["last"]) if meta["last"] else None
        within = checkpoint.state["done"] is not None
        place = f"within epoch {meta['epoch'] + 1}" if within else f"after epoch {meta['epoch']}"
        self._notes += [f"Resumed {place}.", *([warning] if warning else [])]

    def _folder(self) -> Path:
        return Path(self._config[FOLDER]) / trial_name(self._config[MODALITY], self._config[NUMBER])

    def _seed(self) -> int:
        return int(self._config[SEED]) + int(self._config[NUMBER])

    def _meta(self) -> dict[str, Any]:
        progress = self._progress
        return {
            **self._built.meta,
            SEED: self._seed(),
            "epoch": progress.epoch,  # the last one that ended
            "best_val_accuracy": progress.best_val_accuracy if progress.best_epoch else None,
            "best_epoch": progress.best_epoch,
            "last": None if self._last is None else self._last.as_metrics(),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Tune asks for one where it pauses a trial: the state goes where it always goes."""
        self._save_state()

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """The state was found by `setup` already."""


@lru_cache(maxsize=2)
def read_splits(data_file: str, changed: int) -> dict[str, Split]:
    """The study's table of train and val, read once per actor and version (`changed`: its time of change, ns)."""
    return splits_from_json(json.loads(Path(data_file).read_text("utf-8")))
