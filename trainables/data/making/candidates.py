"""What may become a sample of a new data set: looked at once, and left out where it can't be used or stands twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainables.data.pictures.examine import examine
from trainables.data.pictures.facts import PictureFacts


@dataclass(frozen=True)
class Candidate:
    """A picture of a folder, or a row of a CSV."""

    place: str  # as a person finds it: a file relative to the source, or a CSV's line
    name: str  # its file's name without the ending, or its text
    label: str
    path: Path | None = None  # its picture
    fault: str | None = None  # why it can't be used
    facts: PictureFacts = field(default_factory=PictureFacts)  # what its picture is, once it was looked at

    @property
    def digest(self) -> str:
        """Of its picture's pixels; empty where there is none, or it can't be used."""
        return self.facts.pixels if self.fault is None else ""


@dataclass(frozen=True)
class LeftOut:
    """What no split has."""

    file: str  # a candidate's place
    reason: str


def examined(
    candidates: Sequence[Candidate],
    pixel_limit: int,
    caches: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[Candidate]:
    """Each with what its picture is, and its fault; a picture of several candidates is looked at once.

    `caches`: the folder of all caches. `progress` gets the pictures looked at so far and all.
    """
    paths = list(dict.fromkeys(one.path for one in candidates if one.path is not None and one.fault is None))
    found = dict(zip(paths, examine(paths, caches, pixel_limit=pixel_limit, progress=progress), strict=True))
    return [
        one
        if one.path is None or one.fault is not None
        else replace(one, facts=found[one.path], fault=found[one.path].fault)
        for one in candidates
    ]


def left_out(candidates: Sequence[Candidate]) -> dict[int, str]:
    """Positions of what no split gets, and why: what can't be used; of equal pictures in one class all but the first.

    One picture under two classes is left out in both. Several rows of one file stay: its captions.
    """
    reasons = {row: one.fault for row, one in enumerate(candidates) if one.fault is not None}
    same: dict[str, list[int]] = {}
    for row, one in enumerate(candidates):
        if one.fault is None and one.digest:
            same.setdefault(one.digest, []).append(row)
    for rows in same.values():
        if len({candidates[row].label for row in rows}) > 1:
            reasons |= {row: _conflict(candidates, row, rows) for row in rows}
        else:
            first = candidates[rows[0]]
            reasons |= {row: f"same picture as {first.place}" for row in rows if candidates[row].path != first.path}
    return reasons


def _conflict(candidates: Sequence[Candidate], row: int, rows: Sequence[int]) -> str:
    other = next(one for one in rows if candidates[one].label != candidates[row].label)
    return f"same picture as {candidates[other].place}, under another class"
