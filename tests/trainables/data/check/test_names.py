"""What a name is made of, and which names belong together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.check.names import (
    alike,
    mean_run,
    name_key,
    number_blocks,
    renumbered,
    trailing_number,
    trailing_numbers,
)
from trainables.runtime.texts import clean


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("beer_bottle_241", 241),
        ("Beer Bottle 007", 7),
        ("IMG1234_", 1234),
        ("3 inch pipe", None),
        ("plastic food box", None),
        ("1234", 1234),
        ("x_" + "9" * 18, int("9" * 18)),
        ("", None),
    ],
)
def test_trailing_number(name: str, number: int | None) -> None:
    """The digits at the end, separators after them don't matter; digits elsewhere are no counter."""
    assert trailing_number(name) == number
    assert trailing_numbers([name]).tolist() == [-1 if number is None else number]


@settings(max_examples=100)
@given(st.text(alphabet="ab _-.", max_size=8), st.integers(0, 10**9), st.integers(0, 10**9))
def test_renumbering_changes_the_number_alone(words: str, number: int, other: int) -> None:
    """What `cleaning: words` leaves of a name is the same under every number, and the new number is read back."""
    name = renumbered(f"{words}_{number}", other)
    assert trailing_number(name) == other
    assert name_key(name) == name_key(words)
    if name_key(words):
        assert clean(name, "words") == clean(f"{words}_{number}", "words")
    assert renumbered(f"{words}x", other) == f"{words}x"


def test_alike_names_are_one_group() -> None:
    """Names that differ in digits alone, and samples tied by a key; a name that says nothing ties nothing."""
    names = ["can_1", "Can 2", "jar_3", "jar_4", "lid_5", *(f"IMG_{n}" for n in range(4)), *"abcdefghijklmnopqrst"]
    near = [None, None, "a", None, "a", *[None] * 24]
    groups = alike(names, near).tolist()
    assert groups[0] == groups[1] != groups[2]
    assert groups[2] == groups[3] == groups[4]
    assert len(set(groups[5:9])) == 4


def test_blocks_follow_the_numbering() -> None:
    """Whole blocks in the order of the numbers, whatever the order of the samples; no number, no neighbours."""
    numbers = np.array([30, 10, -1, 20, 40, 20, -1, 50])
    assert number_blocks(numbers, length=2).tolist() == [1, 0, 3, 0, 1, 0, 4, 2]


def test_blocks_end_where_a_session_does() -> None:
    """With labels no block ends within a run of one class, until the run is ten times too long."""
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    assert number_blocks(np.arange(8), length=2, labels=labels).tolist() == [0, 0, 0, 1, 1, 1, 1, 2]
    endless = number_blocks(np.arange(50), length=2, labels=np.zeros(50, dtype=np.int64))
    assert np.bincount(endless).tolist() == [20, 20, 10]


@settings(max_examples=60)
@given(st.lists(st.integers(-1, 40), min_size=1, max_size=60), st.integers(1, 9))
def test_every_block_is_one_stretch_of_the_numbering(given_numbers: list[int], length: int) -> None:
    """No number lies in two blocks, blocks are in order, and all but the last one have their length."""
    numbers = np.array(given_numbers)
    blocks = number_blocks(numbers, length=length)
    assert sorted(set(blocks.tolist())) == list(range(int(blocks.max()) + 1))
    counted = numbers >= 0
    order = np.argsort(numbers[counted], kind="stable")
    assert (np.diff(blocks[counted][order]) >= 0).all()
    for number in set(numbers[counted].tolist()):
        assert len(set(blocks[numbers == number].tolist())) == 1
    sizes = np.bincount(blocks[counted], minlength=1)
    assert (sizes[: int(blocks[counted].max(initial=0))] >= length).all()


def test_mean_run() -> None:
    """How many of one class follow each other: 3, 1 and 2 here; samples without a number don't count."""
    numbers = np.array([5, 1, 2, 3, -1, 7, 9])
    labels = np.array([1, 0, 0, 0, 1, 0, 0])
    assert mean_run(numbers, labels) == 2.0
    assert mean_run(np.array([-1, -1]), np.array([0, 1])) == 0.0
