"""Whether MLflow's store can be reached, found out in seconds and without writing anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from search.exports.addresses import redacted
from trainables.errors import UserError

TIMEOUT_SECONDS = 5.0
_PORTS = {"postgresql": 5432, "mysql": 3306}
_SQLITE = b"SQLite format 3\0"


def check_tracking(uri: str) -> None:
    """UserError where the store doesn't answer, or its SQLite file can't be written.

    A server's answer of whatever kind is enough, but an error of its own; who may write shows when the study begins.
    """
    scheme = uri.split(":", 1)[0].split("+", 1)[0]
    try:
        if scheme == "sqlite":
            _check_file(Path(uri.removeprefix("sqlite:///")))
        elif scheme in ("http", "https"):
            _check_server(uri)
        elif scheme in _PORTS:
            parts = urlsplit(uri)
            with socket.create_connection((parts.hostname, parts.port or _PORTS[scheme]), TIMEOUT_SECONDS):
                pass
    except (OSError, ValueError) as error:
        raise UserError(
            f"MLflow must be reachable, but tracking.uri {redacted(uri)} isn't ({_reason(error)}): start its server, "
            "or leave tracking.uri out to keep the record in a file among the runs."
        ) from error


def _check_file(path: Path) -> None:
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} is no folder that can be written")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} can't be written")
        with path.open("rb") as stream:
            if stream.read(len(_SQLITE)) not in (b"", _SQLITE):
                raise ValueError(f"{path} is no SQLite file")


def _check_server(uri: str) -> None:
    address = f"{redacted(uri).rstrip('/')}/health"
    try:
        with urlopen(Request(address, method="GET"), timeout=TIMEOUT_SECONDS):  # noqa: S310  # http or https
            pass
    except HTTPError as error:  # 401, or a proxy that hides /health: somebody is there
        if error.code >= 500:
            raise OSError(f"it answers {error.code}") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error) or type(error).__name__
