"""The process that `forks` starts: it imports once what takes seconds, then every call runs in a fork of it.

A call comes on stdin as a pickle behind its number and length; a line on stdout says that its fork has ended, with
the number and exit code. What it returned or raised lies in a file. All ends when stdin ends, forks included, so that
nothing outlives the driver, however that one ended.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Never

from trainables.errors import UserError

HEAD = struct.Struct(">QQ")  # number, length

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Found = tuple[Any, Exception | None]  # what a call returned, or raised


def send(call: Call, number: int, stream: IO[bytes]) -> None:
    """Put a call into the server's stdin. OSError where nobody reads it any more."""
    written = pickle.dumps(call)
    stream.write(HEAD.pack(number, len(written)) + written)
    stream.flush()


def main(folder: Path, modules: Sequence[str]) -> None:
    """Import the modules, then fork for each call until stdin ends; results are put into the folder by number."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's, which then ends this process
    answers = os.dup(1)
    os.dup2(2, 1)  # no library's words among the answers
    for module in modules:
        importlib.import_module(module)
    forks: dict[int, int] = {}  # process -> number

    def ended(*_: object) -> None:
        while forks:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            os.write(answers, b"%d %d\n" % (forks.pop(process), os.waitstatus_to_exitcode(status)))

    signal.signal(signal.SIGCHLD, ended)
    while head := sys.stdin.buffer.read(HEAD.size):
        number, length = HEAD.unpack(head)
        written = sys.stdin.buffer.read(length)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # a fork is known before its end is
        process = os.fork()
        if not process:
            os.close(answers)  # the driver sees that the process above has ended, whatever its forks do
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            _run(written, folder / str(number))
        forks[process] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.killpg(0, signal.SIGKILL)  # the group has nothing but this process and its forks: see `forks`


def _run(written: bytes, result: Path) -> Never:
    """In a fork: make the call, and end without a word to whatever the process above has registered for its own end."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        result.write_bytes(pickle.dumps(_found(written)))
        os._exit(0)
    finally:
        os._exit(1)


def _found(written: bytes) -> Found:
    try:
        function, arguments, named = pickle.loads(written)  # noqa: S301  # our own driver's, over a pipe of its own
        return function(*arguments, **named), None
    except Exception as error:  # raised where the value is asked for
        if not isinstance(error, UserError):
            error.add_note(traceback.format_exc())
        return None, _plain(error)


def _plain(error: Exception) -> Exception:
    """The error, or its words where it can't be handed on."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # made in the line itself
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
