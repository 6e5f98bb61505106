"""What a study's trials took, by kind, and what stopping early saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainables.records import StopReason, TrialRecord

HEADS, TUNING = "heads on frozen features", "fine-tuning"


@dataclass(frozen=True)
class Cost:
    """Of one kind of trials, one after the other."""

    kind: str
    trials: int
    seconds: float
    gpu_seconds: float  # of trials that used a GPU's memory
    epochs: int
    saved: int  # epochs that trials which were stopped early would have had beyond theirs, at most


def cost_of(records: Sequence[TrialRecord]) -> tuple[Cost, ...]:
    """By kind, of the kinds that there are. What isn't on record isn't in it: features, preflight, cores a trial."""
    kinds = {
        HEADS: [one for one in records if one.is_head],
        TUNING: [one for one in records if not one.is_head],
    }
    return tuple(_cost(kind, own) for kind, own in kinds.items() if own)


def _cost(kind: str, records: Sequence[TrialRecord]) -> Cost:
    on_gpu = [one.seconds for one in records if any(epoch.gpu_memory_bytes for epoch in one.epochs)]
    return Cost(
        kind,
        len(records),
        sum(one.seconds for one in records),
        sum(on_gpu),
        sum(len(one.epochs) for one in records),
        sum(map(_saved, records)),
    )


def _saved(record: TrialRecord) -> int:
    """0 of a trial that wasn't stopped, or whose budget isn't known."""
    if record.stop_reason != StopReason.PRUNED:
        return 0
    return max(0, int(record.config.get("max_epochs", 0)) - len(record.epochs))
