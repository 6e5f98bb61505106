"""A bundle's folder: what it says of itself, and its files, each compared with its digest before it is read.

The digests stand in `SHA256SUMS`, as `sha256sum -c SHA256SUMS` reads them. They tell what was damaged or changed on the
way; whoever may change all files may change them as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import UserError

FORMAT = 2
READABLE = (1, FORMAT)  # in the first no model had a temperature: all of them are 1
BUNDLE_FILE = "bundle.json"
DIGESTS_FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True)
class Bundle:
    """A folder whose `bundle.json` was checked; its other files are checked as they are asked for."""

    folder: Path
    digests: Mapping[str, str]  # path within the folder -> SHA-256 (hex)
    about: Mapping[str, Any]  # what `bundle.json` says

    @classmethod
    def read(cls, folder: Path | str) -> Bundle:
        """The bundle of a folder. UserError where it is none, is damaged, or is of another version's format."""
        folder = Path(folder)
        bundle = cls(folder, _digests(folder), {})
        about = _parsed(bundle.file(BUNDLE_FILE))
        if about.get("format") not in READABLE:
            raise UserError(
                f"A bundle must have format {' or '.join(map(str, READABLE))}, but {folder} has "
                f"{about.get('format')}: use the runtime that it brings along, or export the study again."
            )
        return cls(folder, bundle.digests, about)

    def file(self, name: str) -> Path:
        """The path of a file of the bundle. UserError where it isn't what was exported."""
        path, expected = self.folder / name, self.digests.get(name)
        if expected is None or not path.is_file() or _sha256(path) != expected:
            raise UserError(
                f"{path} must be the file that was exported, but it is {'changed' if path.is_file() else 'missing'} "
                f"(its SHA-256 in {DIGESTS_FILE} is another). Copy the bundle again, or export the study again."
            )
        return path

    def json(self, name: str) -> Any:
        """What a file of JSON says. UserError as `file`."""
        return _parsed(self.file(name))


def is_bundle(folder: Path) -> bool:
    """Whether a folder has a bundle's own file."""
    return (folder / BUNDLE_FILE).is_file()


def _digests(folder: Path) -> dict[str, str]:
    file = folder / DIGESTS_FILE
    if not file.is_file():
        raise UserError(
            f"A bundle must have a file {DIGESTS_FILE}, but {folder} has none: it is no bundle, or copied in part. "
            "`binwise export STUDY DEST` makes one."
        )
    found = {}
    for line in file.read_text("utf-8", "replace").splitlines():
        match = _LINE.fullmatch(line)
        name = PurePosixPath(match[2]) if match else None
        if match is None or name is None or name.is_absolute() or ".." in name.parts:
            raise UserError(f"Each line of {file} must be a digest and a file of the bundle, but got {line[:200]!r}.")
        found[str(name)] = match[1]
    return found


def _parsed(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{file} must be JSON, but it is damaged: {error}. Export the study again.") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
