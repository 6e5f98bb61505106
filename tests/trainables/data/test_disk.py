"""The room on a disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trainables.data import disk
from trainables.data.disk import free_bytes, has_room


def test_a_folder_that_isnt_there_yet_has_its_disks_room(tmp_path: Path) -> None:
    """The nearest folder above that exists is asked."""
    free = shutil.disk_usage(tmp_path).free
    assert free_bytes(tmp_path / "new" / "cache") == pytest.approx(free, rel=0.05)


def test_a_fifth_of_the_free_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four fifths may be taken; nothing always fits."""
    monkeypatch.setattr(disk, "free_bytes", lambda _: 1000)
    assert [has_room(tmp_path, needed) for needed in (0, 800, 801)] == [True, True, False]
    monkeypatch.setattr(disk, "free_bytes", lambda _: 0)
    assert [has_room(tmp_path, needed) for needed in (0, 1)] == [True, False]
