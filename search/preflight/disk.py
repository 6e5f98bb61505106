"""How much room the checkpoints of a study take at most, said before the first trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.machines.shares import Share
from search.study.config import StudyConfig
from search.study.sections import SearchedSection
from trainables.data.disk import free_bytes
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.words import human_bytes


@dataclass(frozen=True)
class DiskPlan:
    """Bytes of one modality's checkpoints."""

    modality: str
    best: int  # of one trial: what it keeps
    running: int  # more while it runs: its last two states, one that is being written, and a best that is
    trials: int
    at_once: int

    @property
    def total(self) -> int:
        """When every trial has its best, and as many as may are running."""
        return self.trials * self.best + self.at_once * self.running


def plan_disk(section: SearchedSection, network_bytes: int, heads: int, share: Share) -> DiskPlan:
    """From the largest network of the space. AdamW keeps two numbers a weight, an average one more."""
    best = network_bytes + modality_of(section.modality).companion_bytes
    state = network_bytes * (4 if _may_average(section) else 3)
    return DiskPlan(section.modality, best, 3 * state + best, section.trial_count() + heads, share.concurrency)


def _may_average(section: SearchedSection) -> bool:
    points = any(point.get("ema_decay") for point in section.search.points)
    return points or "ema_decay" in section.search.space or section.fixed()["ema_decay"] is not None


def check_disk(
    study: StudyConfig,
    networks: Mapping[str, int],
    heads: Mapping[str, Sequence[object]],
    shares: Mapping[str, Share],
    folder: Path,
) -> str:
    """A line that says what the checkpoints take. UserError where the disk of `folder` has less."""
    plans = [
        plan_disk(study.section(name), networks[name], len(heads[name]), shares[name]) for name in study.modalities
    ]
    total, free = sum(plan.total for plan in plans), free_bytes(folder)
    each = ", ".join(
        f"{plan.modality} {human_bytes(plan.best)} a trial and {human_bytes(plan.running)} more while it runs"
        for plan in plans
    )
    line = f"Checkpoints: {each}; at most {human_bytes(total)} in {folder}, {human_bytes(free)} free"
    if total > free:
        raise UserError(f"A study's checkpoints must fit the disk, but they don't. {line}. Free some room.")
    return line
