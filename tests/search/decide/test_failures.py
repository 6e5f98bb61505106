"""What became of an attempt, told from the error that Ray hands over."""

from __future__ import annotations

import errno

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from search.decide.failures import ERROR_LENGTH, failure_of
from trainables.errors import UserError
from trainables.records import StopReason


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


def task_error(cause: Exception, text: str = "Traceback\nthe last line") -> RayTaskError:
    """An exception as it comes out of a worker."""
    return RayTaskError("train", text, cause)


@pytest.mark.parametrize(
    ("cause", "reason", "curable"),
    [
        (ValueError("a wrong value"), StopReason.FAILED, False),
        (UserError("a damaged picture"), StopReason.FAILED, False),
        (KeyError("key"), StopReason.FAILED, False),
        (ZeroDivisionError(), StopReason.FAILED, False),
        (ModuleNotFoundError("timm"), StopReason.FAILED, False),
        (RuntimeError("a device error"), StopReason.FAILED, True),
        (OSError(errno.EIO, "a cable"), StopReason.FAILED, True),
        (ConnectionResetError(), StopReason.FAILED, True),
        (OutOfMemoryError("CUDA out of memory"), StopReason.OOM, True),
        (MemoryError(), StopReason.FAILED, True),
    ],
)
def test_an_exception_tells_whether_a_retry_may_help(cause: Exception, reason: StopReason, curable: bool) -> None:
    """The same code on the same data raises some errors again; others may be the machine's."""
    for error in (task_error(cause), task_error(cause).as_instanceof_cause(), cause):
        failure = failure_of(error)
        assert (failure.reason, failure.curable, failure.stops_study) == (reason, curable, False)


def test_a_dead_worker_is_lost() -> None:
    """Killed, or its machine gone: the trial may be tried elsewhere."""
    for error in (ActorDiedError(), ActorUnavailableError("The node is gone.", None)):
        failure = failure_of(error)
        assert (failure.reason, failure.curable) == (StopReason.LOST, True)
        assert failure.error.splitlines()[-1].startswith("The worker died: it was killed, ")


def test_a_worker_that_can_t_begin_has_failed() -> None:
    """Its own code stopped it, so it isn't lost, and its words are kept."""
    failure = failure_of(ActorDiedError(task_error(ImportError("timm"), "ModuleNotFoundError: timm")))
    assert (failure.reason, failure.curable) == (StopReason.FAILED, True)
    assert failure.error.endswith("ModuleNotFoundError: timm")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_stops_the_study(number: int) -> None:
    """It is the fault of no trial, also where another exception was made of it."""
    outer = RuntimeError("the state can't be saved")
    outer.__cause__ = OSError(number, "no room")
    for cause in (OSError(number, "no room"), outer):
        failure = failure_of(task_error(cause))
        assert (failure.reason, failure.stops_study, failure.curable) == (StopReason.INTERRUPTED, True, False)


def test_the_end_of_the_traceback_is_kept() -> None:
    """As much as a person reads, without a terminal's colours; and something where there is no error at all."""
    failure = failure_of(task_error(ValueError(), "\x1b[36mx\x1b[39m" * 4000 + "\nValueError: here"))
    assert len(failure.error) == ERROR_LENGTH
    assert failure.error.endswith("x\nValueError: here")
    assert "\x1b" not in failure.error
    assert failure_of(None).error == "unknown error"
