"""How a study is stopped from outside: by a file or a signal, the trials first."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from simulation import new_ledger, session

from search.decide.driver import StudyDriver
from search.decide.terms import Limits, Next
from search.ledger.state import Outcome
from search.session.deadline import Deadline
from search.session.stop_request import LOOK_SECONDS, StopRequest


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def driver(tmp_path: Path) -> StudyDriver:
    """A study that has begun."""
    return session(new_ledger(tmp_path))


def test_a_file_asks_for_the_end(tmp_path: Path, driver: StudyDriver) -> None:
    """It is looked for twice a second; then nothing is begun, and the outcome says who asked."""
    clock, file = Clock(), tmp_path / "stop"
    stop = StopRequest(file, clock=clock)
    stop.look(driver)
    file.touch()
    stop.look(driver)
    assert driver.stop is None
    clock.now += LOOK_SECONDS
    stop.look(driver)
    assert driver.next_attempt() is Next.DONE
    assert driver.close() == Outcome.INTERRUPTED
    assert driver.ledger.state.sessions[-1].detail == "stopped by `binwise stop`"


def test_a_deadline_asks_for_the_end(tmp_path: Path, driver: StudyDriver) -> None:
    """As soon as it is time to stop; the outcome names it."""
    clock = Clock()
    stop = StopRequest(tmp_path / "stop", clock=clock, deadline=Deadline(130.0, "the SLURM job's end"))
    stop.look(driver)
    assert driver.stop is None
    clock.now = 130.0
    stop.look(driver)
    assert stop.by_deadline
    assert driver.close() == Outcome.INTERRUPTED
    assert driver.ledger.state.sessions[-1].detail == "stopped before the SLURM job's end"


def test_a_file_from_before_is_no_request(tmp_path: Path, driver: StudyDriver) -> None:
    """An earlier session left it when it was killed; this one was begun to go on."""
    (tmp_path / "stop").touch()
    StopRequest(tmp_path / "stop", clock=Clock()).look(driver)
    assert driver.stop is None
    assert not (tmp_path / "stop").exists()


def test_the_driver_s_wish_reaches_the_trials(tmp_path: Path) -> None:
    """Where the driver stops by itself, such as at the end of its time, the trials find the file."""
    driver = session(new_ledger(tmp_path), limits=Limits(seconds=0.0))
    stop = StopRequest(tmp_path / "stop")
    stop.look(driver)
    assert (tmp_path / "stop").exists()
    assert driver.close() == Outcome.TIME_BUDGET


def test_overdue_after_the_grace(tmp_path: Path, driver: StudyDriver) -> None:
    """The trials have their time from the request on, not from each look; before a request there is no hurry."""
    clock = Clock()
    stop = StopRequest(tmp_path / "stop", grace=20.0, clock=clock)
    clock.now += 1000
    stop.look(driver)
    assert not stop.overdue
    stop.signal = signal.SIGTERM
    for _ in range(3):
        stop.look(driver)
        assert not stop.tune_stopper().stop_all()
        clock.now += 7
    assert stop.tune_stopper().stop_all()
    assert not stop.tune_stopper()("trial", {})


WAIT = """
import signal, sys, time
from pathlib import Path
from search.session.stop_request import StopRequest
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it
stop = StopRequest(Path(sys.argv[1]))
with stop.signals():
    print("ready", flush=True)
    while stop.signal is None:
        time.sleep(0.01)
    print(stop.signal, flush=True)
    if sys.argv[2] == "hangs":
        time.sleep(60)
print("out", flush=True)
time.sleep(60)
"""


def waiting(tmp_path: Path, ends: str) -> subprocess.Popen[str]:
    """A process that waits for signals; it hangs or goes on after the first one."""
    command = [sys.executable, "-c", WAIT, str(tmp_path / "stop"), ends]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert line(process) == "ready"
    return process


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process(tmp_path: Path, number: signal.Signals) -> None:
    """The first one only asks; after the second one the process is gone, whatever it was doing."""
    with waiting(tmp_path, "hangs") as process:
        process.send_signal(number)
        assert int(line(process)) == number
        assert process.poll() is None
        process.send_signal(number)
        # Python turns the second Ctrl-C into a KeyboardInterrupt, which ends as the signal does.
        assert process.wait(30) == -number


def test_signals_are_given_back(tmp_path: Path) -> None:
    """After the block a signal does what it did before."""
    with waiting(tmp_path, "goes on") as process:
        process.send_signal(signal.SIGTERM)
        assert int(line(process)) == signal.SIGTERM
        assert line(process) == "out"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
