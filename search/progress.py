"""What a person sees while a search runs: one live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from search.events import TrialStart
from trainables.records import EpochResult, StopReason, TrialRecord

LINE_SECONDS = 15.0  # between two plain lines about running trials


@dataclass
class Tally:
    """Where a search stands."""

    trials: int
    concurrency: int
    began: float = field(default_factory=time.monotonic)
    running: dict[str, int] = field(default_factory=dict)  # trial id -> epochs done
    ended: Counter[StopReason] = field(default_factory=Counter)
    best: float | None = None
    best_trial: str = ""

    @property
    def done(self) -> int:
        """Trials that ended, for whatever reason."""
        return sum(self.ended.values())

    def see(self, trial_id: str, val_accuracy: float) -> None:
        """A val accuracy that may be the best so far."""
        if self.best is None or val_accuracy > self.best:
            self.best, self.best_trial = val_accuracy, trial_id

    def seconds_left(self, now: float) -> float | None:
        """Assumes that the trials to come take as long as those that ended; None before the first one ended."""
        if not self.done:
            return None
        return (now - self.began) / self.done * (self.trials - self.done)


def describe(modality: str, tally: Tally, now: float) -> str:
    """One line about a search: `image  3/5 done  2 running  1 pruned  best 0.871 (image_002)  about 2 min left`."""
    parts = [f"{modality:5}  {tally.done}/{tally.trials} done", f"{len(tally.running)} running"]
    parts += [f"{count} {reason.value}" for reason, count in sorted(tally.ended.items()) if reason != "completed"]
    if tally.best is not None:
        parts.append(f"best val accuracy {tally.best:.3f} ({tally.best_trial})")
    left = tally.seconds_left(now)
    if left is not None and tally.done < tally.trials:
        parts.append(f"about {human_seconds(left)} left")
    return "  ".join(parts)


def human_seconds(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def human_bytes(count: int) -> str:
    """`640 B`, `1.5 MB`, `66 GB`."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:,.0f} {unit}"


class ProgressView:
    """A listener that shows one search's progress."""

    def __init__(self, console: Console, modality: str, trials: int, concurrency: int) -> None:
        self._console, self._modality = console, modality
        self._tally = Tally(trials, concurrency)
        self._said = 0.0
        self._status: Status | None = console.status("") if console.is_terminal else None
        if self._status is not None:
            self._status.start()
        self._show()

    def trial_started(self, start: TrialStart) -> None:
        """One more is running."""
        self._tally.running[start.trial_id] = 0
        self._show()

    def epoch_ended(self, start: TrialStart, result: EpochResult) -> None:
        """Perhaps a new best."""
        self._tally.running[start.trial_id] = result.epoch
        self._tally.see(start.trial_id, result.val_accuracy)
        self._show()

    def trial_ended(self, record: TrialRecord) -> None:
        """One line that stays: what became of the trial."""
        self._tally.running.pop(record.trial_id, None)
        self._tally.ended[record.stop_reason] += 1
        best = record.best
        value = f"val accuracy {best.val_accuracy:.3f} at epoch {best.epoch}" if best else "no epoch"
        reason = record.stop_reason.value
        line = f"  {record.trial_id}  {reason} after {len(record.epochs)} epochs, {value}, {record.seconds:.0f} s"
        if record.error and record.error.strip():
            line += f"\n    {record.error.strip().splitlines()[-1]}"
        for note in record.notes:
            line += f"\n    {note}"
        self._console.print(escape(line), highlight=False, soft_wrap=True)
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        text = escape(describe(self._modality, self._tally, now))
        if self._status is not None:
            self._status.update(text)
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            self._console.print(text, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """The last line stays."""
        if self._status is not None:
            self._status.stop()
        self._console.print(
            escape(describe(self._modality, self._tally, time.monotonic())), highlight=False, soft_wrap=True
        )
