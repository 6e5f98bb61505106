"""A tracker as the exports see it: a store of runs that are found again by their keys and made to hold an image each.

Nothing here is a tracker's own word: statuses, tags of its own and limits of texts are the store's business. A further
tracker is a class with these methods that passes `tests/search/exports/test_run_store_conformance.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from trainables.names import STOP_REASON

STUDY_KEY = ""  # the study's own run among the keys of runs; the others are trial ids
KIND, UID, TRIAL = "binwise.kind", "binwise.study_uid", "binwise.trial"  # tags by which runs are found again
DUPLICATE, ORPHAN = "binwise.duplicate", "binwise.orphan"  # tags of runs that are closed, as they are no trial's
CHANGING_TAGS = frozenset(
    {STOP_REASON, "error", "notes", "worker", "checkpoint", "binwise.checkpoint_digest", "outcome"}
)  # tags that may have to go again


class RefusedError(Exception):
    """The store is there, but it won't take this run as it is: deleted, or changed by someone else."""


class RunStatus(StrEnum):
    """How a run stands, in no store's own words."""

    RUNNING = "running"
    FINISHED = "finished"  # it came to its own end
    STOPPED = "stopped"  # from outside: pruned, interrupted, out of time
    FAILED = "failed"


@dataclass(frozen=True)
class MetricPoint:
    """One value of a metric. Sent twice it is the same: its time is the ledger's."""

    key: str
    value: float
    timestamp: int  # milliseconds since 1970
    step: int


@dataclass(frozen=True)
class DataInput:
    """A split that a run learned from."""

    name: str
    digest: str  # of its content, the beginning
    context: str  # the split's name
    uri: str  # where it lies
    columns: tuple[tuple[str, str], ...]  # names with their types
    samples: int
    classes: int


@dataclass(frozen=True)
class RunImage:
    """What one run is to hold."""

    key: str
    name: str
    started: int  # milliseconds since 1970
    status: RunStatus
    ended: int | None  # milliseconds; None while it runs
    params: Mapping[str, str]
    tags: Mapping[str, str]
    description: str  # Markdown
    commit: str | None  # of the code
    points: tuple[MetricPoint, ...]
    data: tuple[DataInput, ...]


@dataclass(frozen=True)
class ModelImage:
    """What the registry of models is to hold of a tested study."""

    name: str  # under which its versions stand
    key: str  # of this very model: the digest of the selection
    bundle: Path  # its folder, as `binwise export` writes it
    kinds: Mapping[str, str]  # modality -> what its items are: pictures or captions
    tags: Mapping[str, str]
    description: str  # Markdown
    example: Mapping[str, str]  # an input by modality; a picture in base64


@dataclass
class RemoteRun:
    """A run as the store has it."""

    run_id: str
    key: str
    status: RunStatus
    ended: int | None  # milliseconds; an earlier end may be left of one that runs again
    params: dict[str, str]
    tags: dict[str, str]
    data: set[tuple[str, str]] = field(default_factory=set)  # names and digests
    metrics: dict[str, float] = field(default_factory=dict)  # the latest of each

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """Which of several runs of one trial is it: the least one; the same for every process."""
        return DUPLICATE in self.tags, -len(self.metrics), -len(self.tags), self.run_id


class RunStore(Protocol):
    """The runs of one study. Every call may be made again: nothing is there twice.

    Calls raise RefusedError where the store won't take one run, and errors of many libraries where it doesn't work.
    """

    @property
    def uri(self) -> str:
        """Where it is; user and password may be in it."""

    @property
    def experiment_id(self) -> str:
        """Under what its runs are listed."""

    @property
    def readers(self) -> int:
        """How many threads may ask for histories at once."""

    def find(self, key: str) -> RemoteRun | None:
        """The run of a trial, or of the study; of several the one that every process would take."""

    def find_all(self) -> list[RemoteRun]:
        """Every run of the study, duplicates too."""

    def create(self, image: RunImage, parent: str | None) -> RemoteRun:
        """A run with the tags by which it is found again, in one call. `parent`: the study's run, of a trial."""

    def update(
        self, remote: RemoteRun, image: RunImage, points: Sequence[MetricPoint], parent: str | None = None
    ) -> bool:
        """Make the run what the image says, its metrics by `points`; whether anything was to be done."""

    def conflicts(self, remote: RemoteRun, image: RunImage) -> list[str]:
        """Keys of parameters that have other values there, which the store lets nobody change."""

    def close_run(self, remote: RemoteRun, mark: str, ended: int) -> bool:
        """Mark a run that isn't a trial's, by DUPLICATE or ORPHAN, and end it; whether anything was to be done."""

    def history(self, remote: RemoteRun, keys: Sequence[str]) -> list[MetricPoint]:
        """All values of these metrics that the run has."""

    def log_points(self, remote: RemoteRun, points: Sequence[MetricPoint]) -> None:
        """Further metrics of a run."""

    def put_files(self, remote: RemoteRun, files: Mapping[str, bytes]) -> bool:
        """Files of a run by name; whether any wasn't there as it is."""

    def put_tables(self, remote: RemoteRun, tables: Mapping[str, bytes]) -> bool:
        """Tables of a run by name, JSON with `columns` and `data`; whether any wasn't there as it is."""

    def put_model(self, remote: RemoteRun, model: ModelImage) -> bool:
        """A run's model, registered once, as the one to be used from then on; whether anything was to be done."""
