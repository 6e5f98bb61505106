"""A real MLflow server, and every way in which it can fail: a study hears of nothing, nothing is lost or twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bundle_fakes import written_bundle
from fault_proxy import DENIED, ERROR, FAULTS, HANG, LATE, LOST, OK, RESET, FaultProxy
from mlflow import MlflowClient
from tracking_fakes import assert_holds, end, live, new_study

from search.exports import listener
from search.exports.listener import MlflowTracking
from search.exports.registered_model import keep_model, register_model
from search.exports.sync import sync
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.names import BUNDLE_FOLDER

WORKER = Path(__file__).parents[1] / "fakes" / "ship_worker.py"
pytestmark = pytest.mark.timeout(240)


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what another thread or process does."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(port: int) -> bool:
    """Whether something listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of MLflow's own server."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder / "files")),
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(lambda: answers(port), 90)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def direct(server: int) -> str:
    """The server's own address."""
    return f"http://127.0.0.1:{server}"


@pytest.fixture
def proxy(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy before it; what hangs is given up after a second, and tried again soon."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(listener, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(listener, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(listener, "LONGEST_DELAY", 0.2)
    made = FaultProxy(server)
    yield made
    made.stop()


def ended_study(folder: Path, uri: str, seed: int) -> tuple[StudyConfig, Layout]:
    """A study that has ended, of which no store knows."""
    config, layout, ledger = new_study(folder, tracking={"uri": uri})
    live(ledger, seed, trials=6)
    end(ledger)
    ledger.close()
    return config, layout


@pytest.mark.parametrize("fault", [*FAULTS, "refused"])
def test_a_store_that_fails_for_a_while(tmp_path: Path, proxy: FaultProxy, direct: str, fault: str) -> None:
    """From the first call on, or in the middle of a study: all is fed at once, and sent once the store works."""
    config, layout, ledger = new_study(tmp_path, tracking={"uri": proxy.uri})
    if fault == "refused":
        proxy.stop()
    else:
        proxy.fault = lambda number: fault
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=1, trials=4)
    until(lambda: tracking.lag().last_error is not None)
    lag = tracking.lag()
    assert lag.events_behind == ledger.state.next_seq
    if fault == DENIED:
        assert "401" in str(lag.last_error)
    if fault == "refused":
        assert lag.last_error == "ConnectionRefusedError: [Errno 111] Connection refused"
        proxy.start()
    proxy.fault = lambda number: OK
    until(lambda: tracking.lag().events_behind == 0)
    proxy.stop()
    live(ledger, seed=2, trials=2)
    until(lambda: tracking.lag().last_error is not None)
    proxy.start()
    end(ledger)
    until(lambda: tracking.lag().events_behind == 0)
    assert tracking.close(60).events_behind == 0
    assert sync(layout.folder).problems == []
    assert_holds(direct, layout)


def test_faults_of_all_kinds_at_any_call(
    tmp_path: Path, proxy: FaultProxy, direct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third request fails, some of them done but not told. A sync sends the rest, a second one finds nothing."""
    draw = random.Random(7)
    proxy.fault = lambda number: draw.choice([ERROR, RESET, LOST, DENIED]) if draw.random() < 0.3 else OK
    config, layout, ledger = new_study(tmp_path, tracking={"uri": proxy.uri})
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=3)
    end(ledger)
    tracking.close(10)
    proxy.fault = lambda number: OK
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "100")  # on a busy machine a server that works may take long
    assert sync(layout.folder).agrees
    assert_holds(direct, layout)
    assert sync(layout.folder).unchanged


def test_a_server_that_hangs_is_left_at_the_end(tmp_path: Path, proxy: FaultProxy, direct: str) -> None:
    """Closing ends although nothing answers; later all is sent, also to another experiment's first study."""
    proxy.fault = lambda number: HANG
    config, layout, ledger = new_study(tmp_path, tracking={"uri": proxy.uri, "experiment": "other"})
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=4)
    end(ledger)
    assert tracking.close(30).events_behind == ledger.state.next_seq
    assert not tracking._thread.is_alive()
    proxy.fault = lambda number: OK
    assert sync(layout.folder).agrees
    assert_holds(direct, layout, experiment="other")


@pytest.mark.parametrize("seed", range(3))
def test_a_shipper_that_is_killed(tmp_path: Path, proxy: FaultProxy, direct: str, seed: int) -> None:
    """SIGKILL at a seeded request, before or after the server did it: a sync later, each run and value is there."""
    _, layout = ended_study(tmp_path, proxy.uri, seed)
    draw = random.Random(seed)
    last, how = draw.randint(3, 25), draw.choice([HANG, LATE])
    process = subprocess.Popen([sys.executable, str(WORKER), str(layout.folder)])

    def fault(number: int) -> str:
        if number == last:  # before it gives up waiting; after the server has done it, if it does
            threading.Timer(0.5, process.kill).start()
        return OK if number < last else how

    proxy.fault = fault
    process.wait(120)
    assert process.returncode == -signal.SIGKILL
    proxy.fault = lambda number: OK
    result = sync(layout.folder)
    assert result.agrees
    assert not result.duplicates
    assert result.created or result.changed
    assert_holds(direct, layout)


def test_long_trials_go_in_several_calls(tmp_path: Path, direct: str) -> None:
    """More than a thousand values and a hundred parameters, MLflow's limits for one call."""
    from tracking_fakes import attempt, begin, create, finish

    config, layout, ledger = new_study(tmp_path, tracking={"uri": direct})
    begin(ledger)
    trial_id = create(ledger, 0, **{f"parameter_{number}": number for number in range(120)})
    attempt(ledger, trial_id, [0.5 + epoch / 1000 for epoch in range(150)])
    finish(ledger, trial_id, "completed")
    end(ledger)
    tracking = MlflowTracking(config, layout, ledger)
    assert tracking.close(60).events_behind == 0
    assert_holds(direct, layout)


@pytest.mark.skipif("BINWISE_SERVE" not in os.environ, reason="takes seconds of both processes: BINWISE_SERVE=1")
def test_a_model_is_registered_on_a_server(tmp_path: Path, direct: str) -> None:
    """Once, its files with it, wherever the server keeps them."""
    config, layout = ended_study(tmp_path, direct, seed=3)
    written_bundle(layout.folder / BUNDLE_FOLDER, "ab")
    keep_model(layout.folder, "served", {"test_accuracy": "0.875"}, "It gets 87.5 %.", {"text": "old bottle"})
    assert register_model(config, layout).new
    assert not register_model(config, layout).new
    assert sync(layout.folder).problems == []
    client = MlflowClient(direct)
    version = client.get_model_version_by_alias("served", "champion")
    assert int(version.version) == 1
    assert version.source.startswith("mlflow-artifacts:")
    [output] = client.get_run(str(version.run_id)).outputs.model_outputs
    names = [one.path for one in client.list_logged_model_artifacts(output.model_id)]
    assert {"MLmodel", "served_model.py", "artifacts", "code"} <= set(names)
