"""CUDA MPS around a study, with an executable that keeps what it is told in NVIDIA's place."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from search_fakes import study

from search.machines.mps import CONTROL, may_share_gpus, mps_daemon
from search.study.config import StudyConfig

FAKE = """#!{python}
import json, os, sys
from pathlib import Path
folder = Path({folder!r})
running = folder / "running"
pipe = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "default")
typed = "" if "-d" in sys.argv else sys.stdin.read().strip()
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], typed, pipe, os.path.isdir(pipe)]) + chr(10))
if "-d" in sys.argv:
    if (folder / "broken").exists():
        sys.exit("An instance of this daemon can't be started")
    running.write_text(pipe)
elif not running.exists() or running.read_text() != pipe:
    sys.exit("Cannot find MPS control daemon process")
elif typed == "quit":
    running.unlink()
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the executable keeps its calls."""
    folder = tmp_path / "fake"
    folder.mkdir()
    program = folder / CONTROL
    program.write_text(FAKE.format(python=sys.executable, folder=str(folder)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for key in ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"):
        monkeypatch.delenv(key, raising=False)
    return folder


def calls(fake: Path) -> list[list[Any]]:
    """What the executable was called with: arguments, what was typed, its pipe's folder, whether that was there."""
    path = fake / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def sharing(folder: Path, **cluster: Any) -> StudyConfig:
    """A study that leaves GPUs at auto."""
    return study(folder, cluster=cluster)


def variables() -> dict[str, str]:
    """MPS' variables as a process that is started now would get them."""
    return {key: value for key, value in os.environ.items() if key.startswith("CUDA_MPS_")}


def test_a_daemon_of_the_studys_own(fake: Path, tmp_path: Path) -> None:
    """Within the block it runs on a private folder that every new process is told of; afterwards nothing is left."""
    with mps_daemon(sharing(tmp_path), works=lambda: True) as said:
        assert said == "CUDA MPS is started for trials that share a GPU"
        (pipe,) = set(variables().values())
        assert len(variables()) == 2
        assert Path(pipe).stat().st_mode & 0o777 == 0o700
        assert (fake / "running").read_text() == pipe
    assert variables() == {}
    assert not Path(pipe).exists()
    assert calls(fake) == [
        [[], "get_server_list", "default", False],
        [["-d"], "", pipe, True],
        [[], "quit", pipe, True],
    ]


def test_it_ends_after_an_error_too(fake: Path, tmp_path: Path) -> None:
    """A study that breaks off leaves no daemon."""
    with pytest.raises(KeyError), mps_daemon(sharing(tmp_path), works=lambda: True):
        raise KeyError
    assert not (fake / "running").exists()
    assert variables() == {}


def test_a_daemon_that_runs_is_left_alone(fake: Path, tmp_path: Path) -> None:
    """It is used as it is, and goes on running."""
    (fake / "running").write_text("default")
    with mps_daemon(sharing(tmp_path)) as said:
        assert said == "CUDA MPS runs already and is used"
        assert variables() == {}
    assert [typed for _, typed, _, _ in calls(fake)] == ["get_server_list"]
    assert (fake / "running").exists()


def test_one_that_does_not_start_costs_nothing(fake: Path, tmp_path: Path) -> None:
    """A line says why; workers aren't sent to it."""
    (fake / "broken").touch()
    with mps_daemon(sharing(tmp_path), works=lambda: True) as said:
        assert said == "No CUDA MPS: An instance of this daemon can't be started"
        assert variables() == {}


def test_one_without_a_gpu_behind_it_is_stopped(fake: Path, tmp_path: Path) -> None:
    """Every trial would fail behind it: the study runs without."""
    with mps_daemon(sharing(tmp_path), works=lambda: False) as said:
        assert said == "No CUDA MPS: no GPU is reached through it"
        assert variables() == {}
        assert not (fake / "running").exists()
    assert [typed for _, typed, _, _ in calls(fake)].count("quit") == 1


@pytest.mark.parametrize("cluster", [{"mps": "off"}, {"address": "auto"}])
def test_it_is_not_wanted(fake: Path, tmp_path: Path, cluster: dict[str, str]) -> None:
    """Switched off, or with a cluster whose workers were started by somebody else."""
    with mps_daemon(sharing(tmp_path, **cluster)) as said:
        assert said is None
    assert calls(fake) == []


def test_without_nvidias_program_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most machines have none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with mps_daemon(sharing(tmp_path)) as said:
        assert said is None


@pytest.mark.parametrize(
    ("image", "text", "expected"), [("auto", 1, True), (1, 0.5, True), (1, 2, False), (0, 0, False)]
)
def test_whether_trials_may_share_gpus(tmp_path: Path, image: Any, text: Any, expected: bool) -> None:
    """Where any modality leaves it open or takes a part."""
    given = {name: {"search": {"resources": {"gpus": gpus}}} for name, gpus in (("image", image), ("text", text))}
    assert may_share_gpus(study(tmp_path, **given)) is expected
