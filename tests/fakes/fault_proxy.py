"""A server between MLflow's client and a real server, that fails in whatever way it is told to."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OK, HANG, ERROR, DENIED, RESET = "ok", "hang", "error", "denied", "reset"
LOST, LATE = "lost", "late"  # done, but the answer is a reset, or none
FAULTS = (HANG, ERROR, DENIED, RESET, LOST)


class FaultProxy:
    """Passes requests on; `fault` says for each one, by its number, what becomes of it."""

    def __init__(self, target: int) -> None:
        """`target`: the real server's port."""
        self.target = target
        self.fault: Callable[[int], str] = lambda number: OK
        self.requests = 0
        self._lock = threading.Lock()
        self._server: Server | None = None
        self.port = 0
        self.start()
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.proxy = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; those that are open end."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.drop()
            self._server = None

    def next_number(self) -> int:
        """Of a request."""
        with self._lock:
            self.requests += 1
            return self.requests


class Server(ThreadingHTTPServer):
    """Knows its proxy and its connections."""

    daemon_threads = True
    proxy: FaultProxy

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def drop(self) -> None:
        """Close every connection."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *arguments: Any) -> None:
        """Broken connections are what it is for."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def _pass(self) -> None:
        proxy = self.server.proxy
        fault = proxy.fault(proxy.next_number())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault in (ERROR, DENIED):
            self._answer(500 if fault == ERROR else 401, b"no", {})
        elif fault == HANG:
            threading.Event().wait(3)
            self.close_connection = True
        elif fault == RESET:
            self._reset()
        else:
            upstream = http.client.HTTPConnection("127.0.0.1", proxy.target, timeout=30)
            upstream.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k != "Host"})
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            if fault == LOST:
                self._reset()
            elif fault == LATE:
                threading.Event().wait(3)
                self.close_connection = True
            else:
                self._answer(answer.status, content, {"Content-Type": answer.headers.get("Content-Type", "")})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815  # the standard library's names

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        """Close the connection with a reset instead of an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
