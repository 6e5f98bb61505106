"""CUDA MPS: one process of NVIDIA's that lets the kernels of several trials run on a GPU at the same time.

Without it a GPU that is shared is given to one trial after the other, in turns.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from search.study.config import StudyConfig

CONTROL = "nvidia-cuda-mps-control"
SECONDS = 30  # that the daemon has to answer
_PIPE, _LOG = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"


def may_share_gpus(study: StudyConfig) -> bool:
    """Whether trials of the study may share a GPU."""
    wanted = [study.section(modality).search.resources.gpus for modality in study.modalities]
    return any(gpus == "auto" or 0 < float(gpus) < 1 for gpus in wanted)


def cuda_works() -> bool:
    """Whether a process that is started now reaches the GPU: behind a broken MPS none does."""
    code = "import torch; torch.zeros(1, device='cuda')"
    return _run([sys.executable, "-c", code], "", seconds=120) is None


@contextmanager
def mps_daemon(study: StudyConfig, works: Callable[[], bool] = cuda_works) -> Iterator[str | None]:
    """MPS for the processes that are started within the block, to be entered before Ray is; yields what is to be said.

    It is started where trials may share a GPU, `cluster.mps` is auto, the study's Ray is one of this machine's own and
    NVIDIA's program is there. A daemon that runs already is used and left alone. One that can't be started, or behind
    which no GPU is reached, costs the study nothing.
    """
    wanted = study.cluster.mps == "auto" and study.cluster.address is None and may_share_gpus(study)
    program = shutil.which(CONTROL) if wanted else None
    if program is None:
        yield None
    elif _run([program], "get_server_list\n") is None:
        yield "CUDA MPS runs already and is used"
    else:
        with _own_daemon(program, works) as said:
            yield said


@contextmanager
def _own_daemon(program: str, works: Callable[[], bool]) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="binwise-mps-")  # of this user alone, with a short name: it holds a socket
    before = {key: os.environ.get(key) for key in (_PIPE, _LOG)}
    os.environ.update({_PIPE: folder, _LOG: folder})
    running = False
    try:
        fault = _run([program, "-d"], "")
        running = fault is None
        if running and not works():
            fault = "no GPU is reached through it"
        if fault is not None:
            running = running and not _stop(program)
            _restore(before)
        yield "CUDA MPS is started for trials that share a GPU" if fault is None else f"No CUDA MPS: {fault}"
    finally:
        if running:
            os.environ.update({_PIPE: folder, _LOG: folder})
            _stop(program)
        _restore(before)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(program: str) -> bool:
    return _run([program], "quit\n") is None


def _restore(before: dict[str, str | None]) -> None:
    for key, value in before.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


def _run(command: list[str], typed: str, seconds: float = SECONDS) -> str | None:
    """Run a command that reads `typed`; None where it ended well, else why it didn't, in a line."""
    try:
        done = subprocess.run(  # noqa: S603  # a program of the PATH's, no shell
            command, input=typed, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    said = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else (said[-1] if said else f"exit code {done.returncode}")
