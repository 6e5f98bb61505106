"""Data against their record on the disk, which may be damaged itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables.data.lineage.manifest import Manifest, Row, sealed, to_csv
from trainables.data.lineage.recorded import recorded, told, told_sealed

BEFORE = Manifest((Row("a.jpg", "Blue", 3, "ab" * 32, ""), Row("b.jpg", "Blue", 3, "cd" * 32, "")))
AFTER = Manifest(BEFORE.rows[:1])


def test_what_has_changed_since(tmp_path: Path) -> None:
    """Sample by sample; nothing where nothing has."""
    path = tmp_path / "manifest.csv"
    path.write_bytes(to_csv({"train": BEFORE, "val": AFTER}))
    assert told(path, "train", BEFORE.digest, BEFORE) == ""
    assert told(path, "train", BEFORE.digest, AFTER) == "  train: 1 sample gone:\n  b.jpg"
    path.write_bytes(to_csv({"test": sealed(BEFORE)}))
    assert told_sealed(path, "test", sealed(BEFORE).digest, BEFORE) == ("", "")
    text, short = told_sealed(path, "test", sealed(BEFORE).digest, AFTER)
    assert text == f"  1 sample gone:\n  SHA-256 {'cd' * 32} (3 bytes)"
    assert short == "1 sample gone"


@pytest.mark.parametrize("content", [None, b"torn", to_csv({"train": AFTER}), to_csv({"val": BEFORE})])
def test_without_the_record_the_digests_are_told(tmp_path: Path, content: bytes | None) -> None:
    """A manifest that isn't the one on record by its digest says nothing."""
    path = tmp_path / "manifest.csv"
    if content is not None:
        path.write_bytes(content)
    assert recorded(path, "train", BEFORE.digest) is None
    assert told(path, "train", BEFORE.digest, AFTER) == f"  train.manifest: {BEFORE.digest} -> {AFTER.digest}"
    text, short = told_sealed(path, "train", sealed(BEFORE).digest, AFTER)
    assert text.strip() == short
    assert "manifest.csv is gone or damaged" in short
