"""Pictures decoded once: one uint8 array on disk per split x size x fit, memory-mapped by every trial of a node."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.pictures import load_pictures
from trainables.data.samples import Split

LOADER_VERSION = 1  # a change of what the loader makes of a picture makes old caches useless


def decoded_pictures(split: Split, *, size: int, fit: str, pixel_limit: int, folder: Path) -> NDArray[np.uint8]:
    """The split's pictures (N, 3, size, size), from the cache in `folder` or decoded into it now.

    UserError where a picture can't be read. Two processes that decode at once both write the same bytes; the last
    rename wins.
    """
    paths = [path for path in split.images if path is not None]
    target = folder / f"{cache_key(paths, size, fit)}.npy"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(target, load_pictures(paths, size, fit, pixel_limit=pixel_limit))  # type: ignore[arg-type]
    cached: NDArray[np.uint8] = np.load(target, mmap_mode="r", allow_pickle=False)
    return cached


def cache_key(paths: Sequence[Path], size: int, fit: str) -> str:
    """Changes when a picture, their order, the size, the fit or the loader changes."""
    digest = hashlib.sha256(f"{LOADER_VERSION} {size} {fit}".encode())
    for path in paths:
        status = path.stat()
        digest.update(f"\n{path} {status.st_size} {status.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _write(target: Path, pictures: NDArray[np.uint8]) -> None:
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("wb") as stream:
            np.save(stream, pictures)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
