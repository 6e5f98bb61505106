"""Files that appear whole or not at all, and files that are written once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from trainables.data.files import replace_file, written_beside
from trainables.errors import UserError

__all__ = ["create_file", "file_sha256", "replace_file"]


def create_file(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet. Raises FileExistsError, the file untouched, where it does.

    A hard link does it, since it takes one step: after O_EXCL alone a crash would leave an empty file.
    """
    with written_beside(path, content) as written:
        try:
            os.link(written, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            _create_exclusively(path, content)


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes. Raises UserError where it is missing."""
    if not path.is_file():
        raise UserError(f"{path} must exist, but doesn't. Copy the study folder whole, with its checkpoints.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _create_exclusively(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
