"""Pictures into the folders of a new data set: as copies, as hard links, or not at all where lists name them."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from trainables.data.disk import bytes_on_disk, require_room
from trainables.data.files import copy_file
from trainables.errors import UserError

Placing = Literal["copy", "link", "list"]
PLACINGS: Final[tuple[Placing, ...]] = get_args(Placing)
NAME_BYTES: Final = 255  # what file systems allow
_ENDING: Final = 10  # characters of a file's ending, at most


def placing(text: str) -> Placing:
    """The way that is asked for; UserError where there is none of that name."""
    found = next((one for one in PLACINGS if one == text), None)
    if found is None:
        raise UserError(f'`--pictures` must be one of {", ".join(PLACINGS)}, but got "{text}".')
    return found


@dataclass
class FreeNames:
    """Names that no file of a folder has yet, whatever a disk thinks of case and Unicode forms."""

    _taken: set[str] = field(default_factory=set)
    _last: dict[str, int] = field(default_factory=dict)  # the number that a name got last

    def take(self, folder: str, name: str) -> str:
        """The name, or with `_2`, `_3`, ... where the folder has it; shortened to what file systems allow."""
        stem, dot, ending = name.rpartition(".")
        suffix = dot + ending
        if not stem or len(suffix) > _ENDING:  # of `3.5 inch pipe`: no ending
            stem, suffix = name, ""
        plain = _key(folder, name)
        number = self._last.get(plain, 0) + 1
        while _key(folder, free := _fitted(stem, f"_{number}" if number > 1 else "", suffix)) in self._taken:
            number += 1
        self._last[plain] = number
        self._taken.add(_key(folder, free))
        return free


def _key(folder: str, name: str) -> str:
    return unicodedata.normalize("NFC", f"{folder}/{name}").casefold()


def _fitted(stem: str, mark: str, suffix: str) -> str:
    """The three together, the stem cut so that they have at most NAME_BYTES."""
    room = NAME_BYTES - len(os.fsencode(mark + suffix))
    return f"{os.fsencode(stem)[:room].decode('utf-8', 'ignore')}{mark}{suffix}"


@dataclass(frozen=True)
class Placed:
    """Where each picture is now, relative to the new folder, and how many are copies where links were asked for."""

    files: list[str]
    copied: int


def require_picture_room(paths: Iterable[Path], destination: Path, how: Placing) -> None:
    """Raises UserError where the disk hasn't the room for the copies that will be made."""
    if how == "list":
        return
    disk = _disk(destination)
    sizes = [stat.st_size for stat in map(os.stat, paths) if how == "copy" or stat.st_dev != disk]
    other = "Make room, or name another disk"
    if how == "copy":
        other += ", or take no copies: `--pictures link` (hard links) or `--pictures list` (CSVs that name the files)"
    require_room(destination.absolute().parent, bytes_on_disk(sizes), f"{other}.")


def _disk(destination: Path) -> int:
    """The number of the disk that a folder is on, or will be."""
    folder = destination.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev


def place_pictures(jobs: Sequence[tuple[Path, str]], root: Path, how: Literal["copy", "link"]) -> Placed:
    """Each picture (its path, the folder below `root` for it) under its own name there. OSError where it can't be."""
    names, files, copied = FreeNames(), [], 0
    for path, folder in jobs:
        name = names.take(folder, path.name)
        (root / folder).mkdir(parents=True, exist_ok=True)
        if how == "copy" or not _linked(path, root / folder / name):
            copy_file(path, root / folder / name)
            copied += 1
        files.append(f"{folder}/{name}")
    return Placed(files, copied)


def _linked(path: Path, target: Path) -> bool:
    """Whether a hard link could be made; not on another disk, and not on every file system."""
    try:
        os.link(path.resolve(), target)
    except OSError:
        return False
    return True


def write_table(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A CSV that is read as it was written."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
