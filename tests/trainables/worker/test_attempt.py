"""What one run of a trial goes by: the stop file, the lock on its folder, and what it has still to tell."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.locks import FileLock, try_lock
from trainables.records import EpochResult
from trainables.worker.attempt import StopFile, lock_trial, untold, worker_name

HOLDER = """
import sys, time
from pathlib import Path
from trainables.worker.attempt import lock_trial
lock = lock_trial(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""
RESULT = EpochResult(1, 0.7, 0.6, 0.8, 0.5, 0.4, 1e-3, 2.0, 50.0, 0.5, 1)


def holder(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that has locked the folder, for so long."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_stop_file_is_looked_for_once_a_second(tmp_path: Path) -> None:
    """Looked at at once, then not before a second is over; gone again, it stops no one."""
    path, now = tmp_path / "stop", [5.0]
    stop = StopFile(str(path), lambda: now[0])
    assert not stop.seen()
    path.touch()
    now[0] = 5.9
    assert not stop.seen()
    now[0] = 6.1
    assert stop.seen()
    path.unlink()
    now[0] = 7.2
    assert not stop.seen()
    assert not StopFile(None).seen()


def test_a_folder_in_use_is_an_error_that_names_the_holder(tmp_path: Path) -> None:
    """After the patience is over: the folder, host and pid of who has it, and what to do."""
    process = holder(tmp_path / "trial", 60)
    try:
        with pytest.raises(RuntimeError, match=rf"one worker.*trial.* {process.pid}\).*end that one"):
            lock_trial(tmp_path / "trial", patience=0.3)
    finally:
        process.kill()
        process.communicate()


def test_a_killed_workers_folder_is_free(tmp_path: Path) -> None:
    """SIGKILL leaves no lock behind."""
    process = holder(tmp_path, 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lock_trial(tmp_path, patience=0).release()


def test_a_worker_that_ends_soon_is_waited_for(tmp_path: Path) -> None:
    """The folder is locked for half a second more: the next worker gets it, and its name is in the file."""
    process = holder(tmp_path, 0.5)
    lock = lock_trial(tmp_path, patience=60)
    assert (tmp_path / ".lock").read_text() == worker_name()
    assert str(os.getpid()) in worker_name()
    lock.release()
    process.communicate()


def test_a_lock_is_released_once(tmp_path: Path) -> None:
    """Released twice it harms nobody; what others locked since stays locked."""
    first = try_lock(tmp_path / "lock")
    assert first is not None
    assert try_lock(tmp_path / "lock") is None
    first.release()
    second = try_lock(tmp_path / "lock")
    first.release()
    assert second is not None
    assert try_lock(tmp_path / "lock") is None
    second.release()


def test_without_locks_everyone_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that has none isn't kept from training."""
    monkeypatch.setattr("trainables.data.locks.fcntl", None)
    locks = [try_lock(tmp_path / "lock") for _ in range(2)]
    assert all(isinstance(lock, FileLock) for lock in locks)


@given(st.integers(0, 8), st.integers(0, 10), st.booleans())
def test_what_is_told_joins_on_to_the_record(ended: int, recorded: int, over: bool) -> None:
    """Every epoch that isn't recorded, each once and in order; the last one too where the trial is over."""
    results = [dataclasses.replace(RESULT, epoch=number) for number in range(1, ended + 1)]
    told = [result.epoch for result in untold(results, recorded, over=over)]
    missing = list(range(recorded + 1, ended + 1))
    assert told == (missing or (results[-1:] and [ended]) if over else missing)
