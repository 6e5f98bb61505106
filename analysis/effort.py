"""What a study's time bought: computed with the selection, kept beside it, said in the terminal and in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import wording
from analysis.files import keep_json, kept_json
from analysis.numbers.anytime import Effort, Ended, Moment, effort_of
from analysis.numbers.selection import best_epoch, qualifies
from trainables.names import ANALYSIS_FOLDER
from trainables.records import TrialRecord, study_checkpoint

ANYTIME_FILE = "anytime.json"

ValLogits = Callable[[Path], "NDArray[np.float32] | None"]


def measured_effort(
    study_folder: Path, records: Sequence[TrialRecord], labels: NDArray[np.int64], val_logits: ValLogits
) -> Effort | None:
    """The curve over a study's trials, in the order in which they ended; labels (N,) are val's.

    Trials without a model count with their time. None where val logits weren't kept.
    """
    by_id = {record.trial_id: record for record in records}

    def logits_of(trial_id: str) -> NDArray[np.float64] | None:
        kept = val_logits(study_checkpoint(study_folder, by_id[trial_id]))
        return None if kept is None else kept.astype(np.float64)

    return effort_of(_ended(records), logits_of, labels)


def _ended(records: Sequence[TrialRecord]) -> list[Ended]:
    found: list[Ended] = []
    lost = 0.0  # seconds of trials that left nothing
    for record in records:
        if not qualifies(record):
            lost += record.seconds
            continue
        accuracy = best_epoch(record).val_accuracy
        found.append(Ended(record.trial_id, record.modality, record.is_head, record.seconds + lost, accuracy))
        lost = 0.0
    return found


def write_effort(study_folder: Path, effort: Effort | None) -> None:
    """Keep it as `analysis/anytime.json`; where there is none, nothing of an earlier one stays."""
    keep_json(study_folder / ANALYSIS_FOLDER / ANYTIME_FILE, effort)


def read_effort(study_folder: Path) -> Effort | None:
    """What was kept; None where nothing was, or an earlier version kept it otherwise."""

    def made(raw: Any) -> Effort:
        return Effort(tuple(Moment(**moment) for moment in raw["moments"]))

    return kept_json(study_folder / ANALYSIS_FOLDER / ANYTIME_FILE, made)


def effort_sentence(effort: Effort) -> str:
    """What fine-tuning gained over heads on frozen features, what it cost, and that val chose; empty without both."""
    heads, tuned = effort.heads, effort.tuned
    if heads is None or tuned is None:
        return ""
    gain, took = wording.points(tuned.accuracy - heads.accuracy), wording.duration(tuned.seconds - heads.seconds)
    return (
        f"Effort: heads on frozen features had {wording.percent(heads.accuracy)} on val after "
        f"{wording.duration(heads.seconds)} of trials; fine-tuning took {took} more and has "
        f"{wording.percent(tuned.accuracy)}: {gain}. Val is also what chose, so that both are a little too high."
    )
