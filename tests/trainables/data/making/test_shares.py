"""What was asked for beside what came out."""

from __future__ import annotations

import pytest

from trainables.data.making.shares import Share, deal_groups, shares_of
from trainables.errors import UserError


def test_shares_are_told_beside_those_asked_for() -> None:
    """Samples of each split over all of them."""
    counts = {"Train": {"A": 5, "B": 1}, "Val": {"A": 1, "B": 1}, "Test": {"A": 2, "B": 0}}
    assert shares_of(counts, (0.7, 0.15, 0.15)) == (
        Share("Train", 6, 0.7, 0.6),
        Share("Val", 2, 0.15, 0.2),
        Share("Test", 2, 0.15, 0.2),
    )


def deal(groups: list[list[int]], labels: str) -> tuple[str, ...]:
    """The notes of sharing out 60/20/20."""
    names = [f"thing {row}" for row in range(len(labels))]
    return deal_groups(groups, labels, names, shares=(0.6, 0.2, 0.2), seed=0, remedy="Remedy.").notes


def test_a_class_that_is_mostly_one_group_is_said() -> None:
    """It can't be shared out as asked; the other class is no matter."""
    labels = "A" * 10 + "B" * 90
    groups = [list(range(8)), [8], [9], *([row] for row in range(10, 100))]
    assert deal(groups, labels) == (
        '8 of 10 samples of "A" are one group (such as "thing 0", "thing 1"), so this class can\'t be shared out as '
        "asked.",
    )
    assert deal([list(range(6)), *([row] for row in range(6, 100))], labels) == ()


def test_a_group_larger_than_any_split_is_refused() -> None:
    """With its share, two of its names and the remedy."""
    with pytest.raises(UserError, match=r'7 of 10 \(70\.0%\) are one group \(such as "thing 0", .*60\.0%\. Remedy\.'):
        deal([list(range(7)), [7], [8], [9]], "AB" * 5)


def test_a_class_with_too_few_groups_is_refused() -> None:
    """Three splits need three groups."""
    with pytest.raises(UserError, match=r'"B" has 2 \(2 samples\).*Remedy\.'):
        deal([[row] for row in range(8)], "AAAAAABB")
