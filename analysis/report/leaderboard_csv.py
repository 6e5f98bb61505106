"""Every trial as one table, for those who go on in a spreadsheet or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.files import replace_file
from trainables.records import TrialRecord
from trainables.words import harmless_cell

LEADERBOARD_FILE = "leaderboard.csv"


def trials_table(records: Sequence[TrialRecord]) -> pd.DataFrame:
    """A row a trial, the best of each modality first; the searched hyperparameters as columns `param.<name>`."""
    rows = [
        {
            "modality": record.modality,
            "trial_id": record.trial_id,
            "best_val_accuracy": record.best.val_accuracy if record.best else None,
            "best_epoch": record.best.epoch if record.best else None,
            "epochs": len(record.epochs),
            "weights_bytes": record.best.weights_bytes if record.best else None,
            "latency": record.best.latency if record.best else None,
            "stop_reason": record.stop_reason.value,
            "seconds": round(record.seconds, 1),
            "notes": " ".join(record.notes),
            **{f"param.{key}": value for key, value in sorted(record.params.items())},
        }
        for record in records
    ]
    table = pd.DataFrame(rows)
    return table.sort_values(["modality", "best_val_accuracy"], ascending=[True, False], kind="stable")


def write_trials_table(folder: Path, records: Sequence[TrialRecord]) -> Path:
    """`leaderboard.csv` in `folder`, with no cell that a spreadsheet would take for a formula."""
    table = trials_table(records).map(_harmless)
    target = folder / LEADERBOARD_FILE
    replace_file(target, table.to_csv(index=False).encode())
    return target


def _harmless(cell: object) -> object:
    return harmless_cell(cell) if isinstance(cell, str) else cell
