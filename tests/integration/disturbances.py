"""What is done to a running study: each does its harm and says with which exit codes the driver may end for it."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

from chaos_study import Round, until


def kill_driver(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGKILL."""
    driver.kill()
    return {-signal.SIGKILL}


def terminate_driver(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGTERM."""
    driver.terminate()
    return {143}


def interrupt_driver(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """Ctrl-C: SIGINT for the whole group, as a terminal sends it."""
    os.killpg(driver.pid, signal.SIGINT)
    return {130}


def terminate_group(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGTERM for the whole group at once, as batch systems send it."""
    os.killpg(driver.pid, signal.SIGTERM)
    return {143}


def hang_up(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGHUP for the whole group, as where a terminal is closed."""
    os.killpg(driver.pid, signal.SIGHUP)
    return {129}


def kill_worker(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGKILL for one worker, as soon as there is one."""
    until(lambda: bool(now.workers()) or driver.poll() is not None, 60, "a worker runs")
    if workers := now.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
    return set()


def kill_server(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """MLflow's server dies, and comes back after a while."""
    now.server.kill()
    time.sleep(rng.uniform(0, 3))
    now.server.start()
    return set()


def fill_disk(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """No file of the driver, or of a worker, may grow any more."""
    room = rng.choice((0, 100, 5_000))
    ledger = now.study / "ledger.jsonl"
    limit = (ledger.stat().st_size if ledger.exists() else 0) + room
    victims = [driver.pid, *now.workers()] if rng.random() < 0.7 else now.workers()
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    return {1, 2}


def tear_file(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGKILL, and one of the study's files is left empty, halved or with a flipped bit: of the ledger one copy."""
    driver.kill()
    driver.wait()
    state = now.state()
    running = next((trial.trial_id for trial in state.open_trials()), None) if state else None
    ledger = now.study / rng.choice(("ledger.jsonl", "ledger.mirror.jsonl"))
    if ledger.is_file():  # there is a study, if only just
        damage(rng.choice((ledger, *state_files(now, running))), rng.choice(("empty", "half", "flipped")))
    return {-signal.SIGKILL}


def state_files(now: Round, trial: str | None) -> list[Path]:
    """What a study is read from beside its ledger, and the state that a trial resumes from; nothing that is empty."""
    names = ("study.yaml", "data.jsonl.gz", "trials.jsonl", "optuna.journal", "mlflow.json")
    states = (now.study / "text" / trial / "last").glob("*") if trial else ()
    files = (*(now.study / name for name in names), *states)
    return [path for path in files if path.is_file() and path.stat().st_size]


def damage(path: Path, kind: str) -> None:
    """Empty a file, cut it in half, or flip a bit in its middle."""
    content = path.read_bytes()
    middle = len(content) // 2
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "half":
        path.write_bytes(content[:middle])
    else:
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :])


ENDS = (kill_driver, terminate_driver, interrupt_driver, terminate_group, hang_up)
DISTURBANCES = (*ENDS, tear_file, kill_worker, kill_server, fill_disk)
HARMS = {harm.__name__: harm for harm in DISTURBANCES}
