"""Which trial wins, on hand-made records."""

from __future__ import annotations

import dataclasses

import pytest
from analysis_fakes import costing, trial
from modality_names import IMAGE, TEXT

from analysis.numbers.selection import leaderboard, select_best, stop_reasons
from trainables.errors import UserError
from trainables.names import VAL_ACCURACY
from trainables.records import StopReason, TrialRecord


def test_highest_val_accuracy_of_any_epoch_wins() -> None:
    """Not the last epoch but the best one counts, and only within the modality."""
    records = [trial(IMAGE, 0, (0.6, 0.7)), trial(IMAGE, 1, (0.8, 0.5)), trial(TEXT, 0, (0.9,))]
    assert select_best(records, IMAGE).trial_id == "image_001"
    assert select_best(records, TEXT).trial_id == "text_000"


def test_ties_go_to_the_lower_loss_then_the_lower_number() -> None:
    """Equal accuracies: the lower val loss at the best epoch, NaN counting as infinite; then the lower number."""
    records = [
        trial(IMAGE, 4, (0.8,), losses=(float("nan"),)),
        trial(IMAGE, 3, (0.8, 0.1), losses=(0.4, 0.1)),
        trial(IMAGE, 2, (0.8,), losses=(0.3,)),
        trial(IMAGE, 1, (0.8,), losses=(0.3,)),
    ]
    assert select_best(records, IMAGE).number == 1
    assert [row.trial_id for row in leaderboard(records, IMAGE)] == ["image_001", "image_002", "image_003", "image_004"]


def test_ties_in_loss_go_to_the_cheaper_one() -> None:
    """The one with fewer bytes, whichever came first; a lower loss comes before that."""
    records = [sized(0, 300, 0.3), sized(1, 200, 0.3), sized(2, 100, 0.4)]
    assert [row.trial_id for row in leaderboard(records, IMAGE)] == ["image_001", "image_000", "image_002"]
    assert select_best(records[::-1], IMAGE).number == 1


def sized(number: int, weights_bytes: int, loss: float) -> TrialRecord:
    """A trial of a search with one objective, whose cost is known nevertheless."""
    made = costing(trial(IMAGE, number, (0.8,), losses=(loss,)), weights_bytes)
    return dataclasses.replace(made, objectives=(VAL_ACCURACY,))


def test_of_equals_the_one_that_is_better_in_the_second_objective_wins() -> None:
    """Where the search had two objectives the cost comes before the loss, so that the winner lies on the front."""
    records = [
        costing(trial(IMAGE, 0, (0.8,), losses=(0.1,)), 300),
        costing(trial(IMAGE, 1, (0.8,), losses=(0.9,)), 200),
        costing(trial(IMAGE, 2, (0.7,), losses=(0.1,)), 100),
    ]
    assert select_best(records, IMAGE).number == 1
    assert [row.trial_id for row in leaderboard(records, IMAGE)] == ["image_001", "image_000", "image_002"]


def test_pruned_and_interrupted_trials_qualify_and_others_do_not() -> None:
    """With a checkpoint a pruned or interrupted trial may win; one of another end, or without a checkpoint, may not."""
    records = [
        trial(IMAGE, 0, (0.5,)),
        trial(IMAGE, 1, (0.9,), reason=StopReason.DIVERGED),
        trial(IMAGE, 2, (0.9,), reason=StopReason.FAILED),
        trial(IMAGE, 3, (0.9,), checkpoint=False),
        trial(IMAGE, 4, (0.6,), reason=StopReason.PRUNED),
        trial(IMAGE, 5, (0.7,), reason=StopReason.INTERRUPTED),
    ]
    records += [
        trial(IMAGE, 6 + n, (0.9,), reason=reason) for n, reason in enumerate((StopReason.LOST, StopReason.OOM))
    ]
    assert select_best(records, IMAGE).number == 5
    assert select_best(records[:5], IMAGE).number == 4
    assert [row.rank for row in leaderboard(records, IMAGE)].count(None) == 5


def test_nothing_to_select_says_how_the_trials_ended() -> None:
    """The error counts the trials by how they ended, and says so where there is none."""
    records = [trial(IMAGE, n, (), reason=StopReason.FAILED, checkpoint=False) for n in range(2)]
    with pytest.raises(UserError, match=r"image trial must .* but the study has 2 failed"):
        select_best(records, IMAGE)
    with pytest.raises(UserError, match="no trial at all"):
        select_best(records, TEXT)


def test_leaderboard_lists_every_trial() -> None:
    """Usable trials are ranked, the others follow without a rank, with what there is to know of them."""
    records = [
        trial(IMAGE, 0, (), reason=StopReason.FAILED, checkpoint=False, error="boom"),
        trial(IMAGE, 1, (0.6, 0.7, 0.65)),
        trial(IMAGE, 2, (0.8,), reason=StopReason.PRUNED),
        trial(IMAGE, 3, (0.9, 0.2), reason=StopReason.DIVERGED),
    ]
    rows = leaderboard(records, IMAGE)
    assert [(row.rank, row.trial_id) for row in rows] == [
        (1, "image_002"),
        (2, "image_001"),
        (None, "image_000"),
        (None, "image_003"),
    ]
    assert (rows[1].best_val_accuracy, rows[1].best_epoch, rows[1].epochs_run) == (0.7, 2, 3)
    assert (rows[2].best_val_accuracy, rows[2].best_epoch, rows[2].error) == (None, None, "boom")


def test_stop_reasons_count_all_ends() -> None:
    """Every reason has a count, also those that never happened."""
    records = [trial(IMAGE, 0, (0.5,)), trial(IMAGE, 1, (0.5,), reason=StopReason.PRUNED), trial(TEXT, 0, (0.5,))]
    assert stop_reasons(records, IMAGE) == {
        "completed": 1,
        "pruned": 1,
        "diverged": 0,
        "oom": 0,
        "failed": 0,
        "lost": 0,
        "interrupted": 0,
    }
    assert sum(stop_reasons(records).values()) == 3
