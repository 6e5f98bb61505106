"""Amounts and foreign texts, as a person reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.words import counted, human_bytes, human_seconds, local_time, printable


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (89, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (12600, "3.5 h"),
    ],
)
def test_human_seconds(seconds: float, words: str) -> None:
    """Seconds, minutes or hours, whichever a person would say."""
    assert human_seconds(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (640, "640 B"), (1500, "1.5 kB"), (999_600, "1.0 MB"), (2_033_000_000, "2.0 GB"), (66e9, "66 GB")],
)
def test_bytes_as_a_person_says_them(count: float, words: str) -> None:
    """One decimal below ten, none above; the unit that keeps the number below a thousand."""
    assert human_bytes(int(count)) == words
    assert human_bytes(3_000 * 10**12) == "3,000 TB"


def test_one_is_no_plural() -> None:
    """An `s` for all but one."""
    assert [counted(count, "epoch") for count in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]


def test_a_time_is_sorted_as_it_is_written() -> None:
    """Year first, seconds last, without a zone: the machine's own."""
    assert re.fullmatch(r"2025-10-0\d \d\d:\d\d:\d\d", local_time(1_760_000_000.0))


@given(st.text())
def test_what_is_printed_obeys_no_terminal_and_has_an_encoding(text: str) -> None:
    """No control character but line ends and tabs is left, no half of a surrogate pair; the length stays."""
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown) == len(text)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert printable("größe 瓶 [x]\n") == "größe 瓶 [x]\n"
