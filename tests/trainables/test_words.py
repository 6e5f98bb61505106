"""Amounts and foreign texts, as a person reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.words import (
    counted,
    enumerated,
    human_bytes,
    human_range,
    human_seconds,
    is_obeyed,
    local_time,
    one_line,
    printable,
    says_nothing,
)


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
    """No control character but line ends and tabs is left, no half of a surrogate pair, nothing that turns the text."""
    shown = printable(text)
    shown.encode("utf-8")
    assert not any(is_obeyed(char) for char in shown if char not in "\n\t")
    assert not any(is_obeyed(char) for char in one_line(text))
    assert printable(shown) == shown


def test_what_is_no_command_stays_as_it_is() -> None:
    """Letters of all scripts, emoji with their joiners, wide and no-break spaces, backslashes, markup of others."""
    text = "größe 瓶 [/red] C:\\new\u3000\u00a0👩\u200d🔧 می\u200cخواهم <b>$x$\n\tend"
    assert printable(text) == text


def test_commands_are_shown_as_their_escapes() -> None:
    """ANSI, carriage returns, turned direction, C1 controls, undecodable bytes of file names; a name on one line."""
    assert printable("a\x1b[2J\r\u202e\x9b\udcff\u2028") == "a\\x1b[2J\\r\\u202e\\x9b\\udcff\\u2028"
    assert one_line("a\nError: b\t") == "a\\nError: b\\t"


def test_of_very_many_names_the_first_are_listed() -> None:
    """Whole up to a bound, then how many more there are; each on one line."""
    assert enumerated(["a", "b\nc"]) == "a, b\\nc"
    assert enumerated(["a"] * 1000, 2) == "a, a and 998 more"
    assert enumerated([]) == ""


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1234",
        "IMG_E1234.jpg",
        "DSC_0001",
        "20230101_120000",
        "0.jpg",
        "1 (2)",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "d41d8cd98f00b204e9800998ecf8427e",
        "IMG-20230101-WA0001",
        "WhatsApp Image 2023-01-01 at 10.11.12 PM",
        "P1010001",
        "12345678_10152_n",
        "AF1QipNx8Kd93kQzLm2x9",
        "WIN_20230101_12_00_00_Pro",
        "微信图片_20230101",
        "",
    ],
)
def test_a_camera_s_name_says_nothing(name: str) -> None:
    """Cameras, telephones, messengers, dates, counters, hashes: no word for what is seen."""
    assert says_nothing(name)


@pytest.mark.parametrize(
    "name",
    ["old_bottle", "car_0001", "苹果", "🍎", "facade", "bottle_d41d8cd98f00b204e9800998ecf8427e", "mp3player2go",
     "IMG_1234 can", "दूध", "deadbeef_cup", "ящик 3"],
)  # fmt: skip
def test_one_word_says_something(name: str) -> None:
    """A word in any script, an emoji, a word beside a hash or a camera's name."""
    assert not says_nothing(name)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(12 * 60, 20 * 60, "12-20 min"), (40, 80, "40-80 s"), (45.1, 45.2, "45 s"), (3600, 9000, "1.0-2.5 h")],
)
def test_a_range_has_one_unit(low: float, high: float, words: str) -> None:
    """That of its longer end."""
    assert human_range(low, high) == words
