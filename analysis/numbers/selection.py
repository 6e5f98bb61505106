"""Which trial is the best of its modality, and how all of them rank: records in, records out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainables.errors import UserError
from trainables.records import EpochResult, StopReason, TrialRecord

QUALIFYING = frozenset({StopReason.COMPLETED, StopReason.PRUNED, StopReason.INTERRUPTED})


@dataclass(frozen=True)
class LeaderboardRow:
    """One trial in the ranking of its modality; trials that no one can use stand last, without a rank."""

    rank: int | None
    trial_id: str
    best_val_accuracy: float | None  # share; None where no epoch ended
    best_epoch: int | None
    epochs_run: int
    stop_reason: StopReason
    seconds: float
    params: Mapping[str, Any]
    error: str | None
    notes: tuple[str, ...]


def select_best(records: Sequence[TrialRecord], modality: str) -> TrialRecord:
    """The trial with the highest best val accuracy; of equals the one that is better in the second objective, where
    there is one, then the lower val loss at that epoch, then the cheaper one, then the lower number.

    A trial qualifies with a checkpoint and an epoch that ended, whether it completed, was pruned or was interrupted: a
    study that ends with its time budget or its target leaves sound trials that would have gone on. One that diverged,
    failed, was lost or ran out of memory doesn't. Raises UserError where none qualifies, with how the modality's trials
    ended.
    """
    found = ranked(records, modality)
    if not found:
        raise UserError(_nothing_to_select(records, modality))
    return found[0]


def ranked(records: Sequence[TrialRecord], modality: str) -> list[TrialRecord]:
    """A modality's trials that qualify, the best first, as `select_best` orders them."""
    return sorted((one for one in records if one.modality == modality and qualifies(one)), key=_order)


def qualifies(record: TrialRecord) -> bool:
    """Whether a trial may be selected."""
    best = record.best
    usable = record.checkpoint is not None and best is not None and math.isfinite(best.val_accuracy)
    return usable and record.stop_reason in QUALIFYING


def leaderboard(records: Sequence[TrialRecord], modality: str) -> tuple[LeaderboardRow, ...]:
    """All trials of a modality: those that may be selected by rank, as `select_best` orders them, then the others."""
    own = [record for record in records if record.modality == modality]
    qualified = ranked(records, modality)
    others = sorted((record for record in own if not qualifies(record)), key=lambda record: record.number)
    rows = [_row(record, rank) for rank, record in enumerate(qualified, start=1)]
    return tuple(rows + [_row(record, None) for record in others])


def stop_reasons(records: Sequence[TrialRecord], modality: str | None = None) -> dict[str, int]:
    """How many trials, of a modality or of all, ended for which reason: a key for each, in `StopReason`'s order."""
    counts = Counter(record.stop_reason for record in records if modality in (None, record.modality))
    return {reason.value: counts[reason] for reason in StopReason}


def best_epoch(record: TrialRecord) -> EpochResult:
    """The best epoch of a trial that ended one. Raises ValueError where it ended none."""
    if record.best is None:
        raise ValueError(f"{record.trial_id} must have ended an epoch, but has none.")
    return record.best


def _order(record: TrialRecord) -> tuple[float, tuple[float, ...], float, bool, int, int]:
    """Of equals a head, which is cheaper to have, comes before what was fine-tuned, then the one with fewer bytes."""
    best = best_epoch(record)
    loss = best.val_loss if math.isfinite(best.val_loss) else math.inf
    costs = tuple(best.objective(name) for name in record.objectives[1:])
    return -best.val_accuracy, costs, loss, not record.is_head, best.weights_bytes, record.number


def _row(record: TrialRecord, rank: int | None) -> LeaderboardRow:
    best = record.best
    return LeaderboardRow(
        rank=rank,
        trial_id=record.trial_id,
        best_val_accuracy=best.val_accuracy if best else None,
        best_epoch=best.epoch if best else None,
        epochs_run=len(record.epochs),
        stop_reason=record.stop_reason,
        seconds=record.seconds,
        params=record.params,
        error=record.error,
        notes=record.notes,
    )


def _nothing_to_select(records: Sequence[TrialRecord], modality: str) -> str:
    ended = {reason: count for reason, count in stop_reasons(records, modality).items() if count}
    found = ", ".join(f"{count} {reason}" for reason, count in ended.items()) or "no trial at all"
    return (
        f"At least one {modality} trial must have ended an epoch and kept a checkpoint (completed, pruned or "
        f"interrupted), but the study has {found}. Look at the errors in trials.jsonl, then resume or extend the study."
    )
