"""The server of a bundle: a page to try it, `GET /api/about`, and `POST /api/predict` for the page and for programs.

It is for this machine: other hosts' names are refused, which keeps web pages from asking through a name of their own,
and a request must say that it is JSON, which they can't without leave.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from analysis.serving.limits import MOST_BYTES, Rate
from trainables.errors import UserError
from trainables.runtime.members import CAPTIONS, PICTURES
from trainables.runtime.predictor import Predictor

HOSTS = ["127.0.0.1", "localhost"]
MOST_LETTERS = 10_000  # of a text
MOST_CAPTIONS = 100
KEYS = {"picture", "text", "weights"}  # of a request
_PAGE = Path(__file__).with_name("page.html")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


class Refused(Exception):
    """A request that can't be answered: its status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def make_app(predictor: Predictor, name: str, rate: Rate | None = None) -> Starlette:
    """The server of these models; `name` is the bundle's."""
    limit = rate or Rate()
    html = _PAGE.read_text("utf-8")
    headers = {"Content-Security-Policy": policy(html), "X-Content-Type-Options": "nosniff"}

    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers=headers)

    async def about(_: Request) -> Response:
        return JSONResponse(describe(predictor, name))

    async def predict(request: Request) -> Response:
        try:
            if wait := limit.wait():
                raise Refused(429, f"Too many requests: try again in {math.ceil(wait)} s.")
            return JSONResponse(await run_in_threadpool(answer, predictor, await _body(request)))
        except Refused as refused:
            extra = {"Retry-After": "1"} if refused.status == 429 else None
            return JSONResponse({"error": str(refused)}, refused.status, headers=extra)
        except UserError as error:
            return JSONResponse({"error": str(error)}, 400)

    routes = [Route("/", page), Route("/api/about", about), Route("/api/predict", predict, methods=["POST"])]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])


def policy(html: str) -> str:
    """The page's Content-Security-Policy: its own script and style by their digests, this server, nothing else."""
    found = {kind: _digest(text) for kind, text in _INLINE.findall(html)}
    return (
        f"default-src 'none'; script-src {found['script']}; style-src {found['style']}; img-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def describe(predictor: Predictor, name: str) -> dict[str, Any]:
    """What the page and programs must know before they ask."""
    return {
        "name": name,
        "classes": list(predictor.classes),
        "modalities": dict(predictor.kinds),
        "weights": dict(predictor.weights),
        "system": predictor.system,
    }


def answer(predictor: Predictor, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the models say of one sample: `picture` (base64), `text` (or a list of captions), `weights` (or alpha).

    Raises Refused or UserError where the request can't be answered.
    """
    if unknown := sorted(set(asked) - KEYS):
        raise Refused(422, f"A request has the keys {', '.join(sorted(KEYS))}, but got {', '.join(unknown)[:200]}.")
    text = _text(asked.get("text"))
    with tempfile.TemporaryDirectory() as folder:
        picture = _picture(asked.get("picture"), Path(folder))
        given: dict[str, Any] = {PICTURES: picture, CAPTIONS: text}
        items = {name: [item] for name, kind in predictor.kinds.items() if (item := given[kind]) is not None}
        try:
            said = predictor.answers(items, "probs", asked.get("weights"))
        except UserError as error:
            raise UserError(str(error).replace(str(picture), "the picture")) from error
    return {
        "predicted": said.predicted[0],
        "decided_by": said.decided_by,
        "probabilities": {
            name: dict(zip(said.classes, shares[0].tolist(), strict=True))
            for name, shares in (said.probs or {}).items()
        },
    }


async def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "A request must be of the type application/json.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(413, f"A request must have at most {MOST_BYTES:,} bytes.")
        parts.append(part)
    try:
        asked = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise Refused(422, "A request must be a JSON object.")
    return asked


def _text(given: Any) -> Any:
    captions = given if isinstance(given, list) else [given]
    if given is None or given == "":
        return None
    if not captions or not all(isinstance(one, str) for one in captions):
        raise Refused(422, "`text` must be a text or a list of texts.")
    if len(captions) > MOST_CAPTIONS or sum(map(len, captions)) > MOST_LETTERS:
        raise Refused(413, f"`text` must have at most {MOST_LETTERS:,} letters, in {MOST_CAPTIONS} captions at most.")
    # Half characters, which JSON may have and no tokenizer takes.
    whole = [one.encode("utf-8", "replace").decode() for one in captions]
    return whole[0] if len(whole) == 1 else tuple(whole)


def _picture(given: Any, folder: Path) -> Path | None:
    if given is None:
        return None
    try:
        content = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Refused(422, f"`picture` must be a file in base64, but: {error}.") from error
    path = folder / "picture"
    path.write_bytes(content)
    return path


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
