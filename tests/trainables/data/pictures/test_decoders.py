"""Worker processes that decode."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from trainables_fakes import make_split

from trainables.data.pictures import decoders as module
from trainables.data.pictures.decoders import Decoders, useful_workers
from trainables.data.pictures.load import load_pictures
from trainables.errors import UserError


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Six pictures."""
    return [str(path) for path in make_split(tmp_path / "pictures", 6, seed=3).inputs["image"]]


def batch(paths: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Room for them."""
    return np.empty((len(paths), 32, 32, 3), dtype=np.uint8)


def processes(decoders: Decoders) -> list[int]:
    """The ids of the processes that wait."""
    waiting = [decoders._idle.take() for _ in range(decoders._idle._waiting.qsize())]
    for process in waiting:
        decoders._idle.give_back(process)
    return [process.pid for process in waiting]


def await_end(pids: list[int]) -> None:
    """Fails where a process still runs after a while; one that nobody waited for counts as ended."""
    for _ in range(200):
        if not [pid for pid in pids if is_running(pid)]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{pids} must end")


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_pictures_come_as_the_loader_makes_them(paths: list[str]) -> None:
    """Decoded elsewhere into the caller's array; faults come as text; processes are kept and in the end gone."""
    with Decoders(1) as decoders:
        target = batch(paths)
        assert decoders.decode(paths, 32, "pad", 10**6, target).result() == {"faults": []}
        first = processes(decoders)
        Path(paths[1]).write_bytes(b"")
        answer = decoders.decode(paths[:2], 32, "pad", 10**6, batch(paths[:2])).result()
        assert answer == {"faults": [f"{paths[1]}: the file is empty"]}
        assert processes(decoders) == first
    assert not is_running(first[0])
    assert np.array_equal(target[2:], load_pictures([Path(path) for path in paths[2:]], 32, "pad"))


def test_odd_names_reach_the_worker(paths: list[str]) -> None:
    """Line ends, Unicode and bytes that aren't UTF-8 in a name do no harm."""
    odd = os.path.join(os.path.dirname(paths[0]), "a\nb ü瓶\udc80.png")
    os.rename(paths[0], odd)
    with Decoders(1) as decoders:
        assert decoders.decode([odd], 32, "pad", 10**6, batch([odd])).result() == {"faults": []}


def test_a_killed_worker_is_an_error_and_the_next_request_gets_another(paths: list[str]) -> None:
    """The message tells the exit code; the others go on."""
    with Decoders(1) as decoders:
        decoders.decode(paths, 32, "pad", 10**6, batch(paths)).result()
        (pid,) = processes(decoders)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(UserError, match="code -9"):
            decoders.decode(paths, 32, "pad", 10**6, batch(paths)).result()
        assert decoders.decode(paths, 32, "pad", 10**6, batch(paths)).result() == {"faults": []}


def test_forgotten_workers_end(paths: list[str]) -> None:
    """Where nobody closed them, they end with the object."""
    decoders = Decoders(1)
    decoders.decode(paths, 32, "pad", 10**6, batch(paths)).result()
    pids = processes(decoders)
    del decoders
    gc.collect()
    await_end(pids)


def test_workers_of_a_killed_process_end(paths: list[str]) -> None:
    """SIGKILL leaves a process no time to tidy up: its workers end all the same. Its main module may be stdin."""
    code = (
        "import sys, time, numpy as np\n"
        "from trainables.data.pictures.decoders import Decoders\n"
        "decoders = Decoders(1)\n"
        f"decoders.decode({paths!r}, 32, 'pad', 10**6, np.empty((6, 32, 32, 3), np.uint8)).result()\n"
        "print(decoders._idle.take().pid, flush=True)\n"
        "time.sleep(100)\n"
    )
    parent = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(code)
    parent.stdin.close()
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await_end([pid])


def test_workers_are_light() -> None:
    """No torch in a worker: it would take seconds and hundreds of MB each."""
    heavy = "print(sorted({'torch', 'pandas', 'ray'} & set(sys.modules)))"
    code = f"import sys, trainables.data.pictures.decode_worker; {heavy}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_few_pictures_need_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each 256 pictures, and never more than the CPUs given."""
    assert [useful_workers(count, 4) for count in (0, 1, 256, 257, 10_000)] == [1, 1, 1, 2, 4]
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert module.usable_cpus() == 3
