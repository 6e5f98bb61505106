"""What a check found -> the list of samples that a study leaves out (`data.leave_out`); no file is touched."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trainables.data.check.findings import Place
from trainables.data.files import replace_file
from trainables.data.reading.leave_out import FILE, REASON, SPLIT
from trainables.errors import UserError
from trainables.names import DATA_CHECK_FILE, TEST, TRAIN, VAL
from trainables.words import harmless_cell

UNREADABLE: Final = "unreadable-pictures"
ACROSS: Final = ("equal-across-splits", "near-across-splits")
TWO_LABELS: Final = ("equal-with-two-labels", "near-with-two-labels")
WITHIN: Final = ("equal-within-split", "near-within-split")
_FORMULA: Final = ("=", "+", "-", "@", "'")  # how a cell begins that a spreadsheet would change


@dataclass(frozen=True)
class Entry:
    """A sample that is left out."""

    split: str
    file: str  # relative to its split's folder; a path where the split is a CSV
    reason: str


@dataclass(frozen=True)
class LeaveOut:
    """The list, and what stays although something is the matter with it."""

    entries: tuple[Entry, ...]  # by split and file
    staying: int  # pictures of val and test that are there twice, or with two labels: they are what is measured

    def counts(self) -> dict[str, int]:
        """Entries by split."""
        return dict(Counter(entry.split for entry in self.entries))


def leave_out(check: Path, *, near: bool = False) -> LeaveOut:
    """What to leave out, by a `data_check.json` or the folder that holds it.

    What can't be read leaves every split. Everything else leaves train alone, so that what is measured stays what it
    is: pictures that val or test has too, those with two labels, and of equal ones all but the first; `near`: near
    duplicates like equal ones. Raises UserError where there is no result of a check.
    """
    found = _read(check)
    groups = _Groups(found, near)
    reasons: dict[tuple[str, str], str] = {}
    for place in groups.places(UNREADABLE):
        reasons.setdefault((place.split, place.file), f"unreadable: {place.reason}")
    for place, reason in groups.leaving():
        reasons.setdefault((place.split, place.file), reason)
    entries = (
        Entry(split, _relative(file, found["sources"].get(split, "")), reason)
        for (split, file), reason in reasons.items()
    )
    staying = {(place.split, place.file) for place in groups.staying()} - reasons.keys()
    return LeaveOut(tuple(sorted(entries, key=lambda one: (one.split, one.file))), len(staying))


def write_leave_out(path: Path, found: LeaveOut) -> None:
    """The list as a CSV. UserError where `path` is there already, as it may have been changed, or can't be written."""
    if path.exists() or path.is_symlink():
        raise UserError(f"A new list needs a free place, but {path} exists. Name another one (`--out`), or remove it.")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([SPLIT, FILE, REASON])
    writer.writerows([entry.split, _cell(entry.file), harmless_cell(entry.reason)] for entry in found.entries)
    try:
        replace_file(path, text.getvalue().encode())
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}. Name another one (`--out`).") from error


def _cell(file: str) -> str:
    """A path that no spreadsheet takes for a formula, and that is still the same path."""
    return f"./{file}" if file.startswith(_FORMULA) else file


def _read(check: Path) -> dict[str, Any]:
    path = check / DATA_CHECK_FILE if check.is_dir() else check
    try:
        found = json.loads(path.read_text("utf-8"))
        usable = isinstance(found["findings"], list) and isinstance(found["sources"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        usable = False
    if not usable:
        raise UserError(
            f"The result of a check ({DATA_CHECK_FILE}, or its folder) must be named, but {path} is none. "
            "`binwise data check` writes one and says where."
        )
    if TRAIN not in found["sources"]:
        raise UserError(
            f"A list of what to leave out is for train, val and test, but {path} is of data that aren't split yet. "
            "`binwise data import` splits them, and leaves the same out."
        )
    return dict(found)


class _Groups:
    """The findings that are about duplicates."""

    def __init__(self, check: Mapping[str, Any], near: bool) -> None:
        self._found: list[dict[str, Any]] = [
            one for one in check["findings"] if near or not str(one.get("kind")).startswith("near-")
        ]

    def places(self, kind: str) -> Iterator[Place]:
        """Every place of a kind of finding."""
        for finding in self._found:
            if finding.get("kind") == kind:
                yield from (Place(**place) for place in finding["places"])

    def groups(self, kinds: Sequence[str]) -> Iterator[list[Place]]:
        """Every group of these kinds of findings, in the order of the kinds."""
        for kind in kinds:
            for finding in self._found:
                if finding.get("kind") == kind:
                    yield from ([Place(**place) for place in group] for group in finding["groups"])

    def leaving(self) -> Iterator[tuple[Place, str]]:
        """What leaves train, and why."""
        for group in self.groups(ACROSS):
            for place in _of_train(group):
                other = next(one for one in group if one.split != place.split)
                yield place, f"the same picture as {other.file} of {other.split}"
        for group in self.groups(TWO_LABELS):
            for place in _of_train(group):
                other = next(one for one in group if one.label != place.label)
                yield place, f'the same picture as {other.file}, which is "{other.label}"'
        for group in self.groups(WITHIN):
            for place in _of_train(group)[1:]:
                yield place, f"the same picture as {_of_train(group)[0].file}"

    def staying(self) -> Iterator[Place]:
        """What is there twice, or with two labels, among val or test, or of both."""
        for group in self.groups((*ACROSS, *TWO_LABELS, *WITHIN)):
            measured = [place for place in group if place.split in (VAL, TEST)]
            if len(measured) > 1:
                yield from measured


def _of_train(group: Sequence[Place]) -> list[Place]:
    return [place for place in group if place.split == TRAIN]


def _relative(file: str, source: str) -> str:
    """A sample's id in a tree of class folders; else the path as it is."""
    if not os.path.isdir(source) or not os.path.isabs(file):
        return file
    relative = os.path.relpath(file, os.path.realpath(source))
    return file if relative.startswith("..") else relative.replace(os.sep, "/")
