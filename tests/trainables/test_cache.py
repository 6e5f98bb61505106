"""Pictures decoded once."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from trainables_fakes import PIXEL_LIMIT, make_split

from trainables.data import cache as module
from trainables.data.cache import cache_key, decoded_pictures
from trainables.data.pictures import load_pictures
from trainables.data.samples import Split
from trainables.records import UserError


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Four pictures of their own, to be damaged."""
    return make_split(tmp_path / "pictures", 4, seed=3)


def decode(split: Split, folder: Path, size: int = 32, fit: str = "pad") -> NDArray[np.uint8]:
    """The cache's answer."""
    return decoded_pictures(split, size=size, fit=fit, pixel_limit=PIXEL_LIMIT, folder=folder)


def paths(split: Split) -> list[Path]:
    """The split's pictures."""
    return [path for path in split.images if path is not None]


def damage(path: Path, *, keep_time: bool) -> None:
    """Replace the content by as many bytes that are no picture."""
    status = path.stat()
    path.write_bytes(b"\0" * status.st_size)
    later = 0 if keep_time else 1_000_000
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + later))


def test_it_is_what_the_loader_makes(split: Split, tmp_path: Path) -> None:
    """The array is the loader's, uint8, in the split's order, mapped from one file; no temporary file is left."""
    found = decode(split, tmp_path / "new" / "cache")
    assert np.array_equal(found, load_pictures(paths(split), 32, "pad"))
    assert found.dtype == np.uint8
    assert found.shape == (4, 3, 32, 32)
    assert isinstance(found, np.memmap)
    assert [path.suffix for path in (tmp_path / "new" / "cache").iterdir()] == [".npy"]


def test_a_second_call_decodes_nothing(split: Split, tmp_path: Path) -> None:
    """Pictures made unreadable behind its back (same size, same time) are still served from the file."""
    first = np.array(decode(split, tmp_path / "cache"))
    for path in paths(split):
        damage(path, keep_time=True)
    assert np.array_equal(decode(split, tmp_path / "cache"), first)


def test_a_changed_picture_is_decoded_again(split: Split, tmp_path: Path) -> None:
    """A new time of change makes the old file useless: the damaged picture is found and named."""
    decode(split, tmp_path / "cache")
    damage(paths(split)[2], keep_time=False)
    with pytest.raises(UserError, match=r"2\.png"):
        decode(split, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_key_knows_size_fit_order_and_pictures(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of them changed is another key; nothing changed is the same one."""
    own = paths(split)
    key = cache_key(own, 32, "pad")
    assert cache_key(list(own), 32, "pad") == key
    others = [
        cache_key(own, 64, "pad"),
        cache_key(own, 32, "crop"),
        cache_key(own[::-1], 32, "pad"),
        cache_key(own[:-1], 32, "pad"),
    ]
    monkeypatch.setattr(module, "LOADER_VERSION", -1)
    others.append(cache_key(own, 32, "pad"))
    assert len({key, *others}) == 6


def test_sizes_fits_and_splits_lie_side_by_side(split: Split, tmp_path: Path) -> None:
    """One folder serves all of them, each with its own pictures."""
    folder = tmp_path / "cache"
    backwards = dataclasses.replace(split, images=split.images[::-1])
    assert decode(split, folder, size=48).shape == (4, 3, 48, 48)
    assert not np.array_equal(decode(split, folder, fit="crop"), decode(split, folder, fit="pad"))
    assert np.array_equal(decode(backwards, folder), decode(split, folder)[::-1])
    assert len(list(folder.iterdir())) == 4


def test_a_failed_write_leaves_nothing(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up leaves neither a half file under the final name nor a temporary one."""

    def fail(stream: object, array: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module.np, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        decode(split, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_pixel_limit_is_the_callers(split: Split, tmp_path: Path) -> None:
    """Pictures with more pixels than allowed aren't decoded."""
    with pytest.raises(UserError, match="limit of 100"):
        decoded_pictures(split, size=32, fit="pad", pixel_limit=100, folder=tmp_path / "cache")
