"""A run store in memory: what a tracker must do at the least, without a tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from search.exports.run_store import (
    CHANGING_TAGS,
    STUDY_KEY,
    TRIAL,
    UID,
    MetricPoint,
    ModelImage,
    RefusedError,
    RemoteRun,
    RunImage,
    RunStatus,
)


@dataclass
class HeldRun:
    """A run with all of its values and files."""

    run: RemoteRun
    name: str
    parent: str | None
    description: str = ""
    points: list[MetricPoint] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    models: dict[tuple[str, str], ModelImage] = field(default_factory=dict)


class MemoryStore:
    """The runs of one study among all that lie in `held`."""

    uri, experiment_id, readers = "memory:", "0", 1

    def __init__(self, uid: str, held: dict[str, HeldRun]) -> None:
        """`held`: by id; several stores may share it, as several processes share a server."""
        self._uid, self._held = uid, held

    def find(self, key: str) -> RemoteRun | None:
        """The least one by rank."""
        return min((run for run in self.find_all() if run.key == key), key=lambda run: run.rank, default=None)

    def find_all(self) -> list[RemoteRun]:
        """Copies: what a caller does to them changes nothing here."""
        return [_copy(one.run) for one in self._held.values() if one.run.tags.get(UID) == self._uid]

    def create(self, image: RunImage, parent: str | None) -> RemoteRun:
        """Its tags alone."""
        run_id, tags = f"run{len(self._held)}", dict(image.tags)
        run = RemoteRun(run_id, tags.get(TRIAL, STUDY_KEY), RunStatus.RUNNING, None, {}, tags)
        self._held[run_id] = HeldRun(run, image.name, parent)
        return _copy(run)

    def update(
        self, remote: RemoteRun, image: RunImage, points: Sequence[MetricPoint], parent: str | None = None
    ) -> bool:
        """Parameters that are there stay; only some tags ever go."""
        held = self._of(remote)
        before, description = _copy(held.run), held.description
        gone = {key for key in CHANGING_TAGS if key not in image.tags}
        held.run.params = {**image.params, **held.run.params}
        held.run.tags = {key: tag for key, tag in {**held.run.tags, **image.tags}.items() if key not in gone}
        held.run.data |= {(one.name, one.digest) for one in image.data}
        held.run.status, held.run.ended = image.status, image.ended
        held.parent, held.description = held.parent or parent, image.description
        self.log_points(remote, points)
        for name in vars(remote):
            setattr(remote, name, getattr(_copy(held.run), name))
        return before != held.run or description != held.description or bool(points)

    def conflicts(self, remote: RemoteRun, image: RunImage) -> list[str]:
        """Those with other values."""
        return [key for key, value in image.params.items() if remote.params.get(key, value) != value]

    def close_run(self, remote: RemoteRun, mark: str, ended: int) -> bool:
        """Once."""
        held = self._of(remote)
        if mark in held.run.tags and held.run.status != RunStatus.RUNNING:
            return False
        held.run.tags[mark] = "true"
        held.run.status, held.run.ended = RunStatus.STOPPED, ended
        return True

    def history(self, remote: RemoteRun, keys: Sequence[str]) -> list[MetricPoint]:
        """In the order in which they came."""
        return [point for point in self._of(remote).points if point.key in keys]

    def log_points(self, remote: RemoteRun, points: Sequence[MetricPoint]) -> None:
        """Those that aren't there."""
        held = self._of(remote)
        held.points += [point for point in dict.fromkeys(points) if point not in held.points]
        held.run.metrics |= {point.key: point.value for point in points}

    def put_files(self, remote: RemoteRun, files: Mapping[str, bytes]) -> bool:
        """Under their names."""
        held = self._of(remote)
        before = dict(held.files)
        held.files |= files
        return before != held.files

    def put_tables(self, remote: RemoteRun, tables: Mapping[str, bytes]) -> bool:
        """Files as any other."""
        return self.put_files(remote, tables)

    def put_model(self, remote: RemoteRun, model: ModelImage) -> bool:
        """By its key, once."""
        held = self._of(remote)
        before = dict(held.models)
        held.models.setdefault((model.name, model.key), model)
        return before != held.models

    def _of(self, remote: RemoteRun) -> HeldRun:
        if remote.run_id not in self._held:
            raise RefusedError(f"there is no run {remote.run_id}")
        return self._held[remote.run_id]


def _copy(run: RemoteRun) -> RemoteRun:
    return replace(run, params=dict(run.params), tags=dict(run.tags), data=set(run.data), metrics=dict(run.metrics))
