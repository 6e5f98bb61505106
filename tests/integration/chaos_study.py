"""The small study that is disturbed, and the MLflow server that it writes to: real ones, with their processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from search.ledger.ledger import read_ledger
from search.ledger.state import StudyState
from trainables.data.demo.demo import make_demo

TRIALS = 12
STARTUP = 4  # of them
WORKER = b"ray::Attempt"  # what Ray calls the process of an actor of `executor.run_attempts`
MARK = "BINWISE_CHAOS"  # in the environment of everything that a round starts
STUDY = """
name: {name}
seed: 5
modalities: [text]
data: {{train: {data}/Train, val: {data}/Val}}
runs: {runs}
tracking: {{uri: "{uri}", experiment: {name}}}
linear_baseline: false
failures: {{retries: 9}}  # a worker that is killed again and again doesn't end its trial
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
    patience_trials: null
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
            [sys.executable, "-c", "from search.cli.main import main; main()", *arguments],
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
        return [pid for pid in self.processes() if WORKER in command_of(pid)]

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


@contextlib.contextmanager
def server_in(folder: Path) -> Iterator[MlflowServer]:
    """A server that is gone afterwards."""
    server = MlflowServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
