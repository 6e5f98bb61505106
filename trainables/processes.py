"""A process of our own interpreter that is spoken to over pipes.

Plain subprocesses: those of `multiprocessing` import the main module again (Ray's in a trial, a user's script without
its guard) and are left behind, waiting, where their parent is killed. What they run ends where its stdin ends.
"""

from __future__ import annotations

import os
import subprocess
import sys

Process = subprocess.Popen[bytes]


def begin_module(module: str, *arguments: str, **environment: str) -> Process:
    """Start a module with this process's import path and environment, and what is added to that.

    It is a session of its own: a signal to this process's whole group is this process's to follow.
    """
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return subprocess.Popen(  # noqa: S603  # our own interpreter, and modules that code names
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **environment},
        start_new_session=True,
    )
