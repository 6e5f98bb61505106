"""Every trial as one table, ranked as the report ranks them, for those who go on in a spreadsheet or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.files import replace_file
from analysis.numbers.selection import leaderboard
from analysis.rows import ordered
from trainables.leaderboard import LEADERBOARD_FILE, leaderboard_csv
from trainables.records import TrialRecord


def ranked(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """By modality as the registry has them, in each in the leaderboard's order: what can't be selected stands last."""
    by_id = {record.trial_id: record for record in records}
    modalities = ordered({record.modality for record in records})
    return [by_id[row.trial_id] for modality in modalities for row in leaderboard(records, modality)]


def write_trials_table(folder: Path, records: Sequence[TrialRecord]) -> Path:
    """`leaderboard.csv` in `folder`, with no cell that a spreadsheet would take for a formula."""
    target = folder / LEADERBOARD_FILE
    replace_file(target, leaderboard_csv(ranked(records)).encode())
    return target
