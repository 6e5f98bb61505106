"""Disturbs a real study at random, seeded moments, resumes it to the end, and compares it with an undisturbed one.

`make chaos` runs 30 rounds; `python tests/integration/chaos.py --rounds 5 --seed 7` others.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from search.ledger.ledger import read_ledger
from search.ledger.state import StudyState
from trainables.data.demo import make_demo
from trainables.records import EpochResult

TRIALS = 12
STARTUP = 4  # of them
MARK = "BINWISE_CHAOS"  # in the environment of everything that a round starts
STUDY = """
name: {name}
seed: 5
modalities: [text]
data: {{train: {data}/Train, val: {data}/Val}}
runs: {runs}
tracking: {{uri: "{uri}", experiment: {name}}}
linear_baseline: false
text:
  backbone: distilbert-base-uncased
  weights: none
  architecture: {{n_layers: 1, dim: 64, hidden_dim: 128, n_heads: 2}}
  vocabulary_size: 300
  max_epochs: 8
  batch_size: 16
  learning_rate: 1e-3
  checkpoint_every: 1
  search:
    trials: 12
    startup_trials: 4
    concurrency: {concurrency}
    resources: {{cpus: 1}}
    space:
      learning_rate: {{type: float, low: 1e-5, high: 1e-2, log: true}}
      batch_size: {{type: choice, choices: [8, 16, 32]}}
    points: [{{learning_rate: 3e-3}}]
    scheduler: {{name: asha, grace: 1, factor: 2}}
"""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MlflowServer:
    """A real MLflow server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.database = f"sqlite:///{folder / 'server.db'}"
        self._folder, self._port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)),
                *("--workers", "1", "--backend-store-uri", self.database),
                *("--default-artifact-root", (self._folder / "artifacts").as_uri()),
            ],
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._answers, 90, "MLflow's server answers")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """SIGKILL, for it and its workers."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait; TimeoutError where it doesn't happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds} s in vain: {what}")
        time.sleep(0.1)


@dataclass
class Round:
    """One study, run and disturbed."""

    folder: Path
    name: str
    server: MlflowServer
    mark: str

    @property
    def study(self) -> Path:
        """Its folder."""
        return self.folder / "mlruns" / "studies" / self.name

    def state(self) -> StudyState | None:
        """What its ledger says; None before there is one."""
        path = self.study / "ledger.jsonl"
        return read_ledger(path)[1] if path.is_file() else None

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The driver, in a session of its own."""
        log = (self.folder / f"{self.name}.log").open("ab")
        return subprocess.Popen(
            [sys.executable, "-c", "from search.cli import main; main()", *arguments],
            cwd=self.folder,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200", MARK: self.mark},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def search(self) -> subprocess.Popen[bytes]:
        """Begin, or go on."""
        resume = ("--resume",) if self.study.exists() else ()
        return self.start("search", f"{self.name}.yaml", *resume)

    def processes(self) -> list[int]:
        """Everything alive that this round's drivers started."""
        return marked(f"{MARK}={self.mark}")

    def workers(self) -> list[int]:
        """The processes in which trials run."""
        return [pid for pid in self.processes() if b"TuneTrial" in command_of(pid)]

    def tail(self) -> str:
        """The end of the driver's output."""
        return (self.folder / f"{self.name}.log").read_text(errors="replace")[-4000:]


def marked(mark: str) -> list[int]:
    """Processes with this in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if stat != "Z" and mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def command_of(pid: int) -> bytes:
    """A process' command line, which Ray sets to the actor's name."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def prepare(folder: Path, name: str, server: MlflowServer, concurrency: int) -> Round:
    """The study's YAML and, once for all, its data."""
    data = folder / "data"
    if not data.exists():
        make_demo(data, pictures=400, size=32, seed=0, workers=1)
    text = STUDY.format(name=name, data=data, runs=folder / "mlruns", uri=server.uri, concurrency=concurrency)
    (folder / f"{name}.yaml").write_text(text)
    return Round(folder, name, server, f"{name}-{os.getpid()}")


def undisturbed(folder: Path, server: MlflowServer, concurrency: int = 1) -> Round:
    """A study that nothing happens to."""
    calm = prepare(folder, f"calm{concurrency}", server, concurrency)
    code = calm.search().wait(timeout=300)
    assert code == 0, calm.tail()
    return calm


# Disturbances: each does its harm to a running driver and says how the driver may end.


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


def kill_worker(now: Round, driver: subprocess.Popen[bytes], rng: random.Random) -> set[int]:
    """SIGKILL for one worker."""
    workers = now.workers()
    if workers:
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
    files = [path for path in (ledger, *state_files(now, running)) if path.is_file()]
    if files:
        damage(rng.choice(files), rng.choice(("empty", "half", "flipped")))
    return {-signal.SIGKILL}


def state_files(now: Round, trial: str | None) -> list[Path]:
    """What a study is read from beside its ledger, and the state that a trial resumes from."""
    names = ("study.yaml", "data.json", "trials.jsonl", "optuna.journal", "mlflow.json")
    states = (now.study / "text" / trial / "last").glob("*") if trial else ()
    return [path for path in (*(now.study / name for name in names), *states) if path.is_file()]


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


ENDS = (kill_driver, terminate_driver, interrupt_driver)
DISTURBANCES = (*ENDS, tear_file, kill_worker, kill_server, fill_disk)
EARLY = 0.2  # of the starts are cut short


def disturbed(now: Round, rng: random.Random, disturbances: int, seconds: float) -> list[str]:
    """Run the study, disturbed so often, within so many seconds of its start or of the last time; what was done.

    One start in five is cut short before its session is on record.
    """
    story: list[str] = []
    driver, early = _started(now, rng)
    for _ in range(disturbances):
        harm = rng.choice(ENDS if early else DISTURBANCES)
        if not _still_runs(driver, rng.uniform(0, seconds)):
            break
        story.append(harm.__name__ + " early" * early)
        expected = harm(now, driver, rng)
        if not expected:
            continue
        code = driver.wait(timeout=120)
        # A signal in the moment in which Ray has just started makes it crash; the study's record isn't open then.
        assert code in {*expected, 0} or (early and code == -signal.SIGABRT), (story, code, now.tail())
        if code == 0:
            break
        driver, early = _started(now, rng)
    code = driver.wait(timeout=300)
    for _ in range(3):  # what was limited by the last disturbance is limited no more
        if code == 0:
            break
        story.append(f"exit {code}")
        code = now.search().wait(timeout=300)
    assert code == 0, (story, now.tail())
    return story


def _started(now: Round, rng: random.Random) -> tuple[subprocess.Popen[bytes], bool]:
    """A driver and False once its session is on record, or it has ended; True: it has begun to start a second ago."""
    before = now.state()
    sessions = len(before.sessions) if before else 0
    driver = now.search()
    if rng.random() < EARLY:
        _still_runs(driver, 1)
        return driver, True

    def begun() -> bool:
        state = now.state()
        return driver.poll() is not None or (state is not None and len(state.sessions) > sessions)

    until(begun, 120, "the driver begins")
    return driver, False


def _still_runs(driver: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the driver runs after so many seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        driver.wait(timeout=seconds)
    return driver.returncode is None


# What must hold afterwards


def facts(state: StudyState) -> dict[str, Any]:
    """Everything about a study's trials that doesn't depend on the time: hyperparameters, end, epochs."""
    return {
        trial.trial_id: (trial.params, trial.stop_reason, [untimed(epoch) for epoch in trial.epochs])
        for trial in state.trials.values()
    }


def untimed(epoch: EpochResult) -> dict[str, Any]:
    """An epoch without what was measured by the clock or of the machine."""
    timed = ("epoch_seconds", "samples_per_second", "latency", "utilization", "memory")
    return {key: value for key, value in epoch.as_metrics().items() if not any(word in key for word in timed)}


def check_learnt(now: StudyState, calm: StudyState) -> None:
    """Two at once: results come in any order, and proposals and stops follow it. But each trial learns the same."""
    alike = [key for key, trial in now.trials.items() if trial.params == calm.trials[key].params]
    assert {f"text_{number:03d}" for number in range(STARTUP)} <= set(alike)  # proposed without a look at the others
    for key in alike:
        pairs = zip(now.trials[key].epochs, calm.trials[key].epochs, strict=False)  # one may have been pruned earlier
        assert all(untimed(ours) == untimed(theirs) for ours, theirs in pairs), key


def decisions(folder: Path) -> list[tuple[str | None, int, bool]]:
    """What the scheduler decided, in order."""
    events, _ = read_ledger(folder / "ledger.jsonl")
    return [(e.trial_id, e.body["result"]["epoch"], e.body["stop"]) for e in events if e.kind == "epoch"]


def check(now: Round, calm: Round, *, same_order: bool) -> None:
    """The record is the one that an undisturbed study leaves; so is MLflow's; nothing is left running."""
    state, expected = now.state(), calm.state()
    assert state is not None
    assert expected is not None
    assert len(state.trials) == TRIALS
    assert all(trial.over for trial in state.trials.values()), state.counts()
    assert state.outcome == "finished"
    if same_order:
        assert facts(state) == facts(expected)
        assert decisions(now.study) == decisions(calm.study)
    else:
        check_learnt(state, expected)
    until(lambda: not now.processes(), 60, f"no process is left over, but {now.processes()} are")
    done = now.start("sync", now.name).wait(timeout=120)
    assert done == 0, now.tail()
    check_mlflow(now, state)


def check_mlflow(now: Round, state: StudyState) -> None:
    """One parent, a child a trial, each epoch once with its value, nothing RUNNING."""
    client = MlflowClient(now.server.database)
    experiment = client.get_experiment_by_name(now.name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    children = {run.data.tags["binwise.trial"]: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert len(runs) == TRIALS + 1
    assert set(children) == set(state.trials)
    for trial in state.trials.values():
        run = children[trial.trial_id]
        assert trial.stop_reason is not None
        assert run.data.tags["stop_reason"] == trial.stop_reason.value
        history = client.get_metric_history(run.info.run_id, "val_accuracy")
        assert sorted((m.step, m.value) for m in history) == [(e.epoch, e.val_accuracy) for e in trial.epochs]


@contextlib.contextmanager
def server_in(folder: Path) -> Iterator[MlflowServer]:
    """A server that is gone afterwards."""
    server = MlflowServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def main() -> None:
    """Run rounds until all are done or one fails."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disturbances", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="binwise-chaos-") as name, server_in(Path(name)) as server:
        folder = Path(name)
        calm = {concurrency: undisturbed(folder, server, concurrency) for concurrency in (1, 2)}
        for number in range(arguments.seed, arguments.seed + arguments.rounds):
            concurrency = 2 if number % 3 == 2 else 1
            now = prepare(folder, f"round{number}", server, concurrency)
            began = time.monotonic()
            story = disturbed(now, random.Random(number), arguments.disturbances, seconds=8.0)
            check(now, calm[concurrency], same_order=concurrency == 1)
            print(
                f"round {number}, {concurrency} at once: {', '.join(story)}: {time.monotonic() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
