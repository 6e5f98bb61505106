"""MLflow's own UI over the record, on this machine only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from search.exports.addresses import redacted
from search.show.say import say
from search.study.folder import TRACKING_FILE
from trainables.errors import UserError
from trainables.names import ANALYSIS_FOLDER, REPORT_HTML, STUDIES_FOLDER

HOST = "127.0.0.1"
PORTS_TRIED = 20
START_SECONDS = 60.0
REPORTS_TOLD = 5


def serve(runs: Path, port: int, uri: str | None) -> int:
    """Run the UI until it is stopped; its exit code. UserError where there is no record or no free port."""
    if uri is not None and uri.startswith(("http://", "https://")):
        say(f"That store has its own UI: {redacted(uri)}")
        tell_reports(runs)
        return 0
    if uri is None and not (runs / "mlflow.db").is_file():
        raise UserError(f"The UI needs a record to show, but {runs / 'mlflow.db'} isn't there: run a study first.")
    free = free_port(port)
    server = subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(free), "--workers", "1"),
            *("--default-artifact-root", (runs / "artifacts").as_uri()),
        ],
        env={
            **os.environ,
            # A store's password would stand in the list of processes, which all users of a machine see.
            "MLFLOW_BACKEND_STORE_URI": uri or f"sqlite:///{runs / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        if _answers(server, free):
            say(f"MLflow's UI: http://{HOST}:{free}/{page(runs if uri is None else None)} (Ctrl-C ends it)")
            tell_reports(runs)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait(timeout=10)


def tell_reports(runs: Path) -> None:
    """Say where the studies' reports are, the newest first."""
    found = sorted(
        runs.glob(f"{STUDIES_FOLDER}/[!.]*/{ANALYSIS_FOLDER}/{REPORT_HTML}"),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in found[:REPORTS_TOLD]:
        say(f"Report of {path.parents[1].name}: {path.as_uri()}")
    if len(found) > REPORTS_TOLD:
        say(f"{len(found) - REPORTS_TOLD:,} more reports are in {runs / STUDIES_FOLDER}.")


def page(runs: Path | None) -> str:
    """The page of the trials of the study that was last on record among the runs; without one, of all experiments.

    MLflow's UI opens on pages for agents and their traces unless an address says that it is about training.
    """
    experiment = _last_experiment(runs) if runs is not None else None
    return f"#/experiments{f'/{experiment}/runs' if experiment else ''}?workflowType=machine_learning"


def _last_experiment(runs: Path) -> str | None:
    files = sorted((runs / "studies").glob(f"[!.]*/{TRACKING_FILE}"), key=lambda file: file.stat().st_mtime)
    for file in reversed(files):
        with suppress(OSError, ValueError, AttributeError):
            cursor = json.loads(file.read_text("utf-8"))
            if str(cursor.get("uri", "")).startswith("sqlite:") and str(cursor.get("experiment_id")).isdigit():
                return str(cursor["experiment_id"])
    return None


def free_port(first: int) -> int:
    """The first free port from `first` on; UserError where none of the next ones is free."""
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise UserError(
        f"The UI needs a free port, but {first} to {first + PORTS_TRIED - 1} are taken: give another --port."
    )


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server takes connections; False where it ended or didn't in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False
