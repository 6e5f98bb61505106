"""Pictures decoded once: one uint8 file for each list of pictures x size x fit, mapped by every trial of a node.

A cache is found by what the pictures hold, not by where they lie or when they changed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import PIL
from numpy.typing import NDArray

from trainables.data.files import listed
from trainables.data.pictures.blocks import (
    BUILDING,
    PICTURES_FILE,
    Block,
    BlockResult,
    begin_building,
    done_blocks,
    file_header,
    make_block,
    publish,
    unmark_bad_blocks,
)
from trainables.data.pictures.decoders import Decoders, useful_workers
from trainables.data.pictures.digests import FileDigest, common_folder, content_digest, file_digests
from trainables.data.pictures.load import Fit, unreadable
from trainables.errors import UserError
from trainables.names import META_FILE

LOADER_VERSION: Final = 3  # a change of what the loader makes of a picture makes old caches useless
BLOCK: Final = 32  # pictures, and more where there would be more than
BLOCKS: Final = 4096
ROUNDS: Final = 3  # so often a block that doesn't hold what was written is made again

Tell = Callable[[int, int], None]  # (pictures done, all pictures)


def cache_key(content: str, *, size: int, fit: Fit, pixel_limit: int) -> str:
    """The name of the cache of pictures with this content digest."""
    text = f"{LOADER_VERSION} {PIL.__version__} {size} {fit} {pixel_limit} {content}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def cache_bytes(count: int, size: int) -> int:
    """How much that many pictures take on the disk."""
    return count * size**2 * 3 + len(file_header(count, size))


def is_cached(folder: Path, key: str) -> bool:
    """Whether the cache is complete."""
    return (folder / key).is_dir()


def bytes_to_build(folder: Path, key: str, count: int, size: int) -> int:
    """How much more disk the cache takes until it is complete; one that was begun has its room already."""
    begun = is_cached(folder, key) or (folder / f"{key}{BUILDING}").is_dir()
    return 0 if begun else cache_bytes(count, size)


def decoded_pictures(
    paths: Sequence[Path],
    *,
    size: int,
    fit: Fit,
    pixel_limit: int,
    folder: Path,
    content: str | None = None,
    workers: int = 1,
    progress: Tell | None = None,
) -> NDArray[np.uint8]:
    """Pictures (N, size, size, 3), from the cache in `folder` or decoded into it now by up to `workers` processes.

    With `content`, the pictures' content digest, no picture is touched where the cache is complete. Any number of
    processes may ask at once, on any node: they share the work. What was done before one was killed is kept.
    Raises UserError where pictures can't be read or don't have that digest, or the disk is full.
    """
    if content is not None:
        key = cache_key(content, size=size, fit=fit, pixel_limit=pixel_limit)
        if is_cached(folder, key):
            return _opened(folder / key, len(paths), size)
    digests = file_digests(paths, folder)
    if content is not None:
        require_unchanged(paths, digests, content)
    key = cache_key(content_digest(digests), size=size, fit=fit, pixel_limit=pixel_limit)
    if not is_cached(folder, key):
        try:
            _build(paths, digests, folder, key, size, fit, pixel_limit, useful_workers(len(paths), workers), progress)
        except OSError as error:
            raise _disk_fault(error, folder, cache_bytes(len(paths), size)) from error
    return _opened(folder / key, len(paths), size)


def require_unchanged(paths: Sequence[Path], digests: Sequence[FileDigest], content: str) -> None:
    """UserError where the files' digests don't give this content digest."""
    if content != content_digest(digests):
        raise UserError(
            f"Pictures must stay as they were when the study began, but one of the {len(paths):,} in "
            f"{common_folder(paths)} has changed since: restore it, or begin a new study."
        )


def _opened(cached: Path, count: int, size: int) -> NDArray[np.uint8]:
    try:
        pictures: NDArray[np.uint8] = np.load(cached / PICTURES_FILE, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(cached, str(error)) from error
    if pictures.shape != (count, size, size, 3) or pictures.dtype != np.uint8:
        raise _damaged(cached, f"it holds {pictures.dtype} {pictures.shape}")
    with suppress(OSError):  # on a read-only disk nobody asks when it was last used
        os.utime(cached / META_FILE)
    return pictures


def _damaged(cached: Path, reason: str) -> UserError:
    return UserError(
        f"A cache of pictures must be whole, but {cached} is damaged ({reason}): remove that "
        "folder, and it is made anew."
    )


def _disk_fault(error: OSError, folder: Path, needed: int) -> UserError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return UserError(
            f"The decoded pictures need {needed / 1e9:,.1f} GB in {folder}, but the disk or quota is full: free some "
            "room (`binwise cache list` shows what the caches take), or set data.decode to stream."
        )
    return UserError(
        f"The folder of decoded pictures must be writable, but {error.filename or folder}: "
        f"{error.strerror or error}. Make it so, or set data.decode to stream."
    )


def _build(
    paths: Sequence[Path],
    digests: Sequence[FileDigest],
    folder: Path,
    key: str,
    size: int,
    fit: Fit,
    pixel_limit: int,
    workers: int,
    progress: Tell | None,
) -> None:
    """Make the cache, beside any others that make it too."""
    building = begin_building(folder, key, len(paths), size, _meta(paths, size, fit))
    if is_cached(folder, key):  # finished by another process since we looked, so that ours is a new one
        shutil.rmtree(building, ignore_errors=True)
        return
    blocks = _blocks(paths, digests, building, size, fit, pixel_limit)
    try:
        for _ in range(ROUNDS):
            if not _fill(blocks, workers, progress):
                break
            if not unmark_bad_blocks(building, blocks, workers):
                publish(building, folder / key)
                return
    except FileNotFoundError:
        if not is_cached(folder, key):
            raise
    if not is_cached(folder, key):
        raise UserError(
            f"The cache {building} must be left alone while it is made, but it was removed or doesn't keep what is "
            "written to it. Run it again; if it happens again, check the disk."
        )


def _blocks(
    paths: Sequence[Path], digests: Sequence[FileDigest], building: Path, size: int, fit: Fit, pixel_limit: int
) -> list[Block]:
    header, length = len(file_header(len(paths), size)), max(BLOCK, -(-len(paths) // BLOCKS))
    return [
        Block(
            folder=str(building),
            number=number,
            offset=header + start * size**2 * 3,
            paths=tuple(map(str, paths[start : start + length])),
            states=tuple((one.size, one.changed) for one in digests[start : start + length]),
            size=size,
            fit=fit,
            pixel_limit=pixel_limit,
        )
        for number, start in enumerate(range(0, len(paths), length))
    ]


def _fill(blocks: Sequence[Block], workers: int, progress: Tell | None) -> bool:
    """Make every block that isn't done; False where the folder is gone meanwhile. UserError for faulty pictures."""
    done = done_blocks(Path(blocks[0].folder)) if blocks else {}
    missing = [block for block in blocks if block.number not in done]
    random.SystemRandom().shuffle(missing)  # processes that build at once seldom make the same block
    total = sum(len(block.paths) for block in blocks)
    ready = total - sum(len(block.paths) for block in missing)
    faulty: list[BlockResult] = []
    with closing(_made(missing, workers)) as results:
        for result in results:
            if result.gone:
                return False
            if result.faults or result.changed:
                faulty.append(result)
            ready += result.pictures
            if progress is not None:
                progress(ready, total)
    if faulty:
        raise _refusal(sorted(faulty, key=lambda result: result.number), total)
    return True


def _made(blocks: Sequence[Block], workers: int) -> Generator[BlockResult, None, None]:
    """With one worker it's this process that decodes."""
    if workers == 1:
        yield from map(make_block, blocks)
        return
    with Decoders(workers) as decoders:
        yield from decoders.make_blocks(blocks)


def _refusal(faulty: Sequence[BlockResult], count: int) -> UserError:
    faults = [fault for result in faulty for fault in result.faults]
    if faults:
        return unreadable(faults, count)
    changed = [path for result in faulty for path in result.changed]
    return UserError(
        f"Pictures must stay as they are while they are decoded, but {len(changed)} of {count} changed:\n"
        f"{listed(changed)}\nRun it again."
    )


def _meta(paths: Sequence[Path], size: int, fit: Fit) -> bytes:
    """What `binwise cache list` shows."""
    meta = {
        "what": common_folder(paths),
        "count": len(paths),
        "size": size,
        "fit": fit,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(meta, indent=1).encode()
