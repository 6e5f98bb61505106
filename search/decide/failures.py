"""What became of an attempt that ended in an error, and whether another one could end otherwise."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from trainables.records import StopReason

ERROR_LENGTH = 4000  # characters of a traceback that are kept, its end
COLOR = re.compile(r"\x1b\[[0-9;]*m")  # Ray's own, for terminals
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The same code on the same data raises these again.
INCURABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    ImportError,
    NotImplementedError,
    SyntaxError,
    NameError,
)


DIED = "The worker died: it was killed, ran out of the host's memory, crashed, or its machine is gone."


@dataclass(frozen=True)
class Failure:
    """How an attempt ended, its error's text, whether trying again may help, and whether the study must stop."""

    reason: StopReason
    error: str
    curable: bool
    stops_study: bool = False


def failure_of(error: BaseException | None) -> Failure:
    """The failure of an error as Ray hands it over: the worker's death, or an exception within its code."""
    from ray.exceptions import RayActorError, RayTaskError

    text = COLOR.sub("", str(error))[-ERROR_LENGTH:] if error is not None else "unknown error"
    if isinstance(error, RayActorError) and not error.actor_init_failed:
        return Failure(StopReason.LOST, f"{text}\n{DIED}", curable=True)  # Ray's own last line is a page of guesses
    cause = error.cause if isinstance(error, RayTaskError) else error
    if _is_disk_error(cause):
        return Failure(StopReason.INTERRUPTED, text, curable=False, stops_study=True)
    if type(cause).__name__ == "OutOfMemoryError":  # torch's; torch isn't imported here
        return Failure(StopReason.OOM, text, curable=True)
    return Failure(StopReason.FAILED, text, curable=not isinstance(cause, INCURABLE))


def _is_disk_error(error: BaseException | None) -> bool:
    """Whether the disk took no more, at any place of the chain of causes."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return True
        error = error.__cause__ or error.__context__
    return False
