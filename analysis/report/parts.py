"""The tables of a report, computed once: what the page, the Markdown, the JSON and the CSV write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis import wording
from analysis.numbers.fusion import AlphaGrid, alpha_grid
from analysis.numbers.selection import LeaderboardRow, leaderboard, stop_reasons
from analysis.results import FinalTest, RowScores, Selection
from analysis.rows import row_order
from trainables.records import Predictions, TrialRecord


@dataclass(frozen=True)
class ResultRow:
    """One row of the results table, with its numbers."""

    row: str  # its name in files
    name: str
    main: bool  # the system that the study ends with
    val: RowScores
    test: RowScores | None  # None before the test

    @property
    def shown(self) -> RowScores:
        """What the report speaks of: test, or val before the test."""
        return self.test or self.val


@dataclass(frozen=True)
class WeightRow:
    """One modality in the fusion of three and more, as text."""

    modality: str
    weight: str
    alone: str  # val accuracy


@dataclass(frozen=True)
class Board:
    """The table of a modality's trials."""

    modality: str
    rows: tuple[LeaderboardRow, ...]
    selected: str  # trial id
    ended: tuple[tuple[str, int], ...]  # (stop reason, trials), of those that occurred
    seconds: float  # of all trials together


def eleven_points(val: Mapping[str, Predictions]) -> AlphaGrid | None:
    """Val accuracy at eleven weights of two modalities; None of another number of them."""
    if len(val) != 2:
        return None
    first, second = val.values()
    return alpha_grid(first.logits, second.logits, first.labels)


def weight_rows(selection: Selection) -> tuple[WeightRow, ...]:
    """The weights of three modalities and more; empty of fewer."""
    fusion = selection.fusion
    if fusion is None or fusion.best_alpha is not None:
        return ()
    accuracies = {name: wording.percent(selection.val[name].scores.accuracy) for name in fusion.weights}
    return tuple(WeightRow(name, weight, accuracies[name]) for name, weight in wording.weights(fusion).items())


def result_rows(selection: Selection, final: FinalTest | None) -> tuple[ResultRow, ...]:
    """The results table, in its order."""
    majority = selection.classes[selection.majority_class]
    return tuple(
        ResultRow(
            row,
            wording.row_name(row, majority),
            row == selection.system,
            selection.val[row],
            final.test[row] if final else None,
        )
        for row in row_order(selection.models)
        if row in selection.val
    )


def board(records: tuple[TrialRecord, ...], selection: Selection, modality: str) -> Board:
    """A modality's trials, the best first."""
    rows = leaderboard(records, modality)
    ended = tuple((reason, number) for reason, number in stop_reasons(records, modality).items() if number)
    return Board(modality, rows, selection.models[modality].trial_id, ended, sum(row.seconds for row in rows))
