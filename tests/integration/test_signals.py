"""Signals before a search has begun: Ray starts or is asked something, and the exit code is the signal's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chaos_study import MARK, marked, until

SCRIPT = """
import sys, time
from search.cli import main as cli

@cli.app.command("hold")
def hold():
    from search.machines.ray_cluster import ray_cluster
    from search.study.config import ClusterSection
    import ray
    print("starting", flush=True)
    with ray_cluster(ClusterSection()):
        print("up", flush=True)
        ray.get(ray.remote(lambda: time.sleep(60)).remote())

sys.argv = ["binwise", "hold"]
cli.main()
"""


@pytest.mark.parametrize(
    ("number", "word", "code"),
    [
        (signal.SIGTERM, "starting", 143),
        (signal.SIGINT, "starting", 130),
        (signal.SIGTERM, "up", 143),
        (signal.SIGHUP, "up", 129),
    ],
)
def test_the_exit_code_is_the_signals(number: signal.Signals, word: str, code: int, tmp_path: Path) -> None:
    """Of the whole group, as a terminal, a batch system sends it: Ray's processes aren't in it, yet none is left.

    Neither Ray's handlers nor its crashes show: no other code, and nothing printed but what was before.
    """
    restore = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # where it is ignored
    process = subprocess.Popen(
        [sys.executable, "-c", restore + SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), MARK: str(tmp_path)},
        start_new_session=True,
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != word:
        assert process.poll() is None
    time.sleep(0.5)
    os.killpg(process.pid, number)
    assert process.wait(timeout=60) == code
    said = process.stdout.read()
    assert "Traceback" not in said
    assert "logging.cc" not in said
    until(lambda: not marked(f"{MARK}={tmp_path}"), 30, "no process of Ray's is left")
