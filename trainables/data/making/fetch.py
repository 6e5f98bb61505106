"""A published data set, fetched by its record: gone on with after any interruption, verified, unpacked, made whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from trainables.data.disk import require_room
from trainables.data.files import new_folder, quoted, replace_file, require_free
from trainables.data.locks import try_lock
from trainables.data.making.download import bytes_there, checksum_of, download
from trainables.data.making.record import RemoteFile, chosen_file, record_files
from trainables.data.making.release_layout import arranged
from trainables.data.making.unpack import unpack
from trainables.data.making.web import Web
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS
from trainables.runtime.texts import is_picture_name

SOURCE_FILE: Final = "source.json"  # in the data set's folder: where it comes from
ZENODO: Final = "https://zenodo.org"
Tell = Callable[[int, int], None]  # (bytes done, all bytes), of the fetching, then of the unpacking


@dataclass(frozen=True)
class Published:
    """A data set that can be fetched: a file of a Zenodo record."""

    record: int
    file: str
    about: str


PUBLISHED: Final = {
    "garbage": Published(
        15832061, "final_dataset_20k.zip", "20,000 pictures of household garbage in four bins, with telling file names"
    ),
}


@dataclass(frozen=True)
class Fetched:
    """What there is now: pictures by split and class, and whether it was there before."""

    folder: Path
    counts: dict[str, dict[str, int]]  # empty where the archive has no folders Train, Val and Test
    checksum: str
    existed: bool


def published(name: str) -> Published:
    """The data set of that name; UserError that lists those that there are."""
    if name not in PUBLISHED:
        raise UserError(f'A data set that can be fetched must be one of {quoted(list(PUBLISHED))}, but got "{name}".')
    return PUBLISHED[name]


def remote_files(name: str, web: Web) -> list[RemoteFile]:
    """The files of the data set's record, as its server says now. Raises UserError."""
    return record_files(web, published(name).record, _by_hand(published(name), name))


def fetch(
    name: str, destination: Path, *, web: Web, archive: Path | None = None, progress: Tell | None = None
) -> Fetched:
    """Make the published data set `name` in `destination`: `Train`, `Val` and `Test`, a folder a class in each.

    The archive is fetched into a hidden folder beside the destination, where the next call goes on after whatever ended
    this one; `archive` names one that is there already, which is only read. The destination appears whole at the end,
    with `source.json` in it; where it is there already, nothing is done.

    Raises UserError where the destination is in use for something else or by another process, the disk lacks room, the
    server or what it sends is at fault, or the archive holds anything but plain files within its folder.
    """
    wanted, destination = published(name), Path(os.path.abspath(destination))
    work = destination.with_name(f".{destination.name}.fetch")
    with _alone(work, destination):
        if (known := _read_source(destination)) and known.get("record") == wanted.record:
            return Fetched(destination, counts_below(destination), str(known.get("checksum", "")), existed=True)
        require_free(destination)
        packed, checksum = _given(archive) if archive is not None else _fetched(name, work, web, progress)
        with new_folder(work / "unpacked") as folder:
            unpack(packed, folder, arrange=arranged, progress=progress)
            source = {"name": name, "record": wanted.record, "file": wanted.file, "checksum": checksum}
            replace_file(folder / SOURCE_FILE, (json.dumps(source, indent=2) + "\n").encode())
        require_free(destination)
        if destination.exists():
            destination.rmdir()
        os.rename(work / "unpacked", destination)
        return Fetched(destination, counts_below(destination), checksum, existed=False)


def counts_below(destination: Path) -> dict[str, dict[str, int]]:
    """Pictures by split and class; empty where a split's folder is missing."""
    splits = [destination / name for name in SPLIT_FOLDERS]
    if not all(split.is_dir() for split in splits):
        return {}
    return {
        split.name: {
            label.name: sum(is_picture_name(path.name) for path in label.rglob("*"))
            for label in sorted(split.iterdir())
            if label.is_dir()
        }
        for split in splits
    }


@contextmanager
def _alone(work: Path, destination: Path) -> Iterator[None]:
    """The working folder for this process alone; removed at the end where the data set is there."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = try_lock(work / "lock", f"{os.getpid()}\n")
    except OSError as error:
        raise UserError(
            f"The folder {destination.parent} must be writable, but: {error.strerror or error}. Name another place."
        ) from error
    if lock is None:
        raise UserError(f"{destination} is being fetched by another process. Wait for it, or name another place.")
    try:
        _remove_unpacked(work)
        yield
    finally:
        _remove_unpacked(work)
        if _read_source(destination) or not (work / "archive.part").exists():
            shutil.rmtree(work, ignore_errors=True)
        lock.release()


def _remove_unpacked(work: Path) -> None:
    """What an unpacking that was killed left behind."""
    for folder in [*work.glob(".unpacked.*"), work / "unpacked"]:
        shutil.rmtree(folder, ignore_errors=True)


def _fetched(name: str, work: Path, web: Web, progress: Tell | None) -> tuple[Path, str]:
    """The archive, whole and verified, and its checksum."""
    wanted = published(name)
    by_hand = _by_hand(wanted, name)
    file = chosen_file(record_files(web, wanted.record, by_hand), wanted.file, by_hand)
    part = work / "archive.part"
    # Pictures hardly shrink in an archive: as much again is needed to unpack it.
    need = 2 * file.size - bytes_there(file, part)
    require_room(work, need, "Half of it is the archive, which goes at the end. Make room, or name another disk.")
    download(file, part, web, progress)
    return part, file.checksum


def _given(archive: Path) -> tuple[Path, str]:
    if not archive.is_file():
        raise UserError(f"The archive must be a file, but got {archive}. Relative paths start here: {Path.cwd()}.")
    return archive, f"md5:{checksum_of(archive, 'md5')}"


def _by_hand(wanted: Published, name: str) -> str:
    address = f"{ZENODO}/records/{wanted.record}/files/{quote(wanted.file)}?download=1"
    return (
        f"Without a network, bring {address} here by another machine and name it: "
        f"binwise data fetch {name} DEST --from-file {wanted.file}"
    )


def _read_source(destination: Path) -> dict[str, object]:
    try:
        found = json.loads((destination / SOURCE_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
