"""How much of the ledger is in MLflow: a small file in the study's folder. Where it is lost, runs are found by tags."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from search.exports.addresses import redacted
from search.ledger.events import Event
from search.ledger.ledger import Lag
from search.ledger.state import StudyState
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.files import replace_file

USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"  # variables' names


@dataclass(frozen=True)
class Cursor:
    """The first event that a store may lack, and where the study's runs are in it."""

    uri: str  # without user and password
    study_uid: str
    next_seq: int = 0
    experiment_id: str | None = None
    run_id: str | None = None  # the study's own
    error: str | None = None


def read_cursor(path: Path, uri: str, study_uid: str) -> Cursor:
    """The cursor of a store; a fresh one where the file is missing or damaged, or belongs to another store or study."""
    fresh = Cursor(redacted(uri), study_uid)
    try:
        found = Cursor(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return fresh
    same = (found.uri, found.study_uid) == (fresh.uri, study_uid)
    return found if same and isinstance(found.next_seq, int) and found.next_seq >= 0 else fresh


def write_cursor(path: Path, cursor: Cursor) -> None:
    """Whole or not at all. OSError where the disk doesn't take it."""
    replace_file(path, json.dumps(asdict(cursor)).encode())


def lag_of(layout: Layout, events: Sequence[Event], state: StudyState, uri: str, now: float | None = None) -> Lag:
    """How far behind a store is, by its cursor and the ledger that was read: for any process."""
    cursor = read_cursor(layout.tracking_file, uri, state.uid)
    first = min(cursor.next_seq, len(events))
    behind = len(events) - first
    seconds = max(0.0, (time.time() if now is None else now) - events[first].at) if behind else 0.0
    return Lag(behind, seconds, cursor.error)


def tracking_uri(study: StudyConfig, layout: Layout) -> str:
    """The configured URI with this start's user and password, or the SQLite file among the runs."""
    return with_credentials(study.tracking.uri or layout.mlflow_database, os.environ)


def with_credentials(uri: str, environment: Mapping[str, str]) -> str:
    """A database's URI with the user and password of the environment, where it names none itself.

    Servers (http, https) are given them by MLflow, in each request.
    """
    parts = urlsplit(uri)
    if USER not in environment or "@" in parts.netloc or not parts.scheme.startswith(("postgresql", "mysql")):
        return uri
    secrets = ":".join(quote(environment[name], safe="") for name in (USER, PASSWORD) if name in environment)
    return urlunsplit(parts._replace(netloc=f"{secrets}@{parts.netloc}"))


def without_password(study: StudyConfig) -> StudyConfig:
    """The config as it may be written down: its tracking URI without user and password."""
    if study.tracking.uri is None or redacted(study.tracking.uri) == study.tracking.uri:
        return study
    tracking = study.tracking.model_copy(update={"uri": redacted(study.tracking.uri)})
    return study.model_copy(update={"tracking": tracking})
