"""Data as they are against data as they are on record: what has changed since, told sample by sample."""

from __future__ import annotations

from pathlib import Path

from trainables.data.lineage.changes import Changes, changes_between, sealed_changes
from trainables.data.lineage.manifest import Manifest, read_manifests, sealed
from trainables.errors import UserError


def recorded(path: Path, split: str, digest: str) -> Manifest | None:
    """The manifest of that split and digest in the file; None where the file is gone, damaged or of other data."""
    try:
        found = read_manifests(path).get(split)
    except UserError:
        return None
    return found if found is not None and found.digest == digest else None


def told(path: Path, split: str, digest: str, now: Manifest) -> str:
    """What of a split has changed since its manifest of that digest was written to the file; empty: nothing."""
    if now.digest == digest:
        return ""
    before = recorded(path, split, digest)
    changes = Changes() if before is None else changes_between(before, now)
    return changes.text(f"  {split}: ") or f"  {split}.manifest: {digest} -> {now.digest}"


def told_sealed(path: Path, split: str, digest: str, now: Manifest) -> tuple[str, str]:
    """The same where what is on record is sealed, and `now` isn't; and it in short: `2 samples gone`.

    Both are empty where nothing has changed.
    """
    after = sealed(now).digest
    if after == digest:
        return "", ""
    before = recorded(path, split, digest)
    changes = Changes() if before is None else sealed_changes(before, now)
    lost = f"digest {digest[:12]} -> {after[:12]}; {path.name} is gone or damaged, which could tell more"
    return changes.text("  ") or f"  {lost}", changes.summary() or lost
