"""What pictures hold, as one digest: of their bytes and their order, not of their paths or times.

Reading every file each time would take minutes on a large data set, so an index beside the cache remembers each file's
digest with its size and time of change. A file that was touched or moved is read again; its digest stays the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from trainables.data.files import replace_file
from trainables.data.pictures.load import unreadable

PICTURES = "pictures"  # the folder among the caches: decoded pictures, and the index of digests
INDEX_FOLDER = "digests"
THREADS = 16  # most of them wait for the disk
SETTLED_NS = 2_000_000_000  # a file may change twice within one tick of its file system's clock


class FileDigest(NamedTuple):
    """A file's SHA-256, with the size and time of change that it had when it was read."""

    size: int  # bytes
    changed: int  # its time of change, ns
    sha256: str


def file_digests(
    paths: Sequence[Path], folder: Path, progress: Callable[[int, int], None] | None = None
) -> list[FileDigest]:
    """Each file's digest, in the order of `paths`; those that the index in `folder` knows unchanged aren't read.

    `progress` is told (files done, all files).
    Several processes may do it at once: each replaces the index as a whole, and what one of them loses is read again.
    Raises UserError that lists the first five files that can't be read and says how many there are.
    """
    root = common_folder(paths)
    index = folder / INDEX_FOLDER / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:32]}.json"
    known = _read_index(index)
    names = [os.path.relpath(path, root) for path in paths]
    began = time.time_ns()
    found: dict[str, FileDigest] = {}
    faults: list[str] = []
    with ThreadPoolExecutor(THREADS) as pool:
        results = pool.map(lambda path, name: _digest(path, known.get(name)), paths, names)
        for done, (name, result) in enumerate(zip(names, results, strict=True), start=1):
            if isinstance(result, FileDigest):
                found[name] = result
            else:
                faults.append(result)
            if progress is not None:
                progress(done, len(paths))
    fresh = {name: one for name, one in found.items() if one.changed < began - SETTLED_NS and known.get(name) != one}
    if fresh:
        _write_index(index, root, {**_read_index(index), **fresh})
    if faults:
        raise unreadable(faults, len(paths))
    return [found[name] for name in names]


def content_digest(digests: Sequence[FileDigest]) -> str:
    """SHA-256 (64 hexadecimal digits) over the files' digests in their order."""
    return hashlib.sha256("".join(one.sha256 for one in digests).encode()).hexdigest()


def common_folder(paths: Sequence[Path]) -> str:
    """The lowest folder that holds them all; empty where there are none."""
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths]) if paths else ""


def _digest(path: Path, remembered: FileDigest | None) -> FileDigest | str:
    """The file's digest; where it can't be read: its path and why."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            return f"{path}: not a regular file"
        if remembered is not None and remembered[:2] == (status.st_size, status.st_mtime_ns):
            return remembered
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    return FileDigest(status.st_size, status.st_mtime_ns, sha256)


def _read_index(index: Path) -> dict[str, FileDigest]:
    """What an earlier run remembered; nothing where there is no index or it is damaged, as it only saves time."""
    try:
        files: dict[str, Any] = json.loads(index.read_text("utf-8"))["files"]
        return {name: FileDigest(int(size), int(changed), str(sha)) for name, (size, changed, sha) in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_index(index: Path, root: str, digests: Mapping[str, FileDigest]) -> None:
    """A disk that is full or read-only costs the time to read the files again, no more."""
    text = json.dumps({"folder": root, "files": digests}, separators=(",", ":"))
    try:
        replace_file(index, text.encode())
    except OSError:
        return
