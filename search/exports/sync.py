"""A store is made to hold exactly what the ledger holds, whatever happened to it before."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from search.exports.addresses import redacted
from search.exports.analysis_results import send_results
from search.exports.cursor import Cursor, tracking_uri, with_credentials, write_cursor
from search.exports.kept_results import read_verdict
from search.exports.listener import error_text, store_opener
from search.exports.registered_model import read_model
from search.exports.run_images import Projection
from search.exports.run_store import (
    DUPLICATE,
    ORPHAN,
    STUDY_KEY,
    MetricPoint,
    RefusedError,
    RemoteRun,
    RunImage,
    RunStore,
)
from search.exports.study_files import study_files
from search.ledger.ledger import read_ledger
from search.study.folder import Layout
from search.study.lock import holder_of
from search.study.yaml_file import recorded_study
from trainables.errors import UserError

PASSES = 3  # the last one finds nothing to do; a store that never agrees is said to differ


@dataclass
class SyncResult:
    """What a store lacked, and what it holds now."""

    uri: str  # without user and password
    experiment_id: str = ""
    run_id: str = ""  # the study's
    trials: int = 0
    created: list[str] = field(default_factory=list)  # keys of runs
    changed: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)  # ids of runs that were marked and closed
    orphans: list[str] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)  # names of models that the registry lacked
    problems: list[str] = field(default_factory=list)  # what can't be put right
    agrees: bool = False  # a last look found every run, parameter, metric, tag and status as the ledger has it

    @property
    def unchanged(self) -> bool:
        """Whether nothing was to be done."""
        return not (self.created or self.changed or self.duplicates or self.orphans or self.registered)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "unchanged": self.unchanged}


def sync(study_folder: Path, uri: str | None = None) -> SyncResult:
    """Send what the store lacks and look whether it agrees; a second time nothing changes.

    `uri`: another store than the study's own, which gets everything. Raises UserError where the ledger can't be read or
    the store doesn't take it; what it took by then stays, and the next time goes on from there.
    """
    layout = Layout(study_folder.absolute().parents[1], study_folder.absolute().name)
    study = recorded_study(layout.folder)
    own = tracking_uri(study, layout)
    target = own if uri is None else with_credentials(uri, os.environ)
    result = SyncResult(redacted(target))
    uid = read_ledger(layout.ledger_file)[1].uid
    try:
        store = store_opener(target, study, layout, uid)()
        result.experiment_id = store.experiment_id
        for _ in range(PASSES):
            if not _pass(store, layout, result):
                result.agrees = not result.problems
                break
    except UserError:
        raise
    except Exception as error:  # MLflow and its stores raise errors of many libraries
        raise UserError(
            f"MLflow must be reachable to be given the record, but {redacted(target)} isn't, or didn't take all of it "
            f"({error_text(error, target)}): start its server, see that MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD are right where it asks for them, and run it again."
        ) from error
    return result


def _pass(store: RunStore, layout: Layout, result: SyncResult) -> bool:
    """Compare everything once and put it right; whether anything was to be done."""
    remotes = store.find_all()  # before the ledger: a run's trial is on record before the run is made
    events, state = read_ledger(layout.ledger_file)
    running = holder_of(layout) is not None
    work = _Pass(store, Projection(events, alive=running, verdict=read_verdict(layout.folder)), result, frozen=running)
    result.problems = []
    chosen = work.choose(remotes)
    did = work.put_right(chosen)
    did |= work.put_files(layout)
    did |= work.put_model(layout)
    if not running:
        _keep_cursor(layout, store, result, state.uid, len(events))
    return did or work.closed


class _Pass:
    def __init__(self, store: RunStore, projection: Projection, result: SyncResult, *, frozen: bool) -> None:
        """`frozen`: a session runs, and it alone says how its runs stand."""
        self._store, self._projection, self._result, self._frozen = store, projection, result, frozen
        self._parent: RemoteRun | None = None
        self.closed = False

    def choose(self, remotes: Sequence[RemoteRun]) -> dict[str, RemoteRun]:
        """One run a key; the others are closed."""
        keys, chosen = set(self._projection.keys), dict[str, RemoteRun]()
        for remote in sorted(remotes, key=lambda one: one.rank):
            if remote.key not in keys:
                self._close(remote, ORPHAN, self._result.orphans)
            elif remote.key in chosen or DUPLICATE in remote.tags:
                self._close(remote, DUPLICATE, self._result.duplicates)
            else:
                chosen[remote.key] = remote
        return chosen

    def _close(self, remote: RemoteRun, mark: str, said: list[str]) -> None:
        if self._store.close_run(remote, mark, int(time.time() * 1000)):
            said.append(remote.run_id)
            self.closed = True

    def put_right(self, chosen: dict[str, RemoteRun]) -> bool:
        """Every run as the ledger has it; whether anything was to be done."""
        images = [self._projection.image(key) for key in self._projection.keys]
        self._result.trials = len(images) - 1
        with ThreadPoolExecutor(self._store.readers) as pool:
            histories = list(pool.map(lambda image: self._history(chosen.get(image.key), image), images))
        did = [self._one(image, chosen.get(image.key), there) for image, there in zip(images, histories, strict=True)]
        return any(did)

    def _history(self, remote: RemoteRun | None, image: RunImage) -> list[MetricPoint]:
        keys = list(dict.fromkeys(point.key for point in image.points))
        return self._store.history(remote, keys) if remote is not None and keys else []

    def _one(self, image: RunImage, remote: RemoteRun | None, there: Sequence[MetricPoint]) -> bool:
        parent = self._parent.run_id if self._parent is not None else None
        made = remote is None
        if remote is None:
            remote = self._store.create(image, parent)
            self._result.created.append(image.key or "study")
        elif self._frozen:
            image = replace(image, status=remote.status, ended=remote.ended)
        if image.key == STUDY_KEY:
            self._parent = remote
            self._result.run_id = remote.run_id
        self._find_problems(image, remote, there)
        known = set(there)
        changed = self._store.update(remote, image, [point for point in image.points if point not in known], parent)
        if changed and not made and (image.key or "study") not in self._result.changed:
            self._result.changed.append(image.key or "study")
        return changed or made

    def _find_problems(self, image: RunImage, remote: RemoteRun, there: Sequence[MetricPoint]) -> None:
        """What the store doesn't let anyone take back."""
        name = image.key or "the study"
        other = self._store.conflicts(remote, image)
        if other:
            self._result.problems.append(f"{name}: parameters have other values in MLflow: {', '.join(sorted(other))}")
        extra = len(set(there) - set(image.points))
        if extra and not self._frozen:
            self._result.problems.append(f"{name}: {extra} values of metrics in MLflow aren't on record")

    def put_files(self, layout: Layout) -> bool:
        """The study's files and what the analysis found."""
        assert self._parent is not None  # noqa: S101  # the study's run comes first
        did = self._store.put_files(self._parent, study_files(self._projection.state))
        did |= send_results(self._store, self._parent, layout.folder)
        if did and "study" not in (*self._result.created, *self._result.changed):
            self._result.changed.append("study")
        return did

    def put_model(self, layout: Layout) -> bool:
        """The model of a study that was tested and wants one registered, in the registry."""
        assert self._parent is not None  # noqa: S101  # likewise
        model = read_model(layout.folder)
        if model is None or recorded_study(layout.folder).registered_model is None:
            return False
        try:
            if not self._store.put_model(self._parent, model):
                return False
        except RefusedError as error:
            self._result.problems.append(f"the model {model.name}: {error}")
            return False
        self._result.registered.append(model.name)
        return True


def _keep_cursor(layout: Layout, store: RunStore, result: SyncResult, uid: str, events: int) -> None:
    """The study's own store has everything now."""
    study = recorded_study(layout.folder)
    if redacted(store.uri) != redacted(tracking_uri(study, layout)):
        return
    cursor = Cursor(redacted(store.uri), uid, events, store.experiment_id, result.run_id)
    write_cursor(layout.tracking_file, cursor)
