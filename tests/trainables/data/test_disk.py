"""The room on a disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trainables.data import disk
from trainables.data.disk import bytes_on_disk, free_bytes, has_room, require_room
from trainables.errors import UserError


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


def test_files_take_whole_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files take more than they hold; what doesn't fit is refused with both figures and the remedy."""
    assert bytes_on_disk([0, 1, 4096, 4097]) == 4096 + 4096 + 8192
    monkeypatch.setattr(disk, "free_bytes", lambda _: 16_384)
    require_room(tmp_path, 16_384, "Make room.")
    with pytest.raises(UserError, match=r"must have 17 kB free for this, but has 16 kB\. Make room\."):
        require_room(tmp_path, 16_600, "Make room.")
