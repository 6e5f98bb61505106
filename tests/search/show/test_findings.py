"""Findings in a terminal: short, errors first, and with nothing in them that a terminal obeys."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from search.show.findings import MOST_LINES, finding_lines
from trainables.data.check.findings import Finding, Place
from trainables.words import is_obeyed


def test_a_block_has_title_three_places_and_remedy() -> None:
    """Of five places two are only counted; a note is its title alone."""
    places = tuple(Place(f"{n}.jpg", f"cut at {n}", "val", "Blue") for n in range(5))
    found = [Finding("odd", "note", "Odd.", "Look.", places), Finding("cut", "warning", "Cut.", "Copy again.", places)]
    assert finding_lines(found) == [
        "Warning: Cut.",
        "  0.jpg (val, Blue): cut at 0",
        "  1.jpg (val, Blue): cut at 1",
        "  2.jpg (val, Blue): cut at 2",
        "  ... and 2 more",
        "  -> Copy again.",
        "Note: Odd.",
    ]


def test_places_that_belong_together_share_a_line() -> None:
    """Two equal pictures are one line."""
    found = Finding(
        "equal", "warning", "Equal.", groups=((Place("a.jpg", split="train"), Place("b.jpg", split="val")),)
    )
    assert finding_lines([found])[1] == "  a.jpg (train) = b.jpg (val)"


def test_later_findings_are_told_by_their_titles() -> None:
    """Ten blocks of three lines don't fit in 20: the first five are whole, of the others the first line is left."""
    found = [Finding(f"kind-{n}", "warning", f"Number {n}.", "Do.", (Place("a.jpg"),)) for n in range(10)]
    lines = finding_lines(found, most=20)
    assert len(lines) == 20
    assert lines[:3] == ["Warning: Number 0.", "  a.jpg", "  -> Do."]
    assert lines[-2:] == ["Warning: Number 8.", "Warning: Number 9."]


def test_notes_make_room_for_what_is_worse() -> None:
    """Two notes of nine fit beside a warning with all that belongs to it."""
    notes = [Finding(f"kind-{n}", "note", f"Number {n}.") for n in range(9)]
    warning = Finding("worse", "warning", "Worse.", "Do.", (Place("a.jpg"),))
    assert finding_lines([*notes, warning], most=6) == [
        "Warning: Worse.",
        "  a.jpg",
        "  -> Do.",
        "Note: Number 0.",
        "Note: Number 1.",
        "... and 7 notes on the page",
    ]


def test_very_many_findings_are_counted() -> None:
    """A minute's reading, however much was found; the errors stay."""
    found = [Finding(f"kind-{n}", "warning", f"Number {n}.", "Do.") for n in range(100)]
    lines = finding_lines([*found, Finding("worst", "error", "Broken."), Finding("odd", "note", "Odd.")])
    assert lines[0] == "ERROR: Broken."
    assert len(lines) == MOST_LINES
    assert lines[-2:] == ["... and 69 more on the page", "Note: Odd."]


def test_a_path_is_cut_and_a_sentence_isn_t() -> None:
    """The folder that a file lies in tells enough; a message's line is told whole."""
    places = (Place("/data/of/mine/Train/Blue/a.jpg", "cut"), Place('"B/C" (/data/of/mine/Val/a.jpg)', "odd"))
    lines = finding_lines([Finding("kind", "error", "Odd.", places=places)])
    assert lines[1:] == ["  .../Train/Blue/a.jpg: cut", '  "B/C" (/data/of/mine/Val/a.jpg): odd']


@settings(max_examples=100)
@given(st.text(), st.text(), st.text())
def test_no_line_has_what_a_terminal_obeys(title: str, file: str, reason: str) -> None:
    """Whatever a file, a label or a message holds: one line, no escape, no turned direction."""
    place = Place(file, reason, reason, file)
    for line in finding_lines([Finding("kind", "error", title, reason, (place,), ((place, place),))]):
        assert not any(is_obeyed(char) for char in line)
