"""What may become a sample of a new data set: looked at once, and left out where it can't be used or stands twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from trainables.data.pictures.load import picture_fault, read_picture
from trainables.errors import UserError


@dataclass(frozen=True)
class Candidate:
    """A picture of a folder, or a row of a CSV."""

    place: str  # as a person finds it: a file relative to the source, or a CSV's line
    name: str  # its file's name without the ending, or its text
    label: str
    path: Path | None = None  # its picture
    digest: str = ""  # of its picture's decoded pixels; empty where there is none
    fault: str | None = None  # why it can't be used


@dataclass(frozen=True)
class LeftOut:
    """What no split has."""

    file: str  # a candidate's place
    reason: str


def examined(
    candidates: Sequence[Candidate], pixel_limit: int, progress: Callable[[int, int], None] | None = None
) -> list[Candidate]:
    """Each with its picture's digest or fault; a picture of several candidates is decoded once.

    Pillow decodes outside Python's lock, so threads do. `progress` gets the pictures checked so far and all.
    """
    paths = list(dict.fromkeys(one.path for one in candidates if one.path is not None and one.fault is None))
    found: dict[Path | None, tuple[str, str | None]] = {}
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for path, result in zip(paths, pool.map(lambda path: _look_at(path, pixel_limit), paths), strict=True):
            found[path] = result
            if progress is not None:
                progress(len(found), len(paths))
    looked = {path: {"digest": digest, "fault": fault} for path, (digest, fault) in found.items()}
    return [one if one.fault is not None else replace(one, **looked.get(one.path, {})) for one in candidates]


def _look_at(path: Path, pixel_limit: int) -> tuple[str, str | None]:
    """The digest of the decoded pixels, or an empty one and why it can't be decoded."""
    try:
        picture = read_picture(path, pixel_limit)
    except UserError:
        return "", picture_fault(path, pixel_limit) or "unreadable"
    shape = f"{picture.width}x{picture.height}:".encode()
    return hashlib.sha256(shape + picture.tobytes()).hexdigest(), None


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
