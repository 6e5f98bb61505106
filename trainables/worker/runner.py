"""One attempt of a trial in its worker: a raw dict -> learner -> epochs -> reports. What Tune is stays out of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.build import BuiltTrial, build_trial
from trainables.checkpoint import (
    read_meta,
    read_state,
    replace_checkpoint,
    restore_replaced,
    save_state,
    write_val_logits,
)
from trainables.data.locks import FileLock
from trainables.data.samples import Split
from trainables.data.study_data import read_study_data
from trainables.errors import UserError
from trainables.learning.loop import Diverged, OutOfMemory, Progress, epochs, finished
from trainables.modality import DataAccess
from trainables.names import BEST_FOLDER, DETAIL, HEAD, NOTE, STOP_REASON, WORKER, trial_name
from trainables.records import EpochResult, StopReason
from trainables.worker.attempt import StopFile, Stopped, lock_trial, untold, worker_name
from trainables.worker.cadence import Cadence
from trainables.worker.memory import forget_compiled, release_memory
from trainables.worker.pinning import cores_folder, pin
from trainables.worker.raw_trial import (
    CACHES,
    CPUS,
    DATA,
    DECODE,
    FOLDER,
    HYPERPARAMETERS,
    MODALITY,
    NUMBER,
    PIN,
    PIXEL_LIMIT,
    PREPARED,
    RECORDED,
    SEED,
    STOP_FILE,
)
from trainables.worker.usage import Usage, own_gpu

NAN = float("nan")


class AttemptRunner:
    """One attempt of one trial, epoch by epoch.

    Its states lie in the trial's own folder, written when they are due, also within an epoch. So a trial whose worker
    died goes on from there, wherever it is started again, and reports what wasn't recorded.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """Build the learner of a trial's raw dict, and go on from the state that it saved, if it did.

        RuntimeError where another worker keeps the trial's folder.
        """
        self._config = config
        self._lock: FileLock = lock_trial(self.folder)
        try:
            self._begin()
        except BaseException:
            self.release()
            raise

    def _begin(self) -> None:
        config, cpus = self._config, max(int(self._config[CPUS]), 1)
        if config.get(PIN):
            pin(cpus, cores_folder())
        torch.set_num_threads(cpus)
        self._usage = Usage(cpus, own_gpu())
        self._usage.start()
        self._stop = StopFile(config.get(STOP_FILE))
        self._history: list[EpochResult] = []  # every epoch that ended
        self._notes: list[str] = []
        self._built: BuiltTrial = build_trial(
            config[MODALITY],
            config[HYPERPARAMETERS],
            DataAccess(
                read_splits(config[DATA], Path(config[DATA]).stat().st_mtime_ns),
                Path(config[CACHES]),
                config[PIXEL_LIMIT],
                config[DECODE],
                config[PREPARED],
                cpus,
            ),
            seed=self._seed(),
        )
        self._cadence = Cadence(self._built.meta["config"]["checkpoint_every"])
        self._resume()
        progress = self._progress()
        over = finished(progress, **self._limits())
        self._results = chain(untold(self._history, self._recorded(), over=over), self._train(progress))

    def _limits(self) -> dict[str, int]:
        return {key: self._built.meta["config"][key] for key in ("max_epochs", "patience")}

    def release(self) -> None:
        """Leave the trial's folder to others."""
        self._lock.release()

    @property
    def history(self) -> tuple[EpochResult, ...]:
        """Every epoch that ended."""
        return tuple(self._history)

    @property
    def val_logits(self) -> NDArray[np.float32]:
        """(N, C) of the last epoch that ended; RuntimeError where there is none."""
        logits = self._built.learner.last_val_logits
        if logits is None:
            raise RuntimeError("A trial has val logits once its first epoch ended, but none has.")
        return logits

    def step(self) -> dict[str, Any]:
        """One epoch: one that isn't on record yet, or the next one. A loss that isn't finite ends the trial.

        Neither its later epochs can help nor a retry; nor can that where the memory is too small.
        """
        report = self._report()
        if report.get("done"):
            self.release()  # a reused worker may wait for long; the trial may be tried elsewhere
        return report

    def _report(self) -> dict[str, Any]:
        try:
            self._stop_if_asked()
            result = next(self._results)
        except Stopped:
            return self._ended_without_result(StopReason.INTERRUPTED)
        except Diverged as reason:
            return self._ended_without_result(StopReason.DIVERGED, str(reason))
        except (OutOfMemory, torch.OutOfMemoryError) as reason:  # torch's own: where no smaller part can be tried
            return self._ended_without_result(StopReason.OOM, str(reason))
        report = {**result.as_metrics(), **self._told()}
        if finished(result, **self._limits()):
            report |= {"done": True, STOP_REASON: StopReason.COMPLETED.value}
        return report

    def _train(self, start: Progress) -> Iterator[EpochResult]:
        """Epoch by epoch; of each is kept what is to be kept before it is reported."""
        results = epochs(self._built.learner, start=start, after_step=self._after_step, **self._limits())
        self._usage.begin_epoch()
        for trained in results:
            result = dataclasses.replace(
                trained, weights_bytes=self._built.learner.weights_bytes(), **self._usage.read()
            )
            self._note_smaller_parts(result)
            self._history.append(result)
            if result.best_epoch == result.epoch:
                self._save_best(result)
            self._save_if_due(result.epoch)
            yield result
            self._usage.begin_epoch()

    def _after_step(self) -> None:
        self._usage.sample()
        self._stop_if_asked()
        self._save_if_due()

    def _stop_if_asked(self) -> None:
        if self._stop.seen():
            self.save_state()
            raise Stopped

    def _ended_without_result(self, stop_reason: StopReason, detail: str | None = None) -> dict[str, Any]:
        fields: dict[str, Any] = dict.fromkeys(EpochResult.__dataclass_fields__, NAN)
        fields["epoch"] = self._progress().epoch + 1
        why = {} if detail is None else {DETAIL: detail}
        return {**fields, "done": True, STOP_REASON: stop_reason.value, **why, **self._told()}

    def _note_smaller_parts(self, result: EpochResult) -> None:
        before = self._history[-1].micro_batch_size if self._history else 0
        if result.micro_batch_size not in (0, before):
            self._notes.append(
                f"The GPU's memory didn't hold a batch in epoch {result.epoch}: from there on at most "
                f"{result.micro_batch_size} samples at a time, their gradients added up to the batch's."
            )

    def _told(self) -> dict[str, str]:
        """Who reports, and what is to be said since the last report."""
        notes, self._notes = "\n".join(self._notes), []
        return {WORKER: worker_name(), NOTE: notes}

    def _save_best(self, result: EpochResult) -> None:
        if result.epoch <= self._recorded() and self._best_epoch_on_disk() >= result.epoch:
            return  # trained again: the record knows this epoch, and perhaps a better one whose weights lie there
        replace_checkpoint(
            self.folder / BEST_FOLDER,
            self._built.learner.weights(),
            self._meta(),
            companions=self._write_companions,
        )

    def _write_companions(self, folder: Path) -> None:
        """What lies beside the best weights: the modality's own files, and the epoch's val logits."""
        if self._built.companions is not None:
            self._built.companions(folder)
        write_val_logits(folder, self.val_logits)

    def _save_if_due(self, ended_epoch: int | None = None) -> None:
        if self._cadence.due(ended_epoch):
            began = time.monotonic()
            self.save_state()
            self._cadence.saved(time.monotonic() - began)

    def _best_epoch_on_disk(self) -> int:
        """0 where there is no whole one."""
        try:
            return int(read_meta(self.folder / BEST_FOLDER)["epoch"])
        except UserError:
            return 0

    def save_state(self) -> None:
        """Save now what the trial goes on from."""
        learner = self._built.learner
        meta = {**self._meta(), "epochs": [result.as_metrics() for result in self._history]}
        save_state(self.folder, learner.weights(), meta, learner.state_dict())

    def _resume(self) -> None:
        """Go on from the newest whole state, and say so; or that what was trained before must be trained again."""
        restore_replaced(self.folder / BEST_FOLDER)  # the worker may have died while it replaced it
        checkpoint, warning = read_state(self.folder)
        if checkpoint is None or checkpoint.state is None:
            if warning or self._recorded():
                self._notes.append(f"Trained anew from its first epoch. {warning or 'It had saved no state.'}")
            return
        meta = checkpoint.meta
        if meta["config"] != self._built.meta["config"] or meta[SEED] != self._seed():
            raise UserError(f"A trial must resume its own state, but that in {self.folder} is of another trial.")
        self._built.learner.load_weights(checkpoint.weights)
        self._built.learner.load_state_dict(checkpoint.state)
        self._history = [EpochResult(**epoch) for epoch in meta["epochs"]]
        within = checkpoint.state["done"] is not None
        place = f"within epoch {meta['epoch'] + 1}" if within else f"after epoch {meta['epoch']}"
        self._notes += [f"Resumed {place}.", *([warning] if warning else [])]

    @property
    def folder(self) -> Path:
        """The trial's own folder."""
        head = HEAD in self._config[HYPERPARAMETERS]
        return Path(self._config[FOLDER]) / trial_name(self._config[MODALITY], self._config[NUMBER], head=head)

    def _recorded(self) -> int:
        return int(self._config.get(RECORDED) or 0)

    def _progress(self) -> Progress:
        last = self._history[-1] if self._history else None
        return Progress(last.epoch, last.best_val_accuracy, last.best_epoch) if last else Progress()

    def _seed(self) -> int:
        return int(self._config[SEED]) + int(self._config[NUMBER])

    def _meta(self) -> dict[str, Any]:
        progress = self._progress()
        return {
            **self._built.meta,
            SEED: self._seed(),
            "epoch": progress.epoch,  # the last one that ended
            "best_val_accuracy": progress.best_val_accuracy if progress.best_epoch else None,
            "best_epoch": progress.best_epoch,
        }


def forget() -> None:
    """What the process keeps of the trial before."""
    forget_compiled()
    release_memory()


@lru_cache(maxsize=2)
def read_splits(data_file: str, changed: int) -> dict[str, Split]:
    """The study's table of train and val, read once per actor and version (`changed`: its time of change, ns)."""
    return read_study_data(Path(data_file))
