"""Every opening of a test by a study of one folder, whatever became of that study: who looks again sees more than once.

A study that was removed, renamed, copied or begun anew under the same name has opened its test all the same. The
register stands beside the folder of all studies; openings of studies that an earlier version tested stand in these.
That an opening ended with a result is a line of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from trainables.errors import UserError
from trainables.names import (
    ANALYSIS_FOLDER,
    FINAL_TEST_FILE,
    STUDIES_FOLDER,
    TEST_OPENED_FILE,
    TEST_REGISTER_FILE,
)

_DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True)
class Opening:
    """One opening of a test, or the end of one: then it has the result's digest."""

    study: str  # its folder's name
    test: str  # the digest of the test data's manifest
    selection: str  # the digest of the selection that it was opened for
    at: str  # ISO 8601, UTC
    change: str = ""  # of the data, which was accepted
    result: str = ""  # SHA-256 of the result's file; empty: the test was opened


def register_file(study_folder: Path) -> Path | None:
    """Where the openings of a study and of its neighbours stand; None of one that doesn't lie among studies."""
    studies = study_folder.resolve().parent
    return studies.parent / TEST_REGISTER_FILE if studies.name == STUDIES_FOLDER else None


def register(study_folder: Path, opening: Opening) -> None:
    """Put an opening, or its end, on record: an opening before any model sees the test data.

    UserError where it can't be written.

    A study that was taken out of its folder has its own record alone.
    """
    if (path := register_file(study_folder)) is None:
        return
    line = json.dumps(asdict(opening), sort_keys=True) + "\n"
    try:
        with path.open("ab") as stream:
            # What a crash left of a line ends here.
            stream.write(("" if _ends_whole(path) else "\n").encode() + line.encode("ascii"))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UserError(
            f"Each opening of a test must be put on record, but {path} can't be written ({error.strerror}): make it "
            "writable, then test again."
        ) from error


def other_openings(study_folder: Path, test: str, selection: str) -> dict[str, int]:
    """By study: how often the test of that digest was opened for other selections than that of the digest given."""
    found = {
        (one.selection, one.at): one.study
        for one in all_openings(study_folder)
        if one.test == test and one.selection != selection and not one.result
    }
    return dict(sorted(Counter(found.values()).items()))


def all_openings(study_folder: Path) -> tuple[Opening, ...]:
    """What is on record of a study and its neighbours, in no order, some of it twice; nothing of one without any."""
    if register_file(study_folder) is None:
        return ()
    studies = sorted(study_folder.resolve().parent.glob(f"[!.]*/{ANALYSIS_FOLDER}"))
    return (*registered(study_folder), *(one for folder in studies for one in on_record(folder)))


def registered(study_folder: Path) -> tuple[Opening, ...]:
    """What stands on the register. Lines that are none, as a crash leaves them, are passed over."""
    path = register_file(study_folder)
    if path is None or not path.is_file():
        return ()
    found = []
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            found.append(Opening(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return tuple(found)


def on_record(analysis: Path) -> tuple[Opening, ...]:
    """What the folder of a study's analysis has on record: its openings, and their end; nothing of a damaged file."""
    return (*_opened_in(analysis), *_ended_in(analysis))


def _opened_in(analysis: Path) -> list[Opening]:
    try:
        raw = json.loads((analysis / TEST_OPENED_FILE).read_text("utf-8"))
        tests = raw.get("tests", [{"digest": "", "change": ""}] * len(raw["opened"]))
        return [
            Opening(analysis.parent.name, test["digest"], raw["selection_digest"], at, test["change"])
            for at, test in zip(raw["opened"], tests, strict=False)
        ]
    except _DAMAGED:
        return []


def _ended_in(analysis: Path) -> list[Opening]:
    try:
        content = (analysis / FINAL_TEST_FILE).read_bytes()
        raw, sha256 = json.loads(content), hashlib.sha256(content).hexdigest()
        test, name = raw.get("test_digest", ""), analysis.parent.name
        return [Opening(name, test, raw["selection_digest"], raw["evaluated"], result=sha256)]
    except _DAMAGED:
        return []


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.seek(0, os.SEEK_END) == 0:
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
