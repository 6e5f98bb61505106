"""Pictures decoded once."""

from __future__ import annotations

import errno
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from trainables_fakes import PIXEL_LIMIT, make_split

from trainables.data.pictures import blocks, cache
from trainables.data.pictures.blocks import BUILDING, PICTURES_FILE
from trainables.data.pictures.cache import bytes_to_build, cache_bytes, cache_key, decoded_pictures, is_cached
from trainables.data.pictures.digests import content_digest, file_digests
from trainables.data.pictures.load import load_pictures
from trainables.errors import UserError
from trainables.names import META_FILE


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three pictures."""
    monkeypatch.setattr(cache, "BLOCK", 3)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Eight pictures of their own, to be damaged."""
    return [path for path in make_split(tmp_path / "pictures", 8, seed=3).inputs["image"] if path is not None]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are decoded from now on."""
    names: list[str] = []
    load = blocks.load_into

    def spy(target: NDArray[np.uint8], path: Path, *arguments: object) -> str | None:
        names.append(path.name)
        return load(target, path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(blocks, "load_into", spy)
    return names


def decode(paths: Sequence[Path], folder: Path, size: int = 32, fit: str = "pad", **more: object) -> NDArray[np.uint8]:
    """The cache's answer."""
    arguments = {"size": size, "fit": fit, "pixel_limit": PIXEL_LIMIT, "folder": folder, **more}
    return decoded_pictures(paths, **arguments)  # type: ignore[arg-type]


def caches(folder: Path) -> list[Path]:
    """What lies in the folder, beside the index of digests."""
    return sorted(path for path in folder.glob("*") if path.name != "digests")


def content(paths: Sequence[Path], folder: Path) -> str:
    """The pictures' content digest."""
    return content_digest(file_digests(paths, folder))


def test_it_is_what_the_loader_makes(paths: list[Path], tmp_path: Path) -> None:
    """The array is the loader's, uint8, in the order of the paths, mapped; nothing unfinished is left."""
    told: list[tuple[int, int]] = []
    folder = tmp_path / "new" / "cache"
    found = decode(paths, folder, progress=lambda done, total: told.append((done, total)))
    assert np.array_equal(found, load_pictures(paths, 32, "pad"))
    assert found.dtype == np.uint8
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    (only,) = caches(folder)
    assert sorted(path.name for path in only.iterdir()) == [META_FILE, PICTURES_FILE]
    assert only.joinpath(PICTURES_FILE).stat().st_size == cache_bytes(8, 32)
    assert [total for _, total in told] == [8, 8, 8]
    assert told[-1][0] == 8


def test_it_says_what_it_is(paths: list[Path], tmp_path: Path) -> None:
    """The meta tells where the pictures lay, how many there are, their size and fit."""
    decode(paths, tmp_path / "cache")
    (only,) = caches(tmp_path / "cache")
    meta = json.loads((only / META_FILE).read_text())
    assert meta.pop("created")
    assert meta == {"what": str(tmp_path / "pictures"), "count": 8, "size": 32, "fit": "pad"}


def test_several_processes_give_the_same_bytes(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers make what one makes."""
    monkeypatch.setattr("trainables.data.pictures.decoders.PICTURES_A_WORKER", 4)
    assert np.array_equal(decode(paths, tmp_path / "two", workers=2), decode(paths, tmp_path / "one", workers=1))


def test_with_the_digest_no_picture_is_touched(paths: list[Path], tmp_path: Path) -> None:
    """What is cached is served by its digest even where the pictures are gone."""
    digest = content(paths, tmp_path / "cache")
    first = np.array(decode(paths, tmp_path / "cache", content=digest))
    shutil.rmtree(paths[0].parent)
    assert np.array_equal(decode(paths, tmp_path / "cache", content=digest), first)


def test_touched_and_moved_pictures_are_not_decoded_again(
    paths: list[Path], tmp_path: Path, decoded: list[str]
) -> None:
    """New times and a new folder leave the content as it is: the same cache serves."""
    first = np.array(decode(paths, tmp_path / "cache"))
    assert sorted(decoded) == sorted(path.name for path in paths)
    decoded.clear()
    os.utime(paths[2])
    assert np.array_equal(decode(paths, tmp_path / "cache"), first)
    moved = paths[0].parent.rename(tmp_path / "moved")
    assert np.array_equal(decode([moved / path.name for path in paths], tmp_path / "cache"), first)
    assert decoded == []


def test_a_changed_picture_is_decoded_again(paths: list[Path], tmp_path: Path) -> None:
    """Another picture under the same name: the cache is another one, and shows it; the old one stays."""
    decode(paths, tmp_path / "cache")
    shutil.copy(paths[0], paths[2])
    found = decode(paths, tmp_path / "cache")
    assert np.array_equal(found[2], found[0])
    assert len(caches(tmp_path / "cache")) == 2


def test_a_study_refuses_changed_pictures(paths: list[Path], tmp_path: Path) -> None:
    """Where the cache isn't there and the pictures aren't those that the study began with, nothing is decoded."""
    digest = content(paths, tmp_path / "cache")
    shutil.copy(paths[0], paths[2])
    with pytest.raises(UserError, match="changed since"):
        decode(paths, tmp_path / "cache", content=digest)
    assert caches(tmp_path / "cache") == []


def test_a_picture_that_changes_meanwhile_is_refused(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed between its digest and its decoding: it is named, its block isn't kept, the others are."""
    found = file_digests

    def late(*arguments: object) -> object:
        digests = found(*arguments)  # type: ignore[arg-type]
        shutil.copy(paths[0], paths[4])
        return digests

    monkeypatch.setattr(cache, "file_digests", late)
    with pytest.raises(UserError, match=r"1 of 8 changed:\n.*4\.png"):
        decode(paths, tmp_path / "cache")
    (building,) = caches(tmp_path / "cache")
    assert set(blocks.done_blocks(building)) == {0, 2}


def test_the_key_knows_all_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content, size, fit, limit, and the loader with Pillow: any of them changed is another key."""

    def key(content: str = "a", size: int = 32, fit: str = "pad", limit: int = 9) -> str:
        return cache_key(content, size=size, fit=fit, pixel_limit=limit)  # type: ignore[arg-type]

    first = key()
    assert key() == first
    others = [key("b"), key(size=64), key(fit="crop"), key(limit=8)]
    monkeypatch.setattr(cache, "LOADER_VERSION", -1)
    others.append(key())
    monkeypatch.setattr(cache.PIL, "__version__", "0")
    others.append(key())
    assert len({first, *others}) == 7


def test_sizes_fits_and_orders_lie_side_by_side(paths: list[Path], tmp_path: Path) -> None:
    """One folder serves all of them, each with its own pictures."""
    folder = tmp_path / "cache"
    assert decode(paths, folder, size=47).shape == (8, 47, 47, 3)
    assert not np.array_equal(decode(paths, folder, fit="crop"), decode(paths, folder, fit="pad"))
    assert np.array_equal(decode(paths[::-1], folder), decode(paths, folder)[::-1])
    assert len(caches(folder)) == 4


def test_unreadable_pictures_are_one_error_and_the_rest_is_kept(
    paths: list[Path], tmp_path: Path, decoded: list[str]
) -> None:
    """All are gone through, faults are told in the data's order, finished blocks aren't made a second time."""
    paths[1].write_bytes(b"")
    paths[7].write_bytes(b"text")
    with pytest.raises(UserError, match="2 of 8") as caught:
        decode(paths, tmp_path / "cache")
    text = str(caught.value)
    assert text.index("1.png: the file is empty") < text.index("7.png: the content is no picture")
    assert len(decoded) == 8
    (building,) = caches(tmp_path / "cache")
    assert building.name.endswith(BUILDING)
    decoded.clear()
    with pytest.raises(UserError, match="2 of 8"):
        decode(paths, tmp_path / "cache")
    assert sorted(decoded) == ["0.png", "1.png", "2.png", "6.png", "7.png"]


def test_a_corrupted_block_is_made_again(paths: list[Path], tmp_path: Path, decoded: list[str]) -> None:
    """A done block whose bytes aren't those of its CRC doesn't get into the cache; sound blocks are kept."""
    good = paths[7].read_bytes()
    paths[7].write_bytes(b"")
    with pytest.raises(UserError):
        decode(paths, tmp_path / "cache")
    (building,) = caches(tmp_path / "cache")
    paths[7].write_bytes(good)
    key = cache_key(content(paths, tmp_path / "cache"), size=32, fit="pad", pixel_limit=PIXEL_LIMIT)
    building.rename(building.with_name(f"{key}{BUILDING}"))  # as if it had been begun with the picture whole
    with (tmp_path / "cache" / f"{key}{BUILDING}" / PICTURES_FILE).open("r+b") as stream:
        stream.seek(4000)
        stream.write(b"\xff\0\xff")
    decoded.clear()
    found = decode(paths, tmp_path / "cache")
    assert np.array_equal(found, load_pictures(paths, 32, "pad"))
    assert sorted(decoded) == ["0.png", "1.png", "2.png", "6.png", "7.png"]
    assert is_cached(tmp_path / "cache", key)


def test_what_isnt_kept_by_the_disk_is_an_error(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where written bytes never read back as they were, it ends, and nothing lies under the final name."""
    monkeypatch.setattr(blocks, "_mark", lambda folder, number, crc: folder / "blocks" / f"{number}-{crc ^ 1:x}")
    with pytest.raises(UserError, match="doesn't keep what is written"):
        decode(paths, tmp_path / "cache")
    assert [path.suffix for path in caches(tmp_path / "cache")] == [BUILDING]


@pytest.mark.parametrize("step", ["posix_fallocate", "pwrite"])
def test_a_full_disk_leaves_nothing_under_the_final_name(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The message says how much is needed and what to do; taking the room or writing may be what fails."""

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(blocks.os, step, fail)
    with pytest.raises(UserError, match=r"disk or quota is full.*data\.decode"):
        decode(paths, tmp_path / "cache")
    assert [path for path in caches(tmp_path / "cache") if not path.name.endswith(BUILDING)] == []
    assert step == "pwrite" or caches(tmp_path / "cache") == []


def test_it_says_beforehand_what_it_will_take(paths: list[Path], tmp_path: Path) -> None:
    """The file's bytes while there is nothing; no more once it was begun or is complete."""
    folder = tmp_path / "cache"
    key = cache_key(content(paths, folder), size=32, fit="pad", pixel_limit=PIXEL_LIMIT)
    assert bytes_to_build(folder, key, 8, 32) == cache_bytes(8, 32)
    building = blocks.begin_building(folder, key, 8, 32, b"{}")
    assert bytes_to_build(folder, key, 8, 32) == 0
    assert building.joinpath(PICTURES_FILE).stat().st_size == cache_bytes(8, 32)
    decode(paths, folder)
    assert bytes_to_build(folder, key, 8, 32) == 0


def test_a_damaged_cache_is_told(paths: list[Path], tmp_path: Path) -> None:
    """A file that is cut off or gone: the message names the folder to remove."""
    decode(paths, tmp_path / "cache")
    (only,) = caches(tmp_path / "cache")
    os.truncate(only / PICTURES_FILE, 5000)
    with pytest.raises(UserError, match=f"{only.name} is damaged"):
        decode(paths, tmp_path / "cache")
    (only / PICTURES_FILE).unlink()
    with pytest.raises(UserError, match=f"{only.name} is damaged"):
        decode(paths, tmp_path / "cache")


def test_the_pixel_limit_is_the_callers(paths: list[Path], tmp_path: Path) -> None:
    """Pictures with more pixels than allowed aren't decoded."""
    with pytest.raises(UserError, match="limit of 100"):
        decode(paths, tmp_path / "cache", pixel_limit=100)


def test_marks_hold_the_crc(paths: list[Path], tmp_path: Path) -> None:
    """A block's mark is the CRC-32 of its pictures."""
    paths[7].write_bytes(b"")
    with pytest.raises(UserError):
        decode(paths, tmp_path / "cache")
    (building,) = caches(tmp_path / "cache")
    expected = zlib.crc32(load_pictures(paths[:3], 32, "pad").data)
    assert blocks.done_blocks(building)[0] == {expected}
