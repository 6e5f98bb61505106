"""One process at a time runs a study; the lock ends with its process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.study.folder import Layout
from search.study.lock import holder_of, study_lock
from trainables.errors import UserError

HOLD = """
import sys
from pathlib import Path
from search.study.folder import Layout
from search.study.lock import study_lock
with study_lock(Layout(Path(sys.argv[1]), "demo")):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(runs: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the study."""
    command = [sys.executable, "-c", HOLD, str(runs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """It is told who runs the study and what can be done; asking who it is harms nobody, however often."""
    layout = Layout(tmp_path, "demo")
    with other_process(tmp_path) as process:
        for _ in range(3):
            holder = holder_of(layout)
            assert holder is not None
            assert holder.pid == process.pid
        with pytest.raises(UserError, match="'demo' is run by process") as error, study_lock(layout):
            pass
        assert f"process {process.pid} on {os.uname().nodename}" in str(error.value)
        assert "binwise stop demo" in str(error.value)
        with study_lock(Layout(tmp_path, "other")):
            assert holder_of(layout) == holder


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """After SIGKILL the study can be gone on with at once, and nobody is named."""
    layout = Layout(tmp_path, "demo")
    with other_process(tmp_path) as process:
        process.kill()
        process.wait()
        assert holder_of(layout) is None
        with study_lock(layout):
            assert holder_of(layout) is not None
    assert holder_of(layout) is None


def test_the_lock_outlives_the_study_s_folder(tmp_path: Path) -> None:
    """It lies beside the folder, which --replace removes and a new study doesn't have yet; no study is needed."""
    layout = Layout(tmp_path, "demo")
    assert holder_of(layout) is None
    with study_lock(layout):
        assert not layout.folder.exists()
        assert [path.name for path in (layout.runs / "locks").iterdir()] == ["demo.lock"]


def test_a_lock_without_its_holder_s_name_holds(tmp_path: Path) -> None:
    """A full disk leaves the name out, or cuts it."""
    layout = Layout(tmp_path, "demo")
    with study_lock(layout):
        (layout.runs / "locks" / "demo.lock").write_text('{"host": "he')
        holder = holder_of(layout)
        assert holder is not None
        assert holder.host == "an unknown machine"


def test_an_error_gives_the_lock_back(tmp_path: Path) -> None:
    """Whatever ends the block."""
    layout = Layout(tmp_path, "demo")
    with pytest.raises(RuntimeError), study_lock(layout):
        raise RuntimeError
    with study_lock(layout):
        pass
