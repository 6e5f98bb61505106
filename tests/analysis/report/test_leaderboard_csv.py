"""The table of all trials."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from analysis_fakes import trial

from analysis.report.leaderboard_csv import ranked, write_trials_table
from trainables.records import StopReason


def test_best_trial_of_a_modality_comes_first() -> None:
    """Trials are listed by modality, and in it by best val accuracy."""
    records = ranked([trial("image", 0, (0.5,)), trial("image", 1, (0.9,)), trial("text", 0, (0.7,))])
    assert [record.trial_id for record in records] == ["image_001", "image_000", "text_000"]


def test_the_order_is_the_leaderboards(numbers: str) -> None:
    """Modalities as the registry has them; what can't be selected stands last, however accurate it was."""
    records = [
        trial(numbers, 0, (0.8,)),
        trial("text", 0, (0.99,), reason=StopReason.FAILED),
        trial("text", 1, (0.7,), losses=(0.9,)),
        trial("text", 2, (0.7,), losses=(0.1,)),
        trial("image", 0, (), reason=StopReason.FAILED, checkpoint=False),
    ]
    assert [record.trial_id for record in ranked(records)] == [
        "image_000",
        "text_002",
        "text_001",
        "text_000",
        "numbers_000",
    ]


def test_cells_are_no_formulas(tmp_path: Path) -> None:
    """A text that a spreadsheet would run as a formula is written as text."""
    record = trial("image", 0, (0.5,), params={"backbone": "=HYPERLINK(1)", "head_learning_rate": -1.0})
    table = pd.read_csv(write_trials_table(tmp_path, [record]))
    assert table["param.backbone"][0] == "'=HYPERLINK(1)"
    assert table["param.head_learning_rate"][0] == -1.0
