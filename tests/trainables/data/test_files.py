"""Files and folders are open to whom the umask leaves them, whoever writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from trainables.checkpoint import replace_checkpoint, save_state
from trainables.data.files import copy_file, new_folder, replace_file
from trainables.data.locks import try_lock
from trainables.features.networks import keep_network


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Within the block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path) -> dict[str, set[int]]:
    """The permissions of files and of folders below."""
    below = list(folder.rglob("*"))
    return {
        "files": {path.stat().st_mode & 0o777 for path in below if path.is_file()},
        "folders": {path.stat().st_mode & 0o777 for path in below if path.is_dir()},
    }


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o022, 0o002])
def test_the_umask_says_who_may_read(tmp_path: Path, mask: int) -> None:
    """Records, locks, new data sets, copies of pictures, checkpoints with their weights, kept networks."""
    root = tmp_path / "root"
    weights = {"a": torch.zeros(3)}
    tmp_path.joinpath("secret").write_bytes(b"x")
    tmp_path.joinpath("secret").chmod(0o400)
    with umask(mask):
        replace_file(root / "runs" / "record.json", b"{}")
        with new_folder(root / "data") as made:
            copy_file(tmp_path / "secret", made / "copied")
        lock = try_lock(root / "lock")
        replace_checkpoint(root / "best", weights, {"classes": []}, lambda folder: (folder / "more").touch())
        save_state(root / "trial", weights, {}, {"epoch": 1})
        keep_network(root / "caches", weights, "d" * 64, "a network")
    assert lock is not None
    lock.release()
    assert modes(root) == {"files": {0o666 & ~mask}, "folders": {0o777 & ~mask}}


def test_a_copy_keeps_its_source_s_times(tmp_path: Path) -> None:
    """A picture's date says which one is older."""
    (tmp_path / "picture").write_bytes(b"abc")
    os.utime(tmp_path / "picture", ns=(1_600_000_000_000_000_001, 1_500_000_000_000_000_002))
    copy_file(tmp_path / "picture", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"abc"
    assert (tmp_path / "copy").stat().st_mtime_ns == 1_500_000_000_000_000_002


def test_a_long_name_is_written_too(tmp_path: Path) -> None:
    """What is written beside it first has a name of its own, that no file system finds too long."""
    replace_file(tmp_path / ("ü" * 120), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["ü" * 120]
