"""Calls in processes of this machine that have torch in them: imported once, while Ray starts, and then forked."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from search.machines.fork_server import Found, send
from trainables.errors import UserError
from trainables.processes import Process, begin_module

P = ParamSpec("P")
T = TypeVar("T")


class ForkEndedError(UserError):
    """A call's process ended before the call did, most likely for want of memory."""

    def __init__(self, code: int | None) -> None:
        super().__init__(
            "The processes that look at a study's trials must be left to run, but one ended with code "
            f"{code} (killed, perhaps for lack of memory). Run it again, with more memory or smaller backbones."
        )
        self.code = code


class Forks:
    """Calls in forks of one process that has imported `modules`; it is started at the first call, or by `start`."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._lock = threading.Lock()
        self._numbers = count()
        self._codes: dict[int, int] = {}  # of calls whose process has ended
        self._server: Process | None = None
        self._folder = Path()

    def start(self) -> Process:
        """Begin to import, where nobody has yet."""
        if self._server is None:
            self._folder = Path(tempfile.mkdtemp(prefix="binwise-forks-"))
            server = "search.machines.fork_server"
            # BLAS' threads aren't forked with it.
            self._server = begin_module(server, str(self._folder), *self._modules, OPENBLAS_NUM_THREADS="1")
        return self._server

    def begin(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Begin to call a function of some module, with what can be pickled; what waits for its value.

        What is returned raises what the function raised, and ForkEndedError where its process ended before it did.
        """
        server, number = self.start(), next(self._numbers)
        assert server.stdin is not None  # noqa: S101  # it is a pipe
        with contextlib.suppress(OSError):  # it has ended: told where the value is asked for
            send((function, args, kwargs), number, server.stdin)
        return partial(self._value, number)

    def close(self) -> None:
        """End the process and what still runs in forks of it; a later call starts it anew."""
        server, self._server = self._server, None
        if server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # nothing of it is to be kept
        server.wait()
        for pipe in (server.stdin, server.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes
        shutil.rmtree(self._folder, ignore_errors=True)

    def _value(self, number: int) -> Any:
        code = self._code(number)
        try:
            found: Found = pickle.loads((self._folder / str(number)).read_bytes())  # noqa: S301  # a fork of ours wrote it
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise ForkEndedError(code) from error
        value, fault = found
        if fault is not None:
            raise fault
        return value

    def _code(self, number: int) -> int | None:
        """The exit code of a call's process, as soon as it has ended; the server's own where it ended before."""
        server = self.start()
        assert server.stdout is not None  # noqa: S101  # it is a pipe
        with self._lock:
            while number not in self._codes:
                line = server.stdout.readline()
                if not line:
                    return server.wait()
                ended, code = map(int, line.split())
                self._codes[ended] = code
            return self._codes[number]


@contextmanager
def forks_of(modules: Sequence[str]) -> Iterator[Forks]:
    """Forks that end with the block."""
    found = Forks(modules)
    try:
        yield found
    finally:
        found.close()
