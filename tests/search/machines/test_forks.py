"""Calls in forks of one process that imports what they need."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.machines.forks import ForkEndedError, Forks, forks_of
from trainables.errors import UserError


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Forks that have imported something that this test's process hasn't: `this`, which prints."""
    with forks_of(["this"]) as found:
        yield found


def where(delay: float = 0.0) -> tuple[int, int, str, bool]:
    """The call's process, the one above it, its working folder, and whether it began with what was to be imported."""
    imported = "this" in sys.modules
    time.sleep(delay)
    print("a library's words")
    return os.getpid(), os.getppid(), os.getcwd(), imported


def refuse(error: Exception) -> None:
    """Raise it."""
    raise error


def end(signal_number: int) -> None:
    """As the system does where memory is short."""
    os.kill(os.getpid(), signal_number)


class Unspeakable(Exception):
    """An error that can't be handed from one process to another."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def test_each_call_has_a_fork_of_its_own(forks: Forks) -> None:
    """Of one process, all imports done; asked in any order; what is printed there is none of its answers."""
    first, second = forks.begin(where, 0.3), forks.begin(where)
    (later, above, folder, imported), (sooner, also_above, _, _) = (wait() for wait in (second, first))
    assert later != sooner
    assert above == also_above != os.getpid()
    assert folder == os.getcwd()
    assert imported
    assert "this" not in sys.modules
    assert first()[0] == sooner, "asked again, the same"


def test_what_a_call_raises_is_raised_here(forks: Forks) -> None:
    """With its kind; where that can't be handed on, with its words. A fault of ours says where it was raised."""
    with pytest.raises(UserError, match="no weights"):
        forks.begin(refuse, UserError("no weights"))()
    with pytest.raises(KeyError) as error:
        forks.begin(refuse, KeyError("a key"))()
    assert "in refuse" in error.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Unspeakable: one two"):
        forks.begin(_unspeakable)()
    assert forks.begin(abs, -3)() == 3, "the others go on"


def _unspeakable() -> None:
    raise Unspeakable("one", "two")


def test_a_call_whose_process_ends_is_told(forks: Forks) -> None:
    """With its exit code; the calls beside it and after it are none the worse."""
    beside = forks.begin(where, 0.2)
    with pytest.raises(ForkEndedError, match="ended with code -9") as ended:
        forks.begin(end, signal.SIGKILL)()
    assert ended.value.code == -signal.SIGKILL
    assert beside()[3]
    assert forks.begin(abs, -3)() == 3


def test_the_end_of_all_is_told_and_leaves_nothing() -> None:
    """Where the process above is killed, and where it can't import; after `close` no process and no file is left."""
    with forks_of([]) as found:
        above = found.begin(where)()[1]
        running = found.begin(where, 600.0)
        os.kill(above, signal.SIGKILL)
        with pytest.raises(ForkEndedError, match="code -9"):
            running()
        found.close()
        again = found.begin(where)
        assert again()[1] != above
        slow, folder = found.begin(_mark_and_sleep), Path(found._folder)
        process = _marked(folder)
    assert not folder.exists()
    assert slow
    assert not _alive(process)
    with forks_of(["nothing_of_that_name"]) as found, pytest.raises(ForkEndedError, match="code 1"):
        found.begin(abs, -3)()


def _mark_and_sleep() -> None:
    """Its result's name is a number: another file tells who runs."""
    folder = next(Path(argument) for argument in sys.argv[1:])
    (folder / "process").write_text(str(os.getpid()))
    time.sleep(600)


def _marked(folder: Path) -> int:
    for _ in range(600):
        if (folder / "process").is_file() and (text := (folder / "process").read_text()):
            return int(text)
        time.sleep(0.1)
    raise AssertionError("the call must begin")


def _alive(process: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.1)
    return True
