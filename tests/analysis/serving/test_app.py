"""The server of a bundle: what it answers, and what it refuses without falling over."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import uvicorn
from browser import chromium, outside, requests_of
from numpy.typing import NDArray
from PIL import Image
from starlette.applications import Starlette

from analysis.serving import app as module
from analysis.serving.app import make_app, policy
from analysis.serving.limits import Rate
from trainables.runtime.members import CAPTIONS, PICTURES
from trainables.runtime.pictures import load_picture
from trainables.runtime.predictor import Predictor


class Red:
    """Says how red a picture is."""

    def logits(self, items: Sequence[Path]) -> NDArray[np.float32]:
        """(N, 2)."""
        reds = [load_picture(item, 4, "crop", 10_000)[..., 0].mean() / 255 for item in items]
        return np.array([[red, 1 - red] for red in reds], dtype=np.float32)


class Long:
    """Says whether a text has many letters."""

    def logits(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """(N, 2)."""
        return np.array([[0, len(item)] for item in items], dtype=np.float32)


@pytest.fixture
def app() -> Starlette:
    """A picture model and a text model behind a server."""
    return make_app(predictor(), "small")


def predictor() -> Predictor:
    """Two classes, one with a hostile name."""
    return Predictor(
        classes=("red", "<img src=x onerror=alert(1)>"),
        system="fused",
        kinds={"seen": PICTURES, "read": CAPTIONS},
        members={"seen": ((1.0, Red()),), "read": ((1.0, Long()),)},
        weights={"seen": 0.5, "read": 0.5},
        temperatures={"seen": 1.0, "read": 1.0},
    )


def encoded(colour: str = "red", size: int = 5) -> str:
    """A picture as base64."""
    stream = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def call(
    app: Starlette,
    path: str,
    body: Any = None,
    *,
    host: str = "127.0.0.1",
    kind: str = "application/json",
    parts: Sequence[bytes] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a request; a body that isn't None is posted, in `parts` where they are given."""
    sent: list[Any] = []
    pieces = list(parts or [b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()])
    headers = [(b"host", host.encode()), (b"content-type", kind.encode())]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET" if body is None else "POST", "path": path, "headers": headers}
    anyio.run(app, {**scope, "query_string": b"", "http_version": "1.1", "scheme": "http"}, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, content


def asked(app: Starlette, body: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a question."""
    status, _, content = call(app, "/api/predict", body, **options)
    return status, json.loads(content)


def test_a_pair_is_answered(app: Starlette) -> None:
    """All three answers, and with another alpha another class."""
    status, said = asked(app, {"picture": encoded(), "text": "long text"})
    assert (status, said["decided_by"]) == (200, "fused")
    assert set(said["probabilities"]) == {"seen", "read", "fused"}
    assert asked(app, {"picture": encoded(), "text": "long text", "weights": 0})[1]["predicted"] == "red"
    assert asked(app, {"picture": encoded()})[1]["decided_by"] == "seen"
    assert asked(app, {"text": ["one", "caption \ud800"]})[1]["decided_by"] == "read"


def test_it_tells_what_it_has(app: Starlette) -> None:
    """For the page, and for programs."""
    about = json.loads(call(app, "/api/about")[2])
    assert (about["name"], about["weights"]) == ("small", {"seen": 0.5, "read": 0.5})


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 422, "JSON object"),
        (b"[" * 100_000, 422, "JSON object"),
        ([1], 422, "JSON object"),
        ({}, 400, "must have something"),
        ({"text": 5}, 422, "`text` must be"),
        ({"text": []}, 422, "`text` must be"),
        ({"text": "x" * 10_001}, 413, "letters"),
        ({"text": "x", "weights": 1.5}, 400, "weights must be"),
        ({"text": "x", "weights": {"seen": "a", "read": "b"}}, 400, "weights must be"),
        ({"text": "x", "weights": float("nan")}, 400, "weights must be"),
        ({"picture": "%%%"}, 422, "base64"),
        ({"picture": 7}, 422, "base64"),
        ({"picture": base64.b64encode(b"no picture").decode()}, 400, "the content is no picture"),
        ({"picture": encoded(size=101)}, 400, "10,201 pixels"),
        ({"path": "/etc/passwd"}, 422, "has the keys"),
    ],
)
def test_bad_requests_are_refused_and_the_next_is_answered(app: Starlette, body: Any, status: int, words: str) -> None:
    """With a reason, and no path of this machine in it."""
    found, said = asked(app, body)
    assert (found, words in said["error"]) == (status, True), said
    assert tempfile.gettempdir() not in said["error"]
    assert asked(app, {"text": "old"})[0] == 200


def test_large_bodies_are_left_before_they_are_read(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever length they claim."""
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    parts = [b"x" * 600] * 5
    assert asked(app, b"", parts=parts)[0] == 413
    assert asked(app, {"text": "old"})[0] == 200


def test_other_pages_and_hosts_get_nothing(app: Starlette) -> None:
    """A page elsewhere can't send JSON without leave, nor under a name of its own."""
    assert asked(app, {"text": "old"}, kind="text/plain")[0] == 415
    assert call(app, "/", host="evil.example")[0] == 400
    assert call(app, "/api/predict")[0] == 405


def test_too_many_requests_are_told_to_wait() -> None:
    """With how long."""
    slow = make_app(predictor(), "small", Rate(a_second=1, at_once=1, clock=lambda: 0.0))
    assert asked(slow, {"text": "old"})[0] == 200
    status, headers, content = call(slow, "/api/predict", {"text": "old"})
    assert (status, headers["retry-after"]) == (429, "1")
    assert "Too many requests" in json.loads(content)["error"]


def test_the_page_runs_its_own_script_alone(app: Starlette) -> None:
    """By its digest; nothing is loaded from elsewhere."""
    status, headers, content = call(app, "/")
    assert status == 200
    script = re.search(r"<script>(.*?)</script>", content.decode(), re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in headers["content-security-policy"]
    assert "unsafe" not in policy(content.decode())


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The server's address while it runs in a thread."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_in_a_browser(app: Starlette, tmp_path: Path, width: int, scheme: Any) -> None:
    """A picture's name is its text, the weight moves, names are shown as they are; no overflow, no fault."""
    (tmp_path / "old_can.png").write_bytes(base64.b64decode(encoded()))
    with served(app) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        loaded = requests_of(page)
        page.goto(address)
        page.set_input_files("#file", tmp_path / "old_can.png")
        page.wait_for_selector("table")
        assert page.input_value("#text") == "old_can"
        assert "<img src=x" in page.inner_text("#answer")
        page.fill("#weight", "0")
        page.locator("#answer", has_text=re.compile("^red ")).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert outside(loaded) == []
    assert faults == []
