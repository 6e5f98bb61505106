"""Workers that share a machine's cores without sharing a core."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.worker import pinning

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs a system that pins processes")

# A machine of four cores, whatever this one has: what the process would be pinned to is printed.
WORKER = """
import os, sys, threading
from pathlib import Path
pinned = {0, 1, 2, 3}
os.sched_getaffinity = lambda _: set(pinned)
def pin_to(thread, cores):
    global pinned
    pinned = set(cores)
os.sched_setaffinity = pin_to
from trainables.worker.pinning import pin
for line in sys.stdin:
    pin(int(line), Path(sys.argv[1]))
    print(*sorted(pinned), flush=True)
"""


class Worker:
    """Another process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", WORKER, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def pin(self, cpus: int) -> set[int]:
        """The cores that it may use after asking for so many."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(cpus, file=self.process.stdin, flush=True)
        return {int(core) for core in self.process.stdout.readline().split()}

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cores are noted."""
    return tmp_path / "cores"


def test_workers_get_disjoint_cores_and_a_dead_ones_are_free_again(folder: Path) -> None:
    """Two of two on four cores, the third is left alone; after one was killed the third gets its cores."""
    first, second, third = (Worker(folder) for _ in range(3))
    try:
        taken = [first.pin(2), second.pin(2)]
        assert sorted(core for cores in taken for core in cores) == [0, 1, 2, 3]
        assert third.pin(1) == {0, 1, 2, 3}
        first.kill()
        assert third.pin(2) == taken[0]
    finally:
        for worker in (first, second, third):
            worker.kill()


def test_another_number_is_taken_anew(folder: Path) -> None:
    """The same number keeps its cores; fewer give some back; more than are free leave the worker alone."""
    first, second = Worker(folder), Worker(folder)
    try:
        assert [first.pin(3), first.pin(3), first.pin(1)] == [{0, 1, 2}, {0, 1, 2}, {0}]
        assert second.pin(2) == {1, 2}
        assert first.pin(3) == {0, 1, 2, 3}
        assert second.pin(4) == {0, 1, 2, 3}
        assert first.pin(4) == {0, 1, 2, 3}
    finally:
        first.kill()
        second.kill()


def test_a_worker_runs_on_its_core_with_all_its_threads(folder: Path) -> None:
    """On this machine, for real: threads that were there before, and processes that are started after."""
    script = (
        "import os, subprocess, sys, threading; from pathlib import Path;"
        "from trainables.worker.pinning import pin, unpin;"
        "end = threading.Event(); thread = threading.Thread(target=end.wait); thread.start();"
        "before = os.sched_getaffinity(0); pin(1, Path(sys.argv[1]));"
        "child = 'import os; print(len(os.sched_getaffinity(0)))';"
        "inner = int(subprocess.run([sys.executable, '-c', child], capture_output=True, text=True).stdout);"
        "print(len(os.sched_getaffinity(0)), len(os.sched_getaffinity(thread.native_id)), inner);"
        "unpin(); print(os.sched_getaffinity(0) == before); end.set()"
    )
    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1", "1", "1", "True"]


def test_the_folder_is_this_users_alone(folder: Path, tmp_path: Path) -> None:
    """Made private; one that others may write into, or a link, is left alone."""
    assert pinning._is_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert not pinning._is_private(folder)
    folder.chmod(0o700)
    (tmp_path / "link").symlink_to(folder)
    assert not pinning._is_private(tmp_path / "link")
    assert pinning.cores_folder().name == f"binwise-cores-{os.getuid()}"
