"""Every trial as one table, for those who go on in a spreadsheet or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.files import replace_file
from analysis.numbers.selection import leaderboard
from analysis.rows import ordered
from trainables.records import TrialRecord
from trainables.words import harmless_cell

LEADERBOARD_FILE = "leaderboard.csv"


def trials_table(records: Sequence[TrialRecord]) -> pd.DataFrame:
    """A row a trial, by modality in the leaderboard's order; the searched hyperparameters as columns `param.<name>`."""
    by_id = {record.trial_id: record for record in records}
    modalities = ordered({record.modality for record in records})
    ranked = [by_id[row.trial_id] for modality in modalities for row in leaderboard(records, modality)]
    return pd.DataFrame([_row(record) for record in ranked])


def _row(record: TrialRecord) -> dict[str, object]:
    best = record.best
    return {
        "modality": record.modality,
        "trial_id": record.trial_id,
        "best_val_accuracy": best.val_accuracy if best else None,
        "best_epoch": best.epoch if best else None,
        "epochs": len(record.epochs),
        "weights_bytes": best.weights_bytes if best else None,
        "latency": best.latency if best else None,
        "stop_reason": record.stop_reason.value,
        "seconds": round(record.seconds, 1),
        "notes": " ".join(record.notes),
        **{f"param.{key}": value for key, value in sorted(record.params.items())},
    }


def write_trials_table(folder: Path, records: Sequence[TrialRecord]) -> Path:
    """`leaderboard.csv` in `folder`, with no cell that a spreadsheet would take for a formula."""
    table = trials_table(records).map(_harmless)
    target = folder / LEADERBOARD_FILE
    replace_file(target, table.to_csv(index=False).encode())
    return target


def _harmless(cell: object) -> object:
    return harmless_cell(cell) if isinstance(cell, str) else cell
