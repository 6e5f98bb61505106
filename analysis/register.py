"""Every opening of a test by a study of one folder, whatever became of that study: who looks again sees more than once.

A study that was removed, renamed, copied or begun anew under the same name has opened its test all the same. The
register stands beside the folder of all studies; openings of studies that an earlier version tested stand in these.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trainables.errors import UserError
from trainables.names import ANALYSIS_FOLDER, STUDIES_FOLDER, TEST_OPENED_FILE, TEST_REGISTER_FILE


@dataclass(frozen=True)
class Opening:
    """One opening of a test."""

    study: str  # its folder's name
    test: str  # the digest of the test data's manifest
    selection: str  # the digest of the selection that it was opened for
    at: str  # ISO 8601, UTC


def register_file(study_folder: Path) -> Path | None:
    """Where the openings of a study and of its neighbours stand; None of one that doesn't lie among studies."""
    studies = study_folder.resolve().parent
    return studies.parent / TEST_REGISTER_FILE if studies.name == STUDIES_FOLDER else None


def register(study_folder: Path, opening: Opening) -> None:
    """Put an opening on record, before any model sees the test data. UserError where it can't be written.

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
            "writable. The test was not opened."
        ) from error


def other_openings(study_folder: Path, test: str, selection: str) -> dict[str, int]:
    """By study: how often the test of that digest was opened for other selections than that of the digest given."""
    if (path := register_file(study_folder)) is None:
        return {}
    found = {
        (one.selection, one.at): one.study
        for one in (*_registered(path), *_neighbours(study_folder.resolve().parent))
        if one.test == test and one.selection != selection
    }
    return dict(sorted(Counter(found.values()).items()))


def _registered(path: Path) -> Iterator[Opening]:
    """Lines that are none, as a crash leaves them, are passed over."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield Opening(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _neighbours(studies: Path) -> Iterator[Opening]:
    """What the studies of the folder have on record themselves."""
    for path in sorted(studies.glob(f"[!.]*/{ANALYSIS_FOLDER}/{TEST_OPENED_FILE}")):
        try:
            raw = json.loads(path.read_text("utf-8"))
            own = list(zip(raw["opened"], raw.get("tests", ()), strict=False))
            name, selection = path.parent.parent.name, raw["selection_digest"]
            yield from (Opening(name, test["digest"], selection, at) for at, test in own)
        except (OSError, ValueError, LookupError, TypeError):
            continue


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.seek(0, os.SEEK_END) == 0:
            return True
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
