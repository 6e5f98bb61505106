"""Room for large pictures: bounded over threads and processes, and given back whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.runtime import room as module
from trainables.runtime.room import LARGE, Room, memory_bytes, slots_of

HOLD = """
import sys
from pathlib import Path
from trainables.runtime.room import LARGE, Room
with Room(Path(sys.argv[1]), int(sys.argv[2])).taken(int(sys.argv[3]) * LARGE):
    print("in", flush=True)
    sys.stdin.read()
"""
DECODE = """
import sys
from pathlib import Path
from trainables.runtime import pictures, room
from trainables.data.pictures.load import load_pictures

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

own = room.Room(Path(sys.argv[1]), int(sys.argv[2]))
pictures.machine_room = lambda: own
Path("/proc/self/clear_refs").write_text("5")  # else it is that of whoever began this process
before = peak()
load_pictures([Path(sys.argv[3])] * 4, 64, "pad", threads=4)
print(peak() - before)
"""


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own."""
    command: Sequence[str] = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_small_pictures_wait_for_nobody(tmp_path: Path) -> None:
    """Nor do they take room."""
    room = Room(tmp_path / "room", 1)
    with room.taken(LARGE), room.taken(LARGE - 1), room.taken(1):
        pass


@pytest.mark.parametrize(("slots", "pixels", "at_once"), [(2, LARGE, 2), (4, 2 * LARGE, 2), (3, 9 * LARGE, 1)])
def test_threads_share_the_room(tmp_path: Path, slots: int, pixels: int, at_once: int) -> None:
    """As many at a time as fit; one that is larger than all the room has it alone."""
    room, inside, most, lock = Room(tmp_path / "room", slots), [0], [0], threading.Lock()

    def work() -> None:
        for _ in range(3):
            with room.taken(pixels):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.01)
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == at_once


def test_processes_share_it_and_a_killed_one_gives_it_back(tmp_path: Path) -> None:
    """A second process waits for the first one's end, however it comes."""
    first = run(HOLD, tmp_path / "room", 3, 2)
    assert first.stdout is not None
    assert first.stdout.readline() == "in\n"
    room, order = Room(tmp_path / "room", 3), []

    def wait() -> None:
        with room.taken(2 * LARGE):
            order.append("second")

    with room.taken(LARGE):  # there is a slot left
        pass
    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.3)
    order.append("first")
    first.kill()
    first.communicate()
    thread.join()
    assert order == ["first", "second"]


def test_who_waits_too_long_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped holds its room for ever; no study waits for it as long."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    first = run(HOLD, tmp_path / "room", 1, 1)
    assert first.stdout is not None
    assert first.stdout.readline() == "in\n"
    with Room(tmp_path / "room", 1).taken(LARGE):
        pass
    first.communicate()


def test_a_file_that_isnt_ones_own_is_left_alone(tmp_path: Path) -> None:
    """A link, a folder or a place where nothing can be made: then the bound is the process's own."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for file in (tmp_path / "link", tmp_path, tmp_path / "none" / "room"):
        room, done = Room(file, 1), []
        with room.taken(LARGE):
            thread = threading.Thread(target=lambda: [done.append(1) for _ in [0] if room.taken(1)])  # noqa: B023
            thread.start()
            thread.join()
        assert done == [1]
    assert not (tmp_path / "elsewhere").exists()


def test_the_room_follows_from_the_memory() -> None:
    """A quarter of it; at least one slot on the smallest machine."""
    assert slots_of(1) == 1
    assert slots_of(24 * 2**30) == 80
    assert slots_of(2**60) == 1000
    assert 2**20 < memory_bytes() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_memory_of_large_pictures_is_bounded(tmp_path: Path) -> None:
    """Four threads decode four pictures of sixteen million pixels: with room for one they take what one does."""
    Image.fromarray(np.zeros((4000, 4000, 3), dtype=np.uint8)).save(tmp_path / "large.png", compress_level=1)
    grown = []
    for slots in (4, 100):
        out, _ = run(DECODE, tmp_path / f"room{slots}", slots, tmp_path / "large.png").communicate()
        grown.append(int(out))
    one, four = grown
    assert 0 < one < 0.6 * four  # kB
    assert one * 1024 < module.BYTES_A_PIXEL * 16_000_000
