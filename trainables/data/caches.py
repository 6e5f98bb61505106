"""What lies in the folder of caches: shown, and cleared. Everything in it can be computed again.

A folder below the root is a kind of cache (`pictures`), and what lies directly in it is one cache. What a cache says
about itself stands in its `meta.json`; this module knows no kind in particular.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables.data.files import listed
from trainables.data.pictures.blocks import BUILDING
from trainables.data.pictures.digests import INDEX_FOLDER
from trainables.errors import UserError
from trainables.names import META_FILE


@dataclass(frozen=True)
class CacheEntry:
    """One cache: its kind, folder, bytes, whether it is complete, and when it was last used."""

    kind: str
    path: Path
    bytes: int
    complete: bool
    used: float  # when it was last used or written, seconds since 1970
    about: Mapping[str, Any] = field(default_factory=dict)  # its meta.json

    @property
    def what(self) -> str:
        """What it was made of, in words."""
        if self.path.name == INDEX_FOLDER:
            return "what each file holds"
        return str(self.about.get("what") or self.path.name)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        own = {"kind": self.kind, "path": str(self.path), "what": self.what, "bytes": self.bytes}
        return {**self.about, **own, "complete": self.complete, "used": self.used}


def list_caches(root: Path) -> list[CacheEntry]:
    """Every cache below `root`, by kind, the largest first; links are left out."""
    found = [
        _entry(kind.name, path) for kind in _real_folders(root) for path in kind.iterdir() if not path.is_symlink()
    ]
    return sorted(found, key=lambda entry: (entry.kind, -entry.bytes))


def clear_caches(root: Path, entries: Sequence[CacheEntry]) -> int:
    """Remove these caches; how many bytes that freed. UserError, and nothing is removed, where a link is among them."""
    _check_places(root, entries)
    for entry in entries:
        # First under a name that no study looks for: half a cache must never look whole.
        doomed = entry.path.with_name(f".{entry.path.name}.{uuid.uuid4().hex[:8]}{BUILDING}")
        entry.path.rename(doomed)
        if doomed.is_dir():
            shutil.rmtree(doomed)
        else:
            doomed.unlink()
    return sum(entry.bytes for entry in entries)


def links_below(root: Path) -> list[Path]:
    """Links among the kinds and the caches: what lies behind them isn't ours to remove."""
    kinds = list(root.iterdir()) if root.is_dir() else []
    inner = [path for kind in _real_folders(root) for path in kind.iterdir()]
    return sorted(path for path in (*kinds, *inner) if path.is_symlink())


def _check_places(root: Path, entries: Sequence[CacheEntry]) -> None:
    real = Path(os.path.realpath(root))
    odd = [
        str(entry.path)
        for entry in entries
        if entry.path.is_symlink() or Path(os.path.realpath(entry.path)).parent.parent != real
    ]
    if odd:
        raise UserError(
            f"Only caches that lie in {root} themselves are removed, but these are links or lie elsewhere:\n"
            f"{listed(odd)}\nRemove them by hand."
        )


def _real_folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def _entry(kind: str, path: Path) -> CacheEntry:
    size, used = _measured(path)
    complete = not path.name.endswith(BUILDING) and not path.name.startswith(".")
    return CacheEntry(kind, path, size, complete, used, _about(path))


def _measured(path: Path) -> tuple[int, float]:
    """Bytes of everything in it, and the latest time of change. What vanishes meanwhile doesn't count."""
    size, latest = 0, 0.0
    for inner in (path, *(Path(top) / name for top, _, names in os.walk(path) for name in names)):
        try:
            status = inner.lstat()
        except FileNotFoundError:
            continue
        size += 0 if inner.is_dir() else status.st_size
        latest = max(latest, status.st_mtime)
    return size, latest


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads((path / META_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
