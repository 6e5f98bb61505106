"""A server of records on 127.0.0.1 that serves one file well, or badly in the ways that networks and servers do."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class RecordServer:
    """What is served, and how."""

    content: bytes
    name: str = "final_dataset_20k.zip"
    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, the Range header)
    record: Any = None  # the record's JSON; None: the right one
    record_status: int = 200
    statuses: list[int] = field(default_factory=list)  # answers of the file's next requests; then it is served
    drops: list[int] = field(default_factory=list)  # bytes after which the next connections break; then none does
    ranges: bool = True  # whether `Range` is obeyed
    wrong_range: bool = False  # whether a part begins somewhere else than asked
    length: int | None = None  # the length that is claimed, where it is wrong
    served: bytes | None = None  # what is sent instead of the content
    etag: str = '"one"'
    redirect: str = ""  # where the file's address leads
    encoding: str = ""

    def right_record(self) -> dict[str, Any]:
        """The record as Zenodo writes it."""
        links = {"self": f"{self.address}/api/records/15832061/files/{self.name}/content"}
        checksum = f"md5:{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"
        entry = {"id": "x", "key": self.name, "size": len(self.content), "checksum": checksum, "links": links}
        return {"id": 15832061, "files": [entry]}

    def ranges_asked(self) -> list[str]:
        """The Range headers of the file's requests."""
        return [asked for path, asked in self.asked if "/files/" in path]


@contextmanager
def running(content: bytes) -> Iterator[RecordServer]:
    """A server that answers while the block runs."""
    fake = RecordServer(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(fake: RecordServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            fake.asked.append((self.path, asked))
            if "/files/" not in self.path:
                record = fake.right_record() if fake.record is None else fake.record
                body = record if isinstance(record, bytes) else json.dumps(record).encode()
                self._answer(fake.record_status, body, len(body), {})
            elif fake.redirect:
                self._answer(302, b"", 0, {"Location": fake.redirect})
            elif fake.statuses:
                self._answer(fake.statuses.pop(0), b"", 0, {})
            else:
                self._file(asked)

        def _file(self, asked: str) -> None:
            content = fake.content if fake.served is None else fake.served
            headers = {"ETag": fake.etag} if fake.etag else {}
            if fake.encoding:
                headers["Content-Encoding"] = fake.encoding
            found = re.fullmatch(r"bytes=(\d+)-", asked)
            same = self.headers.get("If-Range", fake.etag) == fake.etag
            if found and fake.ranges and same:
                start = int(found[1]) + (1 if fake.wrong_range else 0)
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self._answer(206, content[start:], len(content) - start, headers)
            else:
                self._answer(200, content, len(content) if fake.length is None else fake.length, headers)

        def _answer(self, status: int, content: bytes, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if status in (200, 206) and fake.drops and "/files/" in self.path:
                content = content[: fake.drops.pop(0)]
            self.wfile.write(content)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    return Handler
