"""MLflow's UI: on this machine only, on a port that is free, over a record that is there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from search.cli.mlflow_ui import HOST, PORTS_TRIED, free_port, page, serve, tell_reports
from search.exports.mlflow.store import open_client
from search.study.folder import TRACKING_FILE
from trainables.errors import UserError


def taken(count: int = 1) -> tuple[list[socket.socket], int]:
    """Sockets that listen on neighbouring ports, and the first port."""
    for first in range(20000, 60000, 97):
        sockets: list[socket.socket] = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind((HOST, port))
                sockets[-1].listen()
        except OSError:
            close(sockets)
            continue
        return sockets, first
    raise AssertionError("no free ports")


def close(sockets: list[socket.socket]) -> None:
    """Give the ports back."""
    for one in sockets:
        one.close()


def test_a_taken_port_is_skipped() -> None:
    """The port asked for is used where it is free, and else one above it."""
    sockets, first = taken(2)
    try:
        assert first + 1 < free_port(first) < first + PORTS_TRIED
    finally:
        close(sockets)
    assert free_port(first) == first


def test_no_free_port_is_a_users_error() -> None:
    """The message says which ports were tried and what to give."""
    sockets, first = taken(PORTS_TRIED)
    try:
        with pytest.raises(UserError, match=f"{first} to {first + PORTS_TRIED - 1} are taken: give another --port"):
            free_port(first)
    finally:
        close(sockets)


def test_a_record_must_be_there(tmp_path: Path) -> None:
    """Before the first study there is nothing to show, and no server is started that would make an empty record."""
    with pytest.raises(UserError, match=r"mlflow\.db isn't there: run a study first"):
        serve(tmp_path, 5000, None)
    assert list(tmp_path.iterdir()) == []


def test_a_servers_own_ui_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is a server needs no second UI; its address is shown without the password in it."""
    assert serve(tmp_path, 5000, "https://user:secret@mlflow.example.org") == 0
    said = capsys.readouterr().out
    assert "https://mlflow.example.org" in said
    assert "secret" not in said


def test_it_opens_on_the_last_study(tmp_path: Path) -> None:
    """On the experiment of the study that was last tracked here; other stores' and damaged records don't count."""
    home = {"uri": "sqlite:///x", "experiment_id": "3"}
    records = [json.dumps(home), json.dumps({**home, "uri": "http://host", "experiment_id": "9"}), "[]", "{", "{}"]
    for number, text in enumerate(records):
        file = tmp_path / "studies" / f"study{number}" / TRACKING_FILE
        file.parent.mkdir(parents=True)
        file.write_text(text, "utf-8")
        os.utime(file, (number, number))
    assert page(tmp_path) == "#/experiments/3/runs?workflowType=machine_learning"
    assert page(tmp_path / "nowhere") == page(None) == "#/experiments?workflowType=machine_learning"


def report_of(runs: Path, study: str, at: float) -> Path:
    """A study's report, written at a time."""
    path = runs / "studies" / study / "analysis" / "report.html"
    path.parent.mkdir(parents=True)
    path.write_text("<p>It gets 87.5 %.</p>", "utf-8")
    os.utime(path, (at, at))
    return path


def test_the_newest_reports_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By addresses that a browser opens, five of them, and how many more there are; of none nothing."""
    tell_reports(tmp_path)
    assert capsys.readouterr().out == ""
    paths = [report_of(tmp_path, f"größe {number}", number) for number in range(7)]
    tell_reports(tmp_path)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"Report of größe 6: {paths[6].as_uri()}"
    assert (len(said), said[-1]) == (6, f"2 more reports are in {tmp_path / 'studies'}.")
    with urllib.request.urlopen(said[0].partition(": ")[2]) as page:  # noqa: S310  # our own file
        assert b"87.5" in page.read()


def test_the_ui_answers_and_ends(tmp_path: Path) -> None:
    """It says its address and the report's, answers there, and a SIGTERM ends it and gives the port back."""
    report = report_of(tmp_path, "demo", 1.0)
    open_client(f"sqlite:///{tmp_path / 'mlflow.db'}").create_experiment("binwise")
    code = (
        "import sys; from pathlib import Path; from search.cli.mlflow_ui import serve;"
        "serve(Path(sys.argv[1]), 23456, None)"
    )
    ui = subprocess.Popen([sys.executable, "-u", "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert ui.stdout is not None
        line = ui.stdout.readline()
        assert f"http://{HOST}:" in line
        address, page = line.split()[2].split("#")
        assert page == "/experiments?workflowType=machine_learning"
        assert ui.stdout.readline() == f"Report of demo: {report.as_uri()}\n"
        with urllib.request.urlopen(f"{address}health", timeout=10) as answer:  # noqa: S310  # our own address
            assert answer.status == 200
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(timeout=30)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{address}health", timeout=10)  # noqa: S310
