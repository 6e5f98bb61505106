"""Ray Tune itself runs attempts: real workers that only pretend to train, and fail, die, hang or are told to stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pretenders import EPOCHS, Fault, Pretence, pretender
from ray import cloudpickle

from search.ledger.ledger import read_ledger
from search.ledger.state import Outcome, StudyState
from search.machines.private_ray import FOLDER, TOKEN_PATH, private_ray, secrets_withheld
from search.machines.ray_cluster import cluster_nodes
from search.machines.shares import Node
from trainables.records import StopReason

pytestmark = pytest.mark.timeout(120)
SECRETS = {"AWS_SECRET_ACCESS_KEY": "never-on-disk-1", "AWS_SESSION_TOKEN": "never-on-disk-2", "PGPASSWORD": "never-3"}
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # else workers would import all that is imported here


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    """One Ray of two CPUs for the whole module."""
    import ray

    with mock.patch.dict(os.environ, SECRETS), private_ray():
        with secrets_withheld():
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        for name in ("ray", "ray.tune", "ray.train"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
        ray.shutdown()


def recorded(study: Pretence) -> StudyState:
    """What a reader of the ledger sees: every trial's epochs each once, in order."""
    _, state = read_ledger(study.folder / "ledger.jsonl")
    for trial in state.trials.values():
        assert [one.epoch for one in trial.epochs] == list(range(1, len(trial.epochs) + 1))
    return state


def reasons(state: StudyState, trial_id: str) -> list[StopReason | None]:
    """How a trial's attempts ended."""
    return [attempt.reason for attempt in state.trials[trial_id].attempts]


def mark(config: Mapping[str, Any], name: str) -> Path:
    """A file by which trials know of each other."""
    return Path(config["marks"]) / name


def test_failures_cost_what_they_must(tmp_path: Path) -> None:
    """Twelve trials of two sizes in one run; one's worker is killed, two raise, one can't begin: the others end well.

    The killed one goes on from its record. What a retry can't cure isn't tried again, whether it was raised within a
    step or in the making of a worker. The workers have neither torch nor Optuna in them.
    """

    def in_step(config: Mapping[str, Any], epoch: int) -> None:
        name, killed = f"{config['modality']} {config['number']}", mark(config, "killed")
        if name == "image 2" and epoch == 2 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "image 4" and epoch == 2:
            raise ValueError("a wrong value")
        if name == "text 1" and epoch == 1 and not mark(config, "broken").exists():
            mark(config, "broken").touch()
            raise RuntimeError("a cable")
        if name == "text 2":
            heavy = [module for module in ("torch", "optuna", "search") if module in sys.modules]
            mark(config, "heavy").write_text(" ".join(heavy))

    def in_setup(config: Mapping[str, Any], epoch: int) -> None:
        if config["number"] == 0 and config["modality"] == "image":
            raise ValueError("a wrong shape")

    study = Pretence(tmp_path, {"image": 9, "text": 3}, cpus={"image": 1, "text": 2})
    assert study.run(pretender(in_step, in_setup)) == Outcome.FINISHED
    state = recorded(study)
    assert len(state.trials) == 12
    completed = [trial for trial in state.trials.values() if trial.stop_reason == StopReason.COMPLETED]
    assert {len(trial.epochs) for trial in completed} == {EPOCHS}
    assert {*state.trials} - {trial.trial_id for trial in completed} == {"image_000", "image_004"}
    assert reasons(state, "image_000") == [StopReason.FAILED]
    assert str(state.trials["image_000"].error).endswith("ValueError: a wrong shape")
    assert reasons(state, "image_002") == [StopReason.LOST, StopReason.COMPLETED]
    assert reasons(state, "image_004") == [StopReason.FAILED]
    assert str(state.trials["image_004"].error).endswith("ValueError: a wrong value")
    assert len(state.trials["image_004"].epochs) == 1
    assert reasons(state, "text_001") == [StopReason.FAILED, StopReason.COMPLETED]
    assert {trial.attempts[-1].cpus for trial in state.of("text")} == {2}
    assert (tmp_path / "heavy").read_text() == ""


def test_workers_are_used_again(tmp_path: Path) -> None:
    """Trials after one another, of the same size, don't wait for new processes."""
    study = Pretence(tmp_path, {"text": 5}, cpus={"text": 2})
    study.run(pretender())
    assert len({trial.attempts[-1].worker for trial in recorded(study).trials.values()}) == 1


def telling(config: Mapping[str, Any], epoch: int) -> None:
    """What a worker's environment has."""
    mark(config, "environment").write_text("\n".join(os.environ.values()))


def test_no_secret_reaches_workers_or_the_disk(tmp_path: Path) -> None:
    """Of the driver's environment, which has them still; Ray's files and its token are this user's alone."""
    study = Pretence(tmp_path, {"image": 1})
    study.run(pretender(telling))
    ray_folder, told = Path(os.environ[FOLDER]), (tmp_path / "environment").read_text()
    logs = [path for path in ray_folder.rglob("*") if path.is_file()]
    assert any(path.name == "runtime_env_agent.log" for path in logs)
    for name, secret in SECRETS.items():
        assert os.environ[name] == secret
        assert secret not in told
        assert [path for path in logs if secret.encode() in path.read_bytes()] == []
    assert ray_folder.stat().st_mode & 0o777 == 0o700
    assert Path(os.environ[TOKEN_PATH]).stat().st_mode & 0o777 == 0o600


def stopping(config: Mapping[str, Any], epoch: int) -> None:
    """Trial 1 asks for the end of the study, as another process would; those after it take their time."""
    if config["number"] == 1 and epoch == 2:
        Path(config["stop_file"]).touch()
    if config["number"] > 1:
        time.sleep(0.5)  # the driver looks for the file twice a second: it must see it before they are all over


def hanging(config: Mapping[str, Any], epoch: int) -> None:
    """And then doesn't come back."""
    stopping(config, epoch)
    if config["number"] == 1 and epoch == 2:
        time.sleep(600)


@pytest.mark.parametrize("fault", [stopping, hanging])
def test_a_stop_ends_within_its_grace(tmp_path: Path, fault: Fault) -> None:
    """Trials see the file and are interrupted; one that hangs is left behind. No trial is over for it."""
    study = Pretence(tmp_path, {"image": 20})
    assert study.run(pretender(fault)) == Outcome.INTERRUPTED
    state = recorded(study)
    assert len(state.trials) < 20
    assert state.trials["image_001"].stop_reason == StopReason.INTERRUPTED
    assert len(state.trials["image_001"].epochs) == 1
    assert state.sessions[-1].detail == "stopped by `binwise stop`"
    assert not any(trial.running for trial in state.trials.values())


def test_an_idle_worker_s_death_costs_no_trial(tmp_path: Path) -> None:
    """A worker that waits is killed, then a trial needs it: whatever Tune makes of it, the study ends whole.

    The trial that Tune gives to the dead worker is tried again; where Tune breaks off, the next run goes on.
    """

    def fault(config: Mapping[str, Any], epoch: int) -> None:
        if config["number"] == 1 and epoch == EPOCHS:
            while not mark(config, "killed").exists():  # else the other, if it begins late, may get this very worker
                time.sleep(0.05)
            mark(config, "pid").write_text(str(os.getpid()))
        if config["number"] == 0 and epoch == 2 and not mark(config, "killed").exists():
            mark(config, "killed").touch()
            while not mark(config, "pid").exists():
                time.sleep(0.05)
            time.sleep(1)  # its last epoch has ended
            os.kill(int(mark(config, "pid").read_text()), signal.SIGKILL)
            raise RuntimeError("a cable")

    study = Pretence(tmp_path, {"image": 2})
    study.run_to_the_end(pretender(fault))
    state = recorded(study)
    assert [trial.stop_reason for trial in state.trials.values()] == [StopReason.COMPLETED] * 2
    assert reasons(state, "image_001") == [StopReason.COMPLETED]
    assert reasons(state, "image_000")[0] == StopReason.FAILED
    assert len(state.trials["image_000"].epochs) == EPOCHS


def test_the_nodes_are_known() -> None:
    """What there is to run trials on."""
    assert cluster_nodes() == [Node(2.0, 0.0)]
