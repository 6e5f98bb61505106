"""The command line as a test uses it: as a process of its own, or within this one, which has imported torch already."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from search.cli.main import main
from search.machines.forks import Forks

CODE = "from search.cli.main import main; main()"
SETTINGS = {"HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


def binwise(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a process of its own, in `folder`."""
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        cwd=folder,
        env={**os.environ, **SETTINGS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def binwise_here(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it within this process, in `folder`: seconds of imports less. What forks would do is done here, too."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, SETTINGS),
        mock.patch.object(sys, "argv", ["binwise", *arguments]),
        forks_here(),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            code = 0
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def forks_here() -> Iterator[None]:
    """What forks would do is done in this process, as soon as someone waits for it."""

    def call(forks: Forks, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[], Any]:
        return lambda: function(*args, **kwargs)

    with mock.patch.object(Forks, "start"), mock.patch.object(Forks, "begin", call):
        yield
