"""A zip file from elsewhere -> files within one new folder, or one error that says all that is wrong with it."""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainables.data.disk import bytes_on_disk, require_room
from trainables.data.files import listed
from trainables.errors import UserError
from trainables.words import human_bytes, one_line

Parts = tuple[str, ...]  # a relative path
FILE_LIMIT: Final = 1_000_000  # files of one archive
EXPANSION: Final = 20  # pictures hardly shrink in an archive; what grows more than so many times is no set of pictures
SMALL: Final = 10_000_000  # bytes that any archive may hold, however small it is
NAME_BYTES: Final = 255  # what file systems allow
JUNK: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KINDS: Final = (0, stat.S_IFREG)  # of a file's mode: none is written, or a regular file
# What Python's reader raises for damaged archives.
_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
)
_LOCAL_HEADER: Final = 30  # bytes, without its name
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file of an archive, and where it goes."""

    info: zipfile.ZipInfo
    parts: Parts


def unpack(
    archive: Path,
    folder: Path,
    *,
    arrange: Callable[[Sequence[Parts]], list[Parts]] = list,
    progress: Callable[[int, int], None] | None = None,
) -> list[Parts]:
    """Unpack `archive` into the existing empty `folder`; the relative paths that were written.

    `arrange` says where each file goes, given all their paths in the archive. Folders' own entries and what file
    managers leave behind (`__MACOSX`, `.DS_Store`) are passed over. `progress` is told (bytes written, all bytes).
    Raises UserError, before anything is written, that lists every entry that isn't a plain file within the folder or
    that another one would overwrite, and where all of them are too many or too large; and where the archive is damaged
    or the disk full.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = checked_members(opened, archive, arrange)
            need = bytes_on_disk(member.info.file_size for member in members)
            require_room(folder, need, "Make room there, or name another disk.")
            _write(opened, members, folder, progress)
    except UserError:
        raise
    except _FAULTS as error:
        raise UserError(f"{archive} must be a whole zip file, but: {one_line(str(error))}. Fetch it anew.") from error
    except OSError as error:
        raise UserError(f"{archive} must be unpacked to {folder}, but: {error.strerror or error}.") from error
    return [member.parts for member in members]


def checked_members(
    opened: zipfile.ZipFile, archive: Path, arrange: Callable[[Sequence[Parts]], list[Parts]]
) -> list[Member]:
    """The files of an archive with their places; UserError with every fault of them (see `unpack`)."""
    infos = [info for info in opened.infolist() if not info.is_dir() and not _is_junk(info.filename)]
    faults = [*_size_faults(infos, archive.stat().st_size), *_overlaps(opened)]
    faults += [f"{_shown(info)}: {fault}" for info in infos if (fault := _fault(info)) is not None]
    if not faults:
        places = arrange([tuple(info.filename.split("/")) for info in infos])
        faults += _clashes(places)
    if faults:
        raise UserError(
            f"An archive must hold plain files within one folder, but {archive} has:\n{listed(faults)}\n"
            "Nothing was unpacked. Is it the right file? Where it is, unpack it by hand and look at these."
        )
    return [Member(info, parts) for info, parts in zip(infos, places, strict=True)]


def _is_junk(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].lower() in JUNK or parts[-1].startswith("._")


def _size_faults(infos: Sequence[zipfile.ZipInfo], packed: int) -> Iterator[str]:
    total = sum(info.file_size for info in infos)
    if len(infos) > FILE_LIMIT:
        yield f"{len(infos):,} files, more than {FILE_LIMIT:,}"
    if total > max(EXPANSION * packed, SMALL):
        yield f"{human_bytes(total)} in {human_bytes(packed)}, more than {EXPANSION} times as much"


def _overlaps(opened: zipfile.ZipFile) -> Iterator[str]:
    """Entries whose bytes lie in one another's: how one kilobyte becomes a terabyte."""
    infos = sorted(opened.infolist(), key=lambda info: info.header_offset)
    ends = [info.header_offset for info in infos[1:]] + [opened.start_dir]
    for info, end in zip(infos, ends, strict=True):
        if info.header_offset + _LOCAL_HEADER + info.compress_size > end:
            yield f"{_shown(info)}: its bytes overlap another entry's"


def _fault(info: zipfile.ZipInfo) -> str | None:
    """What is wrong with one entry by itself."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in _KINDS:
        return "a link" if kind == stat.S_IFLNK else "no regular file"
    if info.flag_bits & 0x41:
        return "encrypted"
    if info.compress_type not in _METHODS:
        return f"packed by method {info.compress_type}, which pictures' archives don't use"
    return _name_fault(info.orig_filename)


def _name_fault(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in parts[0][:2]:
        return "a path from the root, or one of Windows"
    if any(part in ("", ".", "..") for part in parts):
        return "a path that leaves the folder, or has an empty part"
    if not name.isprintable():
        return "a control character in its name"
    if any(len(part.encode()) > NAME_BYTES for part in parts):
        return f"a name of more than {NAME_BYTES} bytes"
    return None


def _clashes(places: Sequence[Parts]) -> list[str]:
    """Places that two files share, or a file and a folder, on a disk that doesn't tell case or Unicode forms apart."""
    keys = [tuple(unicodedata.normalize("NFC", part).casefold() for part in parts) for parts in places]
    times = Counter(keys)
    above = {key[:end] for key in times for end in range(1, len(key))}
    faults = [f"{one_line('/'.join(parts))}: two files of this name" for parts, key in _firsts(places, keys, times)]
    return faults + [
        f"{one_line('/'.join(parts))}: a file where others need a folder"
        for parts, key in zip(places, keys, strict=True)
        if key in above
    ]


def _firsts(places: Sequence[Parts], keys: Sequence[Parts], times: Counter[Parts]) -> Iterator[tuple[Parts, Parts]]:
    """The first place of each key that occurs more than once."""
    told: set[Parts] = set()
    for parts, key in zip(places, keys, strict=True):
        if times[key] > 1 and key not in told:
            told.add(key)
            yield parts, key


def _shown(info: zipfile.ZipInfo) -> str:
    name = one_line(info.orig_filename)
    return name if len(name) <= 120 else f"{name[:117]}..."


def _write(
    opened: zipfile.ZipFile, members: Sequence[Member], folder: Path, progress: Callable[[int, int], None] | None
) -> None:
    total, done = sum(member.info.file_size for member in members), 0
    for member in members:
        target = folder.joinpath(*member.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(member.info) as source, target.open("xb") as stream:  # x: nothing is ever written over
            while chunk := source.read(_CHUNK):
                stream.write(chunk)
                done += len(chunk)
        if progress is not None:
            progress(done, total)
