"""A data check as a person reads it in a terminal: the verdict, then a short block a finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from textwrap import shorten

from trainables.data.check.findings import Finding, Place, by_level
from trainables.words import counted, one_line

MOST_LINES = 34  # of all blocks together: a minute's reading
PLACES = 3  # that a block names
_WIDE = 110  # characters of a line that names places
_MARKS = {"error": "ERROR", "warning": "Warning", "note": "Note"}


def finding_lines(findings: Sequence[Finding], most: int = MOST_LINES) -> list[str]:
    """A block a finding, errors first, in at most `most` lines.

    Where they don't fit, the last notes are counted alone; then later warnings and errors are told by their titles,
    and counted where even those don't fit. No line has a character that a terminal obeys.
    """
    ordered = by_level(findings)
    notes = [block for finding in ordered if finding.level == "note" for block in _block(finding)]
    lines = _fitted([_block(finding) for finding in ordered if finding.level != "note"], most - bool(notes))
    room = most - len(lines)
    if len(notes) <= room:
        return [*lines, *notes]
    return [*lines, *notes[: room - 1], f"... and {counted(len(notes) - room + 1, 'note')} on the page"]


def _fitted(blocks: Sequence[Sequence[str]], most: int) -> list[str]:
    """The first blocks whole, of the later ones the first line, so that it is at most so many lines."""
    for whole in range(len(blocks), -1, -1):
        lines = [*chain(*blocks[:whole]), *(block[0] for block in blocks[whole:])]
        if len(lines) <= most:
            return lines
    return [*(block[0] for block in blocks[: most - 1]), f"... and {len(blocks) - most + 1} more on the page"]


def _block(finding: Finding) -> list[str]:
    lines = [f"{_MARKS[finding.level]}: {one_line(finding.title)}"]
    if finding.level != "note":
        lines += [f"  {shorten(text, _WIDE, placeholder=' ...')}" for text in _places(finding)]
        lines += [f"  -> {one_line(finding.remedy)}"] if finding.remedy else []
    return lines


def _places(finding: Finding) -> Iterator[str]:
    """Up to three places, or groups of places, and how many more there are."""
    told = [" = ".join(_member(one) for one in group[:PLACES]) for group in finding.groups[:PLACES]]
    told += [_place(one) for one in finding.told_places[: PLACES - len(told)]]
    yield from told
    left = len(finding.groups) + len(finding.places) - len(told)
    if left:
        yield f"... and {left:,} more"


def _place(place: Place) -> str:
    return _named(_end(one_line(place.file)), place) + (f": {one_line(place.reason)}" if place.reason else "")


def _member(place: Place) -> str:
    """Of several on one line, a file's name alone."""
    return _named(one_line(place.file).rsplit("/", 1)[-1], place)


def _named(file: str, place: Place) -> str:
    where = ", ".join(map(one_line, place.where))
    return f"{file} ({where})" if where else file


def _end(file: str) -> str:
    """The last folders of a long path from the root on."""
    parts = file.split("/")
    return file if len(parts) <= 4 or parts[0] else "/".join(["...", *parts[-3:]])
