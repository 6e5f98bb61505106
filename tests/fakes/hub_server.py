"""A Hugging Face hub on 127.0.0.1: serves the repositories of a folder, or behaves badly, as told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The server's place, and how it behaves: `serve`, `hang`, or a status such as 404 or 500 for every request."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.behaviour: str | int = "serve"
        self.asked: list[str] = []  # "GET /api/models/owner/name"
        self.address = ""
        self.closing = threading.Event()

    def repository(self, name: str) -> Path:
        """The folder of a repository, to be filled."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@contextmanager
def running(root: Path) -> Iterator[Hub]:
    """A hub that answers while the block runs."""
    hub = Hub(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            if hub.behaviour == "hang":
                hub.closing.wait(30)
            elif isinstance(hub.behaviour, int):
                self._answer(hub.behaviour, b"{}")
            else:
                self._serve(self.path.split("?")[0].strip("/"))

        def do_HEAD(self) -> None:
            self.do_GET()

        def _serve(self, path: str) -> None:
            if path.startswith("api/models/"):
                folder = hub.root / path.removeprefix("api/models/").split("/revision/")[0]
                names = [{"rfilename": file.name} for file in sorted(folder.glob("*"))]
                answer = {"id": folder.name, "sha": COMMIT, "siblings": names}
                self._answer(200 if folder.is_dir() else 404, json.dumps(answer).encode())
                return
            file = hub.root / path.replace("/resolve/main/", "/")
            self._answer(200, file.read_bytes()) if file.is_file() else self._answer(404, b"")

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound" if "/api/" in self.path else "EntryNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    return Handler
