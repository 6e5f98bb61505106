"""A cache of pictures while it is built: one file, filled block by block by any number of processes, on any node.

Nobody holds a lock. Each process takes the blocks that aren't done in an order of its own, and all write the same bytes
to the same place, so that double work is harmless. An empty file that is named after the block and its CRC-32 marks a
block as done: it is made in one step, and unlike bytes in a shared file it can't be lost to another node's page cache.
In the end every block is compared with its mark, and one rename makes the folder the cache.

Worker processes import this module: it must stay light, without torch.
"""

from __future__ import annotations

import io
import os
import shutil
import uuid
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.data.files import fsync, replace_file
from trainables.data.pictures.load import Fit, load_into
from trainables.names import META_FILE

PICTURES_FILE: Final = "pictures.npy"
MARKS_FOLDER: Final = "blocks"
BUILDING: Final = ".building"  # the end of an unfinished cache's name


@dataclass(frozen=True)
class Block:
    """Pictures that lie side by side in the file, and how to make them; plain values, to be sent as JSON."""

    folder: str  # of the cache that is built
    number: int
    offset: int  # bytes
    paths: tuple[str, ...]
    states: tuple[tuple[int, int], ...]  # each file's size in bytes and its time of change (ns), as it was digested
    size: int
    fit: Fit
    pixel_limit: int

    @property
    def bytes(self) -> int:
        """How long it is in the file."""
        return len(self.paths) * self.size**2 * 3


@dataclass(frozen=True)
class BlockResult:
    """What became of a block: done, perhaps by another process, unless there are faults or its folder is gone."""

    number: int
    pictures: int
    faults: Sequence[str] = ()  # unreadable pictures: path and reason
    changed: Sequence[str] = ()  # paths of pictures that aren't what was digested any more
    gone: bool = False  # the folder was finished or removed by another process


def file_header(count: int, size: int) -> bytes:
    """The .npy header of pictures (count, size, size, 3)."""
    stream = io.BytesIO()
    shape = (count, size, size, 3)
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def begin_building(folder: Path, key: str, count: int, size: int, meta: bytes) -> Path:
    """The folder in which `key` is built, made unless it is there, with `meta` as its meta.json.

    Its whole room on the disk is taken at once. OSError where the disk is full; nothing is left then.
    """
    building = folder / f"{key}{BUILDING}"
    if building.is_dir():
        return building
    temporary = folder / f".{key}.{uuid.uuid4().hex[:8]}{BUILDING}"
    try:
        (temporary / MARKS_FOLDER).mkdir(parents=True)
        replace_file(temporary / META_FILE, meta)
        _allocate(temporary / PICTURES_FILE, file_header(count, size), count * size**2 * 3)
        temporary.rename(building)
    except OSError:
        if not building.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return building


def _allocate(path: Path, header: bytes, content: int) -> None:
    with path.open("xb") as stream:
        stream.write(header)
        stream.flush()
        stream.truncate(len(header) + content)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, len(header) + content)


def done_blocks(folder: Path) -> dict[int, set[int]]:
    """The marked blocks' numbers with the CRCs they should have. FileNotFoundError where the folder is gone."""
    found: dict[int, set[int]] = {}
    for name in os.listdir(folder / MARKS_FOLDER):
        number, _, crc = name.partition("-")
        found.setdefault(int(number), set()).add(int(crc, 16))
    return found


def _mark(folder: Path, number: int, crc: int) -> Path:
    return folder / MARKS_FOLDER / f"{number:06d}-{crc:08x}"


def make_block(block: Block) -> BlockResult:
    """Decode a block and write it to its place, unless it is done. OSError where the disk is full or fails."""
    folder = Path(block.folder)
    try:
        if block.number not in done_blocks(folder):
            pictures, faults = decode(block.paths, block.size, block.fit, block.pixel_limit)
            changed = [path for path, state in zip(block.paths, block.states, strict=True) if _state(path) != state]
            if faults or changed:
                return BlockResult(block.number, len(block.paths), faults, changed)
            _write(folder / PICTURES_FILE, pictures, block.offset)
            _mark(folder, block.number, zlib.crc32(pictures.data)).touch()
    except FileNotFoundError:
        return BlockResult(block.number, 0, gone=True)
    return BlockResult(block.number, len(block.paths))


def decode(paths: Sequence[str], size: int, fit: Fit, pixel_limit: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures (N, size, size, 3) in the order of `paths`, and the faults of those that can't be read."""
    pictures = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    found = [load_into(row, Path(path), size, fit, pixel_limit) for row, path in zip(pictures, paths, strict=True)]
    return pictures, [fault for fault in found if fault is not None]


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _write(path: Path, pictures: NDArray[np.uint8], offset: int) -> None:
    """With pwrite, on a file that is open for writing alone.

    A network file system then sends these bytes and no more. Through a map, or beside pages that were read, it may send
    whole pages and undo what another node wrote next to them.
    """
    handle = os.open(path, os.O_WRONLY)
    try:
        rest = pictures.reshape(-1).data
        while rest:
            written = os.pwrite(handle, rest, offset)
            rest, offset = rest[written:], offset + written
    finally:
        os.close(handle)


def unmark_bad_blocks(folder: Path, blocks: Sequence[Block], threads: int) -> int:
    """How many blocks aren't done, or don't hold what their mark says; the latter lose their mark.

    FileNotFoundError where the folder is gone.
    """
    marks = done_blocks(folder)
    content = np.memmap(folder / PICTURES_FILE, dtype=np.uint8, mode="r")

    def is_bad(block: Block) -> bool:
        crc = zlib.crc32(content[block.offset : block.offset + block.bytes].data)
        marked = marks.get(block.number, set())
        for other in marked - {crc}:
            _mark(folder, block.number, other).unlink(missing_ok=True)
        return crc not in marked

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(is_bad, blocks))


def publish(building: Path, final: Path) -> None:
    """Make a verified building folder the cache, by one rename; where it is there already, ours is dropped."""
    try:
        fsync(building / PICTURES_FILE)
        building.rename(final)
        fsync(final.parent)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(building, ignore_errors=True)
    shutil.rmtree(final / MARKS_FOLDER, ignore_errors=True)
