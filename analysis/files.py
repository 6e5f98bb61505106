"""Files that appear whole or not at all, and files that are written once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from trainables.data.files import replace_file, written_beside
from trainables.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["create_file", "file_sha256", "keep_json", "kept_json", "replace_file"]
T = TypeVar("T")


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


def keep_json(path: Path, found: DataclassInstance | None) -> None:
    """Write what was found (a dataclass); where there is nothing, nothing of an earlier one stays."""
    if found is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(dataclasses.asdict(found), indent=1).encode())


def kept_json(path: Path, made: Callable[[Any], T]) -> T | None:
    """What `made` makes of a file's JSON; None where there is none, or an earlier version kept it otherwise."""
    try:
        return made(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
