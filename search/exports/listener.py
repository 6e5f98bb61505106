"""The study's listener for MLflow: a queue and a thread of its own, so that a store can't cost a study anything."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from search.exports.addresses import first_line, root_of, without_secrets
from search.exports.cursor import tracking_uri
from search.exports.outbox import Shipper
from search.exports.run_store import RunStore
from search.ledger.events import Event
from search.ledger.ledger import Lag, Ledger
from search.ledger.state import StudyState
from search.study.config import StudyConfig
from search.study.folder import Layout

FLUSH_SECONDS, FLUSH_EVENTS = 1.0, 200
FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0  # seconds between attempts while a store doesn't work
log = logging.getLogger("binwise.tracking")


class MlflowTracking:
    """Hears the ledger's events and has them sent. Nothing but `close` ever waits."""

    def __init__(self, study: StudyConfig, layout: Layout, ledger: Ledger, *, start: bool = True) -> None:
        """`study` as it was given at this start: its tracking URI may hold a password. `start`: the thread."""
        self._uri = tracking_uri(study, layout)
        self._name = study.name
        uid = ledger.state.uid
        self._shipper = Shipper(layout, self._uri, uid, store_opener(self._uri, study, layout, uid))
        self._queue: queue.Queue[Event | None] = queue.Queue()
        self._heard, self._heard_at = ledger.state.next_seq, ledger.state.last_at
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        if start:
            self._thread.start()

    def heard(self, event: Event, state: StudyState) -> None:
        """Put it into the queue; the state is the driver's, and isn't looked at from the thread."""
        self._heard, self._heard_at = event.seq + 1, event.at
        self._queue.put(event)

    def lag(self) -> Lag:
        """How far MLflow is behind. Touches neither the disk nor the network."""
        behind = max(0, self._heard - self._shipper.cursor.next_seq)
        if not behind:
            return Lag(0, 0.0, self._error)
        since = self._shipper.behind_since
        return Lag(behind, max(0.0, time.time() - (self._heard_at if since is None else since)), self._error)

    def close(self, timeout: float = 30.0) -> Lag:
        """Wait for the rest as long as it gets on, at most `timeout` seconds; what is left can be sent later."""
        if self._thread.ident is not None:
            self._queue.put(None)
            self._thread.join(timeout)
        lag = self.lag()
        if lag.events_behind:
            reason = f" ({lag.last_error})" if lag.last_error else ""
            log.warning(
                "MLflow lacks %d events of the study%s; `binwise sync %s` sends them.",
                lag.events_behind,
                reason,
                self._name,
            )
        return lag

    def _run(self) -> None:
        delay, closing = 0.0, False
        while not closing:
            closing = self._take(delay or FLUSH_SECONDS, None if delay else FLUSH_EVENTS)
            try:
                if closing:
                    self._shipper.end()
                self._shipper.ship()
                delay, self._error = 0.0, None
            except Exception as error:  # MLflow and its stores raise errors of many libraries
                delay = min(LONGEST_DELAY, max(FIRST_DELAY, 2 * delay))
                self._error = error_text(error, self._uri)
                self._note_failure()

    def _note_failure(self) -> None:
        try:
            self._shipper.failed(self._error or "")
        except Exception:  # a full disk: the reason is in `lag` all the same
            log.debug("The cursor couldn't be written.", exc_info=True)

    def _take(self, seconds: float, limit: int | None) -> bool:
        """Move events from the queue to the shipper, for so long or so many; whether the study closes."""
        deadline = None if not self._shipper.pending else time.monotonic() + seconds
        taken = 0
        while (limit is None or taken < limit) and (deadline is None or taken == 0 or time.monotonic() < deadline):
            try:
                event = self._queue.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return False
            if event is None:
                return True
            self._shipper.take(event)
            taken += 1
            deadline = time.monotonic() + seconds if deadline is None else deadline
        return False


def store_opener(uri: str, study: StudyConfig, layout: Layout, uid: str) -> Callable[[], RunStore]:
    """Connects to a store of the study; MLflow is imported then."""

    def opened() -> RunStore:
        from search.exports.mlflow.store import MlflowStore

        return MlflowStore(uri, study.tracking.experiment, layout.mlflow_artifacts, uid)

    return opened


def error_text(error: BaseException, uri: str) -> str:
    """An error in one line, without the store's password."""
    root = root_of(error)
    return without_secrets(f"{type(root).__name__}: {first_line(root)}", uri)
