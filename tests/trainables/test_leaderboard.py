"""The table of all trials."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from analysis_fakes import costing, trial
from hypothesis import given
from hypothesis import strategies as st

from trainables.leaderboard import COLUMNS, by_accuracy, leaderboard_csv
from trainables.records import StopReason, TrialRecord


def rows(records: list[TrialRecord]) -> list[dict[str, str]]:
    """The table as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO(leaderboard_csv(by_accuracy(records)))))


def test_the_best_trial_of_a_modality_comes_first() -> None:
    """By modality, in it by best val accuracy; one without an epoch last, with empty cells."""
    failed = trial("image", 2, (), reason=StopReason.FAILED)
    table = rows([trial("text", 0, (0.7,)), failed, trial("image", 0, (0.5,)), trial("image", 1, (0.9, 0.8))])
    assert [row["trial_id"] for row in table] == ["image_001", "image_000", "image_002", "text_000"]
    assert [table[0][key] for key in ("best_val_accuracy", "best_epoch", "epochs")] == ["0.9", "1", "2"]
    empty = ("best_val_accuracy", "best_epoch", "weights_bytes", "latency")
    assert [table[2][key] for key in empty] == [""] * 4
    assert (table[2]["epochs"], table[2]["stop_reason"]) == ("0", "failed")


def test_what_a_trial_costs_is_in_it() -> None:
    """The weights' bytes and the latency of the best epoch; seconds to one digit; notes in one cell."""
    record = replace(costing(trial("image", 0, (0.5,)), 4_000_000, 0.002), seconds=12.345, notes=("one", "two, three"))
    [row] = rows([record])
    costs = [row[key] for key in ("weights_bytes", "latency", "seconds", "notes")]
    assert costs == ["4000000", "0.002", "12.3", "one two, three"]


def test_each_hyperparameter_is_a_column() -> None:
    """By name; a trial that doesn't have it has an empty cell, and a whole number stays one."""
    table = rows([trial("image", 0, (0.5,), params={"size": 32}), trial("text", 0, (0.5,), params={"fit": "pad"})])
    assert list(table[0])[len(COLUMNS) :] == ["param.fit", "param.size"]
    assert [(row["param.fit"], row["param.size"]) for row in table] == [("", "32"), ("pad", "")]


def test_cells_are_no_formulas() -> None:
    """A text that a spreadsheet would run is written as text; negative numbers are numbers."""
    [row] = rows([trial("image", 0, (0.5,), params={"backbone": "=HYPERLINK(1)", "learning_rate": -1.0})])
    assert (row["param.backbone"], row["param.learning_rate"]) == ("'=HYPERLINK(1)", "-1.0")


def test_a_row_a_trial_in_the_given_order() -> None:
    """Whoever ranks them otherwise has them as ranked."""
    records = [trial("text", 0, (0.5,)), trial("image", 0, (0.7,)), trial("image", 1, (0.9,))]
    lines = leaderboard_csv(records).splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == ["text_000", "image_000", "image_001"]


def test_without_a_trial_it_has_its_heading() -> None:
    """A spreadsheet opens it all the same."""
    assert leaderboard_csv([]) == ",".join(COLUMNS) + "\n"


@given(st.lists(st.sampled_from([0.25, 0.5, 0.75, None]), max_size=12))
def test_equal_trials_keep_their_order(accuracies: list[float | None]) -> None:
    """Whoever came first stays first among equals, and no trial is lost."""
    records = [trial("image", number, () if one is None else (one,)) for number, one in enumerate(accuracies)]
    numbers = [record.number for record in by_accuracy(records)]
    assert numbers == sorted(range(len(records)), key=lambda number: (-(accuracies[number] or -1.0), number))
