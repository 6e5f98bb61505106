"""Values of a space: equality, words, and what a choice may be."""

from __future__ import annotations

import math
from typing import Any

import pytest

from search.space.values import choice_value, is_number, listed, same, stored_choice


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [(1, 1.0, True), (1, True, False), (0, False, False), ([1, 2], (1, 2), True), (None, 0, False), ("a", "a", True)],
)
def test_same(one: Any, other: Any, alike: bool) -> None:
    """Python's equality, but that true isn't 1 and a list is its tuple."""
    assert same(one, other) is alike


def test_numbers() -> None:
    """Finite ones; neither true nor a text is one."""
    assert [value for value in (1, 0.5, True, math.nan, math.inf, "1", None) if is_number(value)] == [1, 0.5]


def test_choices() -> None:
    """Lists are tuples for trials and text for Optuna; what has parts of other kinds is refused with what it is."""
    assert choice_value([8, 4]) == (8, 4)
    assert stored_choice((8, 4)) == "[8, 4]"
    assert [stored_choice(value) for value in (None, True, 0.5, "pad")] == [None, True, 0.5, "pad"]
    with pytest.raises(ValueError, match=r"a list of finite numbers, but got \[1, \"a\"\]"):
        choice_value([1, "a"])


def test_words() -> None:
    """As the YAML would have them, in any script."""
    assert listed((None, True, "größe", (8, 4))) == 'null | true | "größe" | [8, 4]'
