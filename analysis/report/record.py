"""The report as data: `report.json`, and the results table as CSV; the numbers are those that the page writes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.numbers.calibration import Calibration
from analysis.report.parts import ResultRow
from analysis.results import RowScores
from trainables.names import TEST, VAL
from trainables.words import harmless_cell

Values = dict[str, Any]


def report_json(record: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON; half characters of undecodable file names are written as JSON escapes."""
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def result_values(rows: Sequence[ResultRow]) -> list[Values]:
    """Every row of the results on every split that it was scored on; shares from 0 to 1, None where there is none."""
    found = []
    for one in rows:
        for split, scored in ((VAL, one.val), (TEST, one.test)):
            if scored is not None:
                found.append(
                    {"row": one.row, "name": one.name, "deployed": one.main, "split": split, **_values(scored)}
                )
    return found


def chance_values(chances: Calibration, temperature: float) -> Values:
    """How good a model's chances are at its temperature."""
    return {
        "temperature": temperature,
        "log_loss": chances.log_loss,
        "brier": chances.brier,
        "calibration_error": chances.error,
    }


def results_csv(rows: Sequence[ResultRow]) -> bytes:
    """The same as a table; no cell is one that a spreadsheet would take for a formula."""
    values = result_values(rows)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(values[0])
    writer.writerows(map(_cell, one.values()) for one in values)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _values(scored: RowScores) -> Values:
    scores, interval = scored.scores, scored.interval
    return {
        "samples": scores.samples,
        "right": scores.right,
        "accuracy": scores.accuracy,
        "accuracy_low": interval.low if interval else None,
        "accuracy_high": interval.high if interval else None,
        "macro_f1": scores.macro_f1,
        "weighted_f1": scores.weighted_f1,
        "log_loss": scored.log_loss,
        "brier": scored.brier,
        "calibration_error": scored.calibration_error,
        "seconds_per_sample": scored.seconds_per_sample,
        "temperature": scored.temperature,
        "calibrated_log_loss": scored.calibrated_log_loss,
    }


def _cell(value: Any) -> Any:
    return harmless_cell(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else value
