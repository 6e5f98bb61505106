"""The cache of features: a folder for each split, network and way of preparing its items; filled block by block.

A folder's name is the digest of its recipe: what the items hold, which weights, what was done to them. While it is
built it ends with `.building`, and each block is a file of its own that appears whole; a killed build goes on at the
first block that is missing. Blocks are always the same rows, so that every build gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.disk import free_bytes
from trainables.data.files import fsync, replace_file
from trainables.data.locks import FileLock, try_lock
from trainables.data.pictures.blocks import BUILDING
from trainables.errors import UserError
from trainables.names import META_FILE
from trainables.words import human_bytes

FEATURES = "features"  # the folder of these caches among all caches
FORMAT = 1
BLOCK = 128  # samples: what a kill costs at most
POLL = 0.2  # seconds between two looks whether another process is done
_FILE = "features.npy"
_LOCK = ".lock"

Features = NDArray[np.float32]
Compute = Callable[[slice], Features]  # rows -> their features (rows, D), always the same ones
Between = Callable[[], None]  # called between two blocks and while another process is waited for


@dataclass(frozen=True)
class Recipe:
    """What features are of, and how they come about: everything that they depend on."""

    content: str  # digest of the items, in their order
    weights: str  # digest of the network's weights
    settings: Mapping[str, Any]  # plain values: the network's name, the pictures' size, the texts' cleaning ...
    what: str  # in words, for `binwise cache`
    remedy: str = "set `heads: none`"  # what else there is to do where they don't fit the disk

    def key(self) -> str:
        """The name of the folder."""
        told = {"format": FORMAT, "content": self.content, "weights": self.weights, "settings": dict(self.settings)}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def cached_features(caches: Path, recipe: Recipe, count: int, compute: Compute, between: Between) -> Features:
    """The features (N, D) of `count` samples, mapped from the cache; computed where they aren't there.

    Of several processes that want the same ones, one computes and the others wait. Raises UserError where the disk has
    no room for them, and whatever `compute` or `between` raises.
    """
    folder = caches / FEATURES / recipe.key()
    folder.parent.mkdir(parents=True, exist_ok=True)
    while not folder.is_dir():
        building = folder.with_name(f"{folder.name}{BUILDING}")
        lock = _locked(building)
        if lock is None:
            between()
            time.sleep(POLL)
            continue
        try:
            if folder.is_dir():  # finished by another one, just before this one took its place
                shutil.rmtree(building, ignore_errors=True)
            else:
                _build(building, folder, recipe, count, compute, between)
        except FileNotFoundError:
            if not folder.is_dir():  # else another one finished it, on a disk that knows no locks
                raise
        finally:
            lock.release()
    return _mapped(folder, count)


def _locked(building: Path) -> FileLock | None:
    """The folder, made if missing, for this process alone; None where another one has it or has just finished it."""
    building.mkdir(exist_ok=True)
    try:
        return try_lock(building / _LOCK, f"{socket.gethostname()} {os.getpid()}")
    except FileNotFoundError:
        return None


def _mapped(folder: Path, count: int) -> Features:
    try:
        found: Features = np.load(folder / _FILE, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(folder, str(error)) from error
    if found.ndim != 2 or len(found) != count or found.dtype != np.float32:
        raise _damaged(folder, f"it holds {found.dtype} {found.shape}, not {count} samples")
    with suppress(OSError):  # on a read-only disk nobody asks when it was last used
        os.utime(folder / META_FILE)
    return found


def _damaged(folder: Path, reason: str) -> UserError:
    return UserError(
        f"A cache of features must be whole, but {folder} is damaged ({reason}): remove that folder, and it is made "
        "anew."
    )


def _build(building: Path, folder: Path, recipe: Recipe, count: int, compute: Compute, between: Between) -> None:
    """Every block that is missing, then all of them as one file under the cache's name."""
    about = {"what": recipe.what, "count": count, "format": FORMAT, **recipe.settings}
    replace_file(building / META_FILE, json.dumps(about, indent=1).encode())
    starts = range(0, count, BLOCK)
    for start in starts:
        path = building / f"block_{start:09d}.npy"
        if not path.is_file():
            block = compute(slice(start, min(start + BLOCK, count)))
            if start == 0:
                _require_room(building, block, count, recipe.remedy)
            replace_file(path, _npy(block))
        between()
    blocks = [building / f"block_{start:09d}.npy" for start in starts]
    _join(blocks, count, building / _FILE)
    for path in building.iterdir():  # blocks, the lock, and what a killed build was writing
        if path.name not in {_FILE, META_FILE}:
            path.unlink()
    building.rename(folder)
    fsync(folder.parent)


def _require_room(building: Path, block: Features, count: int, remedy: str) -> None:
    needed = 2 * count * block.shape[1] * block.itemsize  # the blocks, then the whole of them
    if needed > free_bytes(building):
        shutil.rmtree(building, ignore_errors=True)
        raise UserError(
            f"The features must fit the disk, but they need {human_bytes(needed)} while they are computed and "
            f"{building.parent} has {human_bytes(free_bytes(building.parent))} free: free some room (`binwise cache "
            f"list` shows what the caches take), or {remedy}."
        )


def _npy(block: Features) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(block, dtype=np.float32), allow_pickle=False)
    return stream.getvalue()


def _join(blocks: list[Path], count: int, whole: Path) -> None:
    """All blocks one after the other, one at a time in memory; the file appears whole."""
    temporary, start = whole.with_name(f".{whole.name}.{uuid.uuid4().hex[:8]}"), 0
    for block in blocks:
        part = np.load(block, allow_pickle=False)
        if start == 0:
            joined = np.lib.format.open_memmap(temporary, "w+", dtype=np.float32, shape=(count, part.shape[1]))
        joined[start : start + len(part)] = part
        start += len(part)
    joined.flush()
    del joined
    fsync(temporary)
    temporary.rename(whole)
