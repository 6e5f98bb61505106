"""Whether MLflow's store can be reached."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from search.preflight import tracking as module
from search.preflight.tracking import check_tracking
from trainables.errors import UserError


@contextmanager
def answering(code: int) -> Iterator[str]:
    """A server that answers everything with this code; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between this machine and itself."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_file_that_can_be_written(tmp_path: Path) -> None:
    """A database that isn't there yet, in a folder that isn't, and one that is there; nothing is made."""
    check_tracking(f"sqlite:///{tmp_path}/new/folder/mlflow.db")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").write_bytes(b"SQLite format 3\0 and more")
    check_tracking(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """The message names it, and what to do."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match=r"tracking\.uri sqlite:.*runs is no folder.*leave tracking\.uri out"):
        check_tracking(f"sqlite:///{tmp_path}/runs/mlflow.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It isn't written over."""
    (tmp_path / "mlflow.db").write_text("the notes of last week")
    with pytest.raises(UserError, match="is no SQLite file"):
        check_tracking(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.parametrize("code", [200, 401, 404])
def test_a_server_that_answers(code: int) -> None:
    """Also one that wants a password, or a proxy that doesn't know the path."""
    with answering(code) as host:
        check_tracking(f"http://{host}")


def test_a_server_in_trouble() -> None:
    """Its own error is one; the password isn't shown."""
    with answering(503) as host, pytest.raises(UserError, match="it answers 503") as error:
        check_tracking(f"http://user:secret@{host}/mlflow/")
    assert "secret" not in str(error.value)


def test_nobody_listens() -> None:
    """A port that is closed, for a server and for a database."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it
        port = taken.getsockname()[1]
        for uri in (f"http://127.0.0.1:{port}", f"postgresql+psycopg2://me:secret@127.0.0.1:{port}/db"):
            with pytest.raises(UserError, match="Connection refused") as error:
                check_tracking(uri)
            assert "secret" not in str(error.value)


def test_silence_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and says nothing is given up; a database needs to say nothing."""
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(UserError, match="timed out"):
            check_tracking(f"http://127.0.0.1:{port}")
        check_tracking(f"mysql://127.0.0.1:{port}/db")
