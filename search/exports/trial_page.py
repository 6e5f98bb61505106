"""What a person reads first on a trial's page in MLflow: how it ended, what was tried, what was noted. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from search.ledger.state import Trial
from trainables.records import StopReason
from trainables.words import counted

ERROR_LINES = 12  # of the traceback's end; the whole one is in the tag `error`


def trial_description(trial: Trial, reason: StopReason | None) -> str:
    """Markdown. Texts from outside stand in code blocks, where nothing is markup and no picture is loaded."""
    error = (trial.error or trial.detail or "").splitlines()[-ERROR_LINES:]
    notes = [line for note in trial.notes for line in note.splitlines()]
    width = max(map(len, trial.params), default=0)
    searched = [f"{key:{width}}  {value}" for key, value in trial.params.items()]
    parts = [_ending(trial, reason), *_block("Searched", searched), *_block("Notes", notes), *_block("Error", error)]
    return "\n\n".join(part for part in parts if part)


def _ending(trial: Trial, reason: StopReason | None) -> str:
    if reason is None:  # it changes only when the trial ends, however many epochs it has
        return ""
    best = trial.best
    value = f"best val accuracy {best.val_accuracy:.3f} at epoch {best.epoch}" if best else "no epoch ended"
    return f"**{reason.value.capitalize()}** after {counted(len(trial.epochs), 'epoch')}: {value}."


def _block(title: str, lines: list[str]) -> Iterator[str]:
    """An indented code block: no text can end it, as a fence could."""
    if lines:
        yield f"{title}:"
        yield "\n".join(f"    {line}" for line in lines)
