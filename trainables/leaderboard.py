"""Every trial as one table, for those who go on in a spreadsheet or a notebook."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from trainables.records import TrialRecord
from trainables.words import harmless_cell

LEADERBOARD_FILE = "leaderboard.csv"
COLUMNS = (
    *("modality", "trial_id", "best_val_accuracy", "best_epoch", "epochs"),
    *("weights_bytes", "latency"),  # of the best epoch: bytes, seconds per sample
    *("stop_reason", "seconds", "notes"),
)


def by_accuracy(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """By modality, in it by best val accuracy, those without an epoch last; of equals the first stays first."""
    return sorted(records, key=lambda one: (one.modality, -(one.best.val_accuracy if one.best else -1.0)))


def leaderboard_csv(records: Sequence[TrialRecord]) -> str:
    """CSV with a row a trial, in their order; the searched hyperparameters as columns `param.<name>`.

    Where there is no value the cell is empty. No cell is one that a spreadsheet would take for a formula.
    """
    params = sorted({key for record in records for key in record.params})
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"param.{key}" for key in params)])
    for record in records:
        cells = [*_cells(record), *(record.params.get(key, "") for key in params)]
        writer.writerow([harmless_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return stream.getvalue()


def _cells(record: TrialRecord) -> list[object]:
    """A trial's values of COLUMNS."""
    best = record.best
    accuracy = (best.val_accuracy, best.epoch) if best else ("", "")
    network = (best.weights_bytes, best.latency) if best else ("", "")
    end = (record.stop_reason.value, round(record.seconds, 1), " ".join(record.notes))
    return [record.modality, record.trial_id, *accuracy, len(record.epochs), *network, *end]
