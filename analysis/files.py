"""Files that appear whole or not at all, and files that are written once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from trainables.records import UserError


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in the place of an older one, its folders too; a reader sees the old bytes or the new ones."""
    with _written_beside(path, content) as written:
        written.replace(path)


def create_file(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet; FileExistsError, and the file untouched, where it does.

    A hard link does it, since it takes one step: after O_EXCL alone a crash would leave an empty file.
    """
    with _written_beside(path, content) as written:
        try:
            os.link(written, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            _create_exclusively(path, content)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; UserError where it is missing."""
    if not path.is_file():
        raise UserError(f"{path} must exist, but doesn't. Copy the study folder whole, with its checkpoints.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), 0o644)  # mkstemp's files are their owner's alone
            stream.flush()
            os.fsync(stream.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
    _flush_folder(path.parent)


def _create_exclusively(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
