"""What a study would have answered after so many core-seconds, and what answers of several differ in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from anytime_runs import Run
from numpy.typing import NDArray

from analysis.choice import chosen_trials
from analysis.numbers.mixture import best_mixture, mix
from analysis.numbers.paired import compared
from search.ledger.ledger import read_ledger
from trainables.checkpoint import read_val_logits
from trainables.names import LEDGER_FILE, TEST, VAL
from trainables.records import TrialRecord, study_checkpoint

Logits = NDArray[np.floating]
Right = NDArray[np.bool_]  # (N,) whether a sample's class was said
OtherLogits = Callable[[Path], Logits]  # of a checkpoint, on the test split


@dataclass(frozen=True)
class Timed:
    """A trial, and the core-seconds of its study after which its best checkpoint was on record."""

    seconds: float
    record: TrialRecord


@dataclass(frozen=True)
class Answer:
    """What would have been deployed: models by modality, the fusion's weights, and what it is right about."""

    seconds: float  # core-seconds until the last of the models was there that it was chosen of
    models: tuple[str, ...]
    weights: Mapping[str, float]
    val: Right
    test: Right | None = None  # where the test split may be looked at


def timed_trials(run: Run) -> list[Timed]:
    """A run's trials that left a checkpoint, each from the report of its best epoch on, in this order.

    An earlier epoch's weights aren't kept: a trial that got better later counts from then on.
    """
    _, state = read_ledger(run.folder / LEDGER_FILE)
    found = []
    for trial in state.trials.values():
        record = state.record(trial)
        if record.checkpoint is not None and record.best is not None:
            found.append(Timed(run.meter.until(trial.times[record.best.epoch - 1]), record))
    return sorted(found, key=lambda one: one.seconds)


def seconds_before(run: Run) -> float:
    """Core-seconds from the command on until a worker took the first trial: imports, checks, a probe's steps."""
    _, state = read_ledger(run.folder / LEDGER_FILE)
    return run.meter.until(min(trial.attempts[0].began for trial in state.trials.values() if trial.attempts))


def heads_of(trials: Iterable[Timed]) -> list[Timed]:
    """The heads on frozen features alone."""
    return [one for one in trials if one.record.is_head]


def answer_at(
    folder: Path,
    trials: Sequence[Timed],
    seconds: float,
    labels: Mapping[str, NDArray[np.int64]],
    test_logits: OtherLogits | None = None,
) -> Answer | None:
    """What the product chooses of the trials that were there after so many core-seconds; None where none was.

    `labels` are val's, and test's where `test_logits` says how a checkpoint's logits on it are to be had.
    """
    there = [one for one in trials if one.seconds <= seconds]
    modalities = sorted({one.record.modality for one in there})
    if not there:
        return None
    choice = chosen_trials(folder, [one.record for one in there], modalities, labels[VAL], read_val_logits)
    chosen = choice.trials
    checkpoints = {name: study_checkpoint(folder, record) for name, record in chosen.items()}
    val = {name: kept_logits(place) for name, place in checkpoints.items()}
    test = None if test_logits is None else {name: test_logits(place) for name, place in checkpoints.items()}
    last = max(one.seconds for one in there)
    return fused(val, labels, test, seconds=last, models=tuple(record.trial_id for record in chosen.values()))


def kept_logits(checkpoint: Path) -> NDArray[np.float64]:
    """A checkpoint's logits on val. ValueError where it has none."""
    found = read_val_logits(checkpoint)
    if found is None:
        raise ValueError(f"{checkpoint} must hold logits of val, but has none.")
    return found.astype(np.float64)


def fused(
    val: Mapping[str, Logits],
    labels: Mapping[str, NDArray[np.int64]],
    test: Mapping[str, Logits] | None = None,
    *,
    seconds: float,
    models: tuple[str, ...],
) -> Answer:
    """The most accurate fusion on val, and what it is right about; of one modality that modality alone."""
    weights = dict.fromkeys(val, 1.0) if len(val) == 1 else dict(best_mixture(val, labels[VAL]).weights)

    def right(logits: Mapping[str, Logits], truth: NDArray[np.int64]) -> Right:
        found: Right = mix(logits, weights).argmax(axis=1) == truth
        return found

    on_test = None if test is None else right(test, labels[TEST])
    return Answer(seconds, models, weights, right(val, labels[VAL]), on_test)


def accuracies(answer: Answer | None) -> dict[str, float | str]:
    """Val's and, where it was looked at, test's."""
    if answer is None:
        return {"val": "no model yet"}
    found: dict[str, float | str] = {"val": float(answer.val.mean())}
    return found if answer.test is None else {**found, "test": float(answer.test.mean())}


def mcnemar(ones: Right, others: Right) -> tuple[int, int, float]:
    """How many samples only `ones` are right about, how many only `others`, and the two-sided mid-p of that."""
    found = compared(ones, others)
    return found.only_first, found.only_second, found.p


def pooled(pairs: Iterable[tuple[Right, Right]]) -> tuple[int, int, float]:
    """The same over the samples of several sets together."""
    ones, others = zip(*pairs, strict=True)
    return mcnemar(np.concatenate(ones), np.concatenate(others))
