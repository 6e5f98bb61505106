"""Several processes build one cache; some are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from trainables_fakes import make_split

from trainables.data.pictures.blocks import BUILDING, MARKS_FOLDER, PICTURES_FILE, begin_building, done_blocks, publish
from trainables.data.pictures.load import load_pictures

# Builds the cache in blocks of two pictures, `slow` seconds a picture; prints each block it decoded itself.
BUILDER = """
import sys, time
from pathlib import Path
from trainables.data.pictures import blocks
from trainables.data.pictures import cache
folder, slow, workers, *paths = sys.argv[1:]
cache.BLOCK = 2
load = blocks.load_into
def slowly(target, path, *arguments):
    time.sleep(float(slow))
    print(path.name, flush=True)
    return load(target, path, *arguments)
blocks.load_into = slowly
from trainables.data.pictures import decoders
decoders.PICTURES_A_WORKER = 1
found = cache.decoded_pictures(
    [Path(path) for path in paths], size=32, fit="pad", pixel_limit=10**6, folder=Path(folder), workers=int(workers)
)
print("sum", int(found.sum()), flush=True)
"""


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Twelve pictures: six blocks."""
    return [path for path in make_split(tmp_path / "pictures", 12, seed=3).inputs["image"] if path is not None]


def start(folder: Path, paths: list[Path], slow: float = 0.0, workers: int = 1) -> subprocess.Popen[str]:
    """A builder as a process of its own."""
    arguments = [str(folder), str(slow), str(workers), *map(str, paths)]
    return subprocess.Popen([sys.executable, "-c", BUILDER, *arguments], stdout=subprocess.PIPE, text=True)


def ended(builder: subprocess.Popen[str]) -> list[str]:
    """What it printed, once it has ended well."""
    said, _ = builder.communicate(timeout=100)
    assert builder.returncode == 0
    return said.split("\n")[:-1]


def found(folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The one complete cache; nothing unfinished lies beside it."""
    (only,) = [path for path in folder.iterdir() if path.name != "digests"]
    pictures: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.load(only / PICTURES_FILE)
    assert not (only / MARKS_FOLDER).exists()
    return pictures


def test_two_builders_share_the_work(paths: list[Path], tmp_path: Path) -> None:
    """Both get the whole, right cache, and together they decode less than each would alone."""
    builders = [start(tmp_path / "cache", paths, slow=0.1) for _ in range(2)]
    said = [ended(builder) for builder in builders]
    expected = load_pictures(paths, 32, "pad")
    assert [lines[-1] for lines in said] == [f"sum {expected.sum()}"] * 2
    assert np.array_equal(found(tmp_path / "cache"), expected)
    decoded = [line for lines in said for line in lines[:-1]]
    assert set(decoded) == {path.name for path in paths}
    assert len(decoded) < 2 * len(paths)


def test_builders_with_workers_share_the_work(paths: list[Path], tmp_path: Path) -> None:
    """The same with worker processes, which find each other's blocks."""
    builders = [start(tmp_path / "cache", paths, workers=2) for _ in range(2)]
    sums = [ended(builder)[-1] for builder in builders]
    expected = load_pictures(paths, 32, "pad")
    assert sums == [f"sum {expected.sum()}"] * 2
    assert np.array_equal(found(tmp_path / "cache"), expected)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_builder_is_gone_on_from(paths: list[Path], tmp_path: Path, workers: int) -> None:
    """After SIGKILL amid the work the done blocks stay done: their marks and their pictures aren't made again."""
    folder = tmp_path / "cache"
    many = [link for n in range(40) for path in paths if (link := linked(path, tmp_path, n))] if workers > 1 else paths
    builder = start(folder, many, slow=0.05, workers=workers)
    marks = wait_for_marks(folder, 2)
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    (building,) = folder.glob(f"*{BUILDING}")
    done = done_blocks(building)
    assert len(done) >= len(marks)
    assert len(done) < len(many) / 2
    assert not [path for path in folder.iterdir() if path.name != "digests" and path != building]
    again = ended(start(folder, many))
    kept = {many[2 * number + place].name for number in done for place in (0, 1)}
    assert kept.isdisjoint(again)
    assert len(again) > 1
    assert np.array_equal(found(folder), load_pictures(many, 32, "pad"))


def linked(path: Path, tmp_path: Path, number: int) -> Path:
    """The same picture under another name."""
    (tmp_path / "many").mkdir(exist_ok=True)
    link = tmp_path / "many" / f"{number}_{path.name}"
    os.link(path, link)
    return link


def wait_for_marks(folder: Path, count: int) -> list[Path]:
    """The marks of done blocks, once there are so many."""
    for _ in range(2000):
        if len(marks := list(folder.glob(f"*{BUILDING}/{MARKS_FOLDER}/*"))) >= count:
            return marks
        time.sleep(0.01)
    raise AssertionError("blocks must get done")


def test_a_folder_is_begun_once(tmp_path: Path) -> None:
    """Who comes second gets the same folder with what it holds; the file has its whole room at once."""
    first = begin_building(tmp_path, "key", 5, 32, b'{"what": "x"}')
    (first / MARKS_FOLDER / "000000-0000000a").touch()
    assert begin_building(tmp_path, "key", 5, 32, b"{}") == first
    assert done_blocks(first) == {0: {10}}
    assert (first / PICTURES_FILE).stat().st_blocks * 512 >= 5 * 32 * 32 * 3
    assert [path.name for path in tmp_path.iterdir()] == ["key.building"]


def test_of_two_that_publish_one_wins(tmp_path: Path) -> None:
    """A cache that is there already stays as it is; the other folder is dropped."""
    publish(begin_building(tmp_path, "key", 5, 32, b"first"), tmp_path / "key")
    publish(begin_building(tmp_path, "key", 5, 32, b"second"), tmp_path / "key")
    assert (tmp_path / "key" / "meta.json").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
