"""Ray's start: tried again where it fails, and ended whole."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from search.machines import ray_cluster as module
from search.machines.ray_cluster import STARTS, own_session, start_ray
from search.study.config import ClusterSection
from trainables.errors import UserError


class Starts:
    """Stands for `ray.init`: starts a process as Ray does, and fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, **given: Any) -> None:
        """One start."""
        assert given["address"] == "local"
        command = [sys.executable, "-c", "import os; print(os.getsid(0), flush=True); os.fork(); input()"]
        process = module.services.ConsolePopen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.processes.append(process)
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid, "in a session of its own"
        if len(self.processes) <= self.failures:
            raise Exception("The current node timed out during startup. This could happen.")  # as Ray does


@pytest.mark.parametrize("failures", [0, STARTS - 1, STARTS])
def test_a_start_that_fails_is_tried_again(failures: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a line each time and nothing left of it; in the end with one message."""
    starts, said = Starts(failures), []
    monkeypatch.setattr(module.ray, "init", starts)
    if failures < STARTS:
        start_ray(ClusterSection(), said.append)
        assert starts.processes[-1].poll() is None
        starts.processes[-1].kill()
    else:
        with pytest.raises(UserError, match=r"it didn't, 3 times \(The current node timed out"):
            start_ray(ClusterSection(), said.append)
    assert len(said) == min(failures, STARTS - 1)
    assert all(process.wait(10) for process in starts.processes)
    for process in starts.processes:
        process.stdout.close()  # type: ignore[union-attr]
        process.stdin.close()  # type: ignore[union-attr]


def test_other_processes_are_started_as_ever() -> None:
    """Before and after the block."""
    before = module.services.ConsolePopen
    with own_session():
        assert module.services.ConsolePopen is not before
    assert module.services.ConsolePopen is before
