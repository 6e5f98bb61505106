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
from typing import Any, Final, NamedTuple

from trainables.data.files import replace_file
from trainables.data.pictures.load import unreadable

PICTURES: Final = "pictures"  # the folder of this room's caches among all caches
INDEX_FOLDER = "digests"
THREADS = 16  # most of them wait for the disk
SETTLED_NS = 2_000_000_000  # a file may change twice within one tick of its file system's clock


class FileDigest(NamedTuple):
    """A file's SHA-256, with the size and time of change that it had when it was read."""

    size: int  # bytes
    changed: int  # its time of change, ns
    sha256: str


class DigestIndex:
    """The digests of some files, and what an index in `folder` remembers of them from earlier runs.

    Several processes may use it at once: each replaces the index as a whole, and what one of them loses is read again.
    """

    def __init__(self, paths: Sequence[Path], folder: Path) -> None:
        self._root = common_folder(paths)
        self._file = folder / INDEX_FOLDER / f"{hashlib.sha256(os.fsencode(self._root)).hexdigest()[:32]}.json"
        self._known = _read_index(self._file)
        self._fresh: dict[str, FileDigest] = {}

    def digests(
        self, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
    ) -> list[FileDigest | str]:
        """Of these files, some of those it was made for: each one's digest, or its path and why it can't be read.

        Those that are known unchanged aren't read. `progress` is told (files done, all files).
        """
        names = [os.path.relpath(path, self._root) for path in paths]
        began = time.time_ns()
        found: list[FileDigest | str] = []
        with ThreadPoolExecutor(THREADS) as pool:
            results = pool.map(lambda path, name: _digest(path, self._known.get(name)), paths, names)
            for name, result in zip(names, results, strict=True):
                if isinstance(result, FileDigest) and result.changed < began - SETTLED_NS:
                    self._fresh[name] = result
                found.append(result)
                if progress is not None:
                    progress(len(found), len(paths))
        return found

    def save(self) -> None:
        """Remember what was found, beside what others have remembered meanwhile."""
        fresh = {name: one for name, one in self._fresh.items() if self._known.get(name) != one}
        if fresh:
            _write_index(self._file, self._root, {**_read_index(self._file), **fresh})


def file_digests(
    paths: Sequence[Path], folder: Path, progress: Callable[[int, int], None] | None = None
) -> list[FileDigest]:
    """Each file's digest, in the order of `paths`; those that the index in `folder` knows unchanged aren't read.

    `progress` is told (files done, all files).
    Raises UserError that lists the first five files that can't be read and says how many there are.
    """
    index = DigestIndex(paths, folder)
    results = index.digests(paths, progress)
    index.save()
    if faults := [result for result in results if isinstance(result, str)]:
        raise unreadable(faults, len(paths))
    return [result for result in results if isinstance(result, FileDigest)]


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
