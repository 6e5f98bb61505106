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
    """CSV with a row a trial, in their order, and the columns of `leaderboard_rows`.

    Where there is no value the cell is empty. No cell is one that a spreadsheet would take for a formula.
    """
    rows = leaderboard_rows(records)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns_of(records))
    for row in rows:
        writer.writerow([harmless_cell(cell) if isinstance(cell, str) else cell for cell in row.values()])
    return stream.getvalue()


def columns_of(records: Sequence[TrialRecord]) -> list[str]:
    """COLUMNS, and the searched hyperparameters as `param.<name>`."""
    return [*COLUMNS, *(f"param.{key}" for key in _params(records))]


def leaderboard_rows(records: Sequence[TrialRecord]) -> list[dict[str, object]]:
    """Each trial's values by column, in the order of `columns_of`; None where there is none."""
    params, columns = _params(records), columns_of(records)
    return [
        dict(zip(columns, [*_cells(record), *(record.params.get(key) for key in params)], strict=True))
        for record in records
    ]


def _params(records: Sequence[TrialRecord]) -> list[str]:
    return sorted({key for record in records for key in record.params})


def _cells(record: TrialRecord) -> list[object]:
    """A trial's values of COLUMNS."""
    best = record.best
    accuracy = (best.val_accuracy, best.epoch) if best else (None, None)
    network = (best.weights_bytes, best.latency) if best else (None, None)
    end = (record.stop_reason.value, round(record.seconds, 1), " ".join(record.notes))
    return [record.modality, record.trial_id, *accuracy, len(record.epochs), *network, *end]
