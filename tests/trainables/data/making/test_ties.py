"""What keeps samples together."""

from __future__ import annotations

import pytest

from trainables.data.making.ties import Ties, grouped, parse_kinds
from trainables.errors import UserError

NAMES = ["beer_bottle_1", "Beer Bottle 2", "can 3", "can_4", "IMG_0005", "lid"]


def ties(names: list[str], **more: list[object]) -> Ties:
    """Ties of samples of one class with nothing in common but what is given."""
    return Ties(names, ["A"] * len(names), **{"always": [None] * len(names), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("name", ("name",)),
        ("near , name", ("name", "near")),
        ("number-block,column", ("number-block", "column")),
        ("none", ()),
    ],
)
def test_kinds_are_read(text: str, kinds: tuple[str, ...]) -> None:
    """Several with commas, in any order; none."""
    assert parse_kinds(text) == kinds


@pytest.mark.parametrize("text", ["", "names", "name,none", "name;near"])
def test_unknown_kinds_are_refused(text: str) -> None:
    """What there is, and what was given."""
    with pytest.raises(UserError, match="must be none, or one or more of name, near, number-block, column"):
        parse_kinds(text)


def test_each_kind_ties_what_it_says() -> None:
    """Alike names; near pictures; numbers that follow each other; equal cells, where they aren't empty."""
    assert grouped(ties(NAMES), ()).groups == [[0], [1], [2], [3], [4], [5]]
    assert grouped(ties(NAMES), ("name",)).groups == [[0, 1], [2, 3], [4], [5]]
    near = ties(NAMES, near=[None, 7, 7, None, 8, None])
    assert grouped(near, ("near",)).groups == [[0], [1, 2], [3], [4], [5]]
    assert grouped(near, ("name", "near")).groups == [[0, 1, 2, 3], [4], [5]]
    column = ties(NAMES, column=["a", "", "a ", "", "b", "c"])
    assert grouped(column, ("column",)).groups == [[0, 2], [1], [3], [4], [5]]


def test_blocks_end_where_the_class_changes() -> None:
    """At least so many that follow each other; a session of one class isn't cut; names without a number are alone."""
    names = [f"thing_{number}" for number in (1, 2, 3, 4, 5, 6)] + ["lid"]
    found = grouped(Ties(names, ["A", "A", "A", "B", "B", "A", "A"], [None] * 7), ("number-block",), block=2)
    assert found.groups == [[0, 1, 2], [3, 4], [5], [6]]


def test_blocks_need_numbers() -> None:
    """Names without any: refused with some of them."""
    with pytest.raises(UserError, match=r'none does: "lid", "cap\\x1b"'):
        grouped(ties(["lid", "cap\x1b"]), ("number-block",))


def test_equal_pictures_stay_together_whatever_is_asked_for() -> None:
    """Also with `none`."""
    assert grouped(ties(NAMES, always=["x", None, None, "x", None, None]), ()).groups == [[0, 3], [1], [2], [4], [5]]


def test_only_names_that_say_nothing_are_cut_into_blocks() -> None:
    """Where more samples have them than a split is to have; a name with a word stays one group, as few do."""
    names = [f"IMG_{n:04}" for n in range(60)] + [f"bottle_{n}" for n in range(30)] + [f"DSC_{n}" for n in range(10)]
    found = grouped(ties(names), ("name",), block=3, smallest=0.15)
    assert [len(group) for group in found.groups] == [3] * 20 + [30, 10]
    assert found.notes == (
        "60 of 100 names say nothing (such as IMG_0000) and would be one group, larger than a split: they stay "
        "together by blocks of their numbers instead.",
    )
