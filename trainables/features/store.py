"""The cache of features: a folder for each split, network and way of preparing its items; filled block by block.

A folder's name is the digest of its recipe: what the items hold, which weights, what was done to them. While it is
built it ends with `.building`, and each block is a file of its own that appears whole; a killed build goes on at the
first block that is missing. Blocks are always the same rows, so that every build gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
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
BLOCK = 512  # samples
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
    os.utime(folder)  # when it was last used
    found: Features = np.load(folder / _FILE, mmap_mode="r", allow_pickle=False)
    if len(found) != count:
        raise UserError(f"{folder} must hold features of {count} samples, but it is damaged: remove that folder.")
    return found


def _build(building: Path, folder: Path, recipe: Recipe, count: int, compute: Compute, between: Between) -> None:
    """Every block that is missing, then all of them as one file under the cache's name."""
    starts = range(0, count, BLOCK)
    for start in starts:
        path = building / f"block_{start:09d}.npy"
        if not path.is_file():
            block = compute(slice(start, min(start + BLOCK, count)))
            if start == 0:
                _require_room(building, block, count)
            _write(path, block)
        between()
    blocks = [building / f"block_{start:09d}.npy" for start in starts]
    _join(blocks, building / _FILE)
    about = {"what": recipe.what, "samples": count, "format": FORMAT, **recipe.settings}
    replace_file(building / META_FILE, json.dumps(about, indent=1).encode())
    for path in blocks:
        path.unlink()
    (building / _LOCK).unlink(missing_ok=True)
    building.rename(folder)
    fsync(folder.parent)


def _require_room(building: Path, block: Features, count: int) -> None:
    needed = 2 * count * block.shape[1] * block.itemsize  # the blocks, then the whole of them
    if needed > free_bytes(building):
        shutil.rmtree(building, ignore_errors=True)
        raise UserError(
            f"The features must fit the disk, but they need {human_bytes(needed)} while they are computed and "
            f"{building.parent} has {human_bytes(free_bytes(building.parent))} free: free some room (`binwise cache "
            "list` shows what the caches take), or set `heads: none`."
        )


def _write(path: Path, block: Features) -> None:
    """The file appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(block, dtype=np.float32), allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)


def _join(blocks: list[Path], whole: Path) -> None:
    """All blocks one after the other, some at a time in memory."""
    parts = [np.load(block, mmap_mode="r", allow_pickle=False) for block in blocks]
    shape = (sum(len(part) for part in parts), parts[0].shape[1])
    joined = np.lib.format.open_memmap(whole, mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for part in parts:
        joined[start : start + len(part)] = part
        start += len(part)
    joined.flush()
    del joined
    fsync(whole)
