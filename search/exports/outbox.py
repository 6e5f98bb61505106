"""The ledger is the outbox: what a run store may lack is sent, and a cursor kept of how far that went."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from search.exports.cursor import Cursor, read_cursor, write_cursor
from search.exports.kept_results import read_verdict
from search.exports.run_images import Projection
from search.exports.run_store import STUDY_KEY, RefusedError, RemoteRun, RunStore
from search.exports.study_files import study_files
from search.ledger.events import Event, SessionEnded, StudyChanged, StudyCreated
from search.ledger.ledger import read_ledger
from search.study.folder import Layout

FILES_KEY = "files"  # the study's files among the keys of what is to be sent, after all runs
ROUND_SECONDS = 1.0  # how often at most the cursor is written while much is sent


class Shipper:
    """Sends one study's events to one store. No thread of its own; one thread at a time may use it."""

    def __init__(self, layout: Layout, uri: str, uid: str, open_store: Callable[[], RunStore]) -> None:
        """`open_store` connects; it is called when there is something to send."""
        self._layout, self._open_store = layout, open_store
        self.cursor: Cursor = read_cursor(layout.tracking_file, uri, uid)
        self._store: RunStore | None = None
        self._projection = Projection(verdict=read_verdict(layout.folder))
        self._stale = True  # events are missing that the ledger has
        self._pending: dict[str, tuple[int, float]] = {}  # by run: the first event that it lacks, and its time
        self._sent: dict[str, int] = {}  # steps of each run's metrics
        self._remote: dict[str, RemoteRun] = {}

    @property
    def behind_since(self) -> float | None:
        """When the oldest event that the store lacks was recorded, as far as they were taken."""
        return min((at for _, at in self._pending.values()), default=None)

    @property
    def pending(self) -> bool:
        """Whether there is anything to send."""
        return self._stale or bool(self._pending)

    def take(self, event: Event) -> None:
        """An event that is on record; one that comes before others are known is read from the ledger later."""
        next_seq = self._projection.state.next_seq
        if event.seq == next_seq and not self._stale:
            self._apply(event)
        elif event.seq >= next_seq:
            self._stale = True

    def _apply(self, event: Event) -> None:
        keys = self._projection.apply(event)
        if event.seq < self.cursor.next_seq:
            return
        if isinstance(event.body, StudyCreated | StudyChanged | SessionEnded):
            keys = [*keys, FILES_KEY]
        for key in keys:
            self._pending.setdefault(key, (event.seq, event.at))

    def _catch_up(self) -> None:
        """Read what the ledger has beyond what is known."""
        events, _ = read_ledger(self._layout.ledger_file)
        if self.cursor.next_seq > len(events):  # the ledger was put back from a backup
            self.cursor = replace(self.cursor, next_seq=0)
        known = self._projection.state.next_seq
        for event in events[known:]:
            if known == 0 and event.seq == self.cursor.next_seq:
                self._remember_sent()
            self._apply(event)
        if known == 0 and self.cursor.next_seq == len(events):
            self._remember_sent()
        self._stale = False

    def _remember_sent(self) -> None:
        self._sent = {key: self._projection.steps(key) for key in self._projection.keys}

    def end(self) -> None:
        """No session runs any more, whatever the ledger says: nothing is left running."""
        if self._stale:
            self._catch_up()
        projection = self._projection
        projection.alive = False
        if projection.state.outcome is None:
            for key in (STUDY_KEY, *projection.open_trials()):
                self._pending.setdefault(key, (projection.state.next_seq, projection.state.last_at))

    def ship(self) -> None:
        """Send all that is known to be lacking. Raises the last error, after everything else was tried."""
        if self._stale:
            self._catch_up()
        if not self._pending:
            return
        self._store = self._store or self._open_store()
        while self._pending:
            try:
                self._send_round(self._store)
            finally:
                self._save(self.cursor.error)
        self._save(None)

    def _send_round(self, store: RunStore) -> None:
        refused: Exception | None = None
        saved = time.monotonic()
        for key in sorted(self._pending, key=lambda key: (key == FILES_KEY, key != STUDY_KEY)):
            try:
                self._send(store, key)
                self._pending.pop(key, None)
            except RefusedError as error:  # this run; the others may be taken
                self._remote.pop(key, None)
                refused = error
            if time.monotonic() - saved > ROUND_SECONDS:
                self._save(self.cursor.error)
                saved = time.monotonic()
        if refused is not None:
            raise refused

    def _send(self, store: RunStore, key: str) -> None:
        if key == FILES_KEY:
            # Where artifacts can't be written, metrics go on all the same; files are sent again at the session's end.
            del self._pending[FILES_KEY]
            store.put_files(self._run(store, STUDY_KEY), study_files(self._projection.state))
            return
        remote = self._run(store, key)
        image = self._projection.image(key, self._sent.get(key, 0))
        store.update(remote, image, image.points, self._parent(store, key))
        self._sent[key] = self._projection.steps(key)

    def _parent(self, store: RunStore, key: str) -> str | None:
        return None if key == STUDY_KEY else self._run(store, STUDY_KEY).run_id

    def _run(self, store: RunStore, key: str) -> RemoteRun:
        """The run of a key: known, found by its tags, or made."""
        if key not in self._remote:
            found = store.find(key)
            if found is None:
                found = store.create(self._projection.image(key), self._parent(store, key))
                self._sent[key] = 0
                if key == STUDY_KEY:
                    self._send_everything()
            self._remote[key] = found
        return self._remote[key]

    def _send_everything(self) -> None:
        """The store has nothing of the study, perhaps no more: whatever the cursor says, all is to be sent."""
        self._sent = {}
        for key in (*self._projection.keys, FILES_KEY):
            self._pending.setdefault(key, (0, self._projection.state.created))

    def failed(self, reason: str) -> None:
        """Keep for other processes why the store doesn't take anything."""
        if reason != self.cursor.error:
            self._save(reason)

    def _save(self, reason: str | None) -> None:
        next_seq = self._projection.state.next_seq
        next_seq = min((seq for key, (seq, _) in self._pending.items() if key != FILES_KEY), default=next_seq)
        if self._stale:
            next_seq = min(next_seq, self.cursor.next_seq)
        parent = self._remote.get(STUDY_KEY)
        cursor = replace(
            self.cursor,
            next_seq=next_seq,
            experiment_id=self._store.experiment_id if self._store else self.cursor.experiment_id,
            run_id=parent.run_id if parent else self.cursor.run_id,
            error=reason,
        )
        if cursor != self.cursor:
            self.cursor = cursor
            write_cursor(self._layout.tracking_file, cursor)
