"""Where a study's output lies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search.ledger.events import StudyCreated
from search.ledger.ledger import create_ledger
from search.study.config import StudyConfig
from trainables.data.files import new_folder
from trainables.errors import UserError
from trainables.names import DATA_FILE, LEDGER_FILE, OPTUNA_JOURNAL, STUDIES_FOLDER, STUDY_FILE, TRIALS_FILE

TRACKING_FILE = "mlflow.json"  # which MLflow run is this study's


@dataclass(frozen=True)
class Layout:
    """The paths of one study; `runs` is the root of all output."""

    runs: Path
    name: str

    @classmethod
    def of(cls, study: StudyConfig) -> Layout:
        """The paths that a study's config names."""
        return cls(study.runs, study.name)

    @property
    def folder(self) -> Path:
        """The study's own folder, complete in itself."""
        return self.runs / STUDIES_FOLDER / self.name

    @property
    def study_file(self) -> Path:
        """The whole study config, as it was resolved."""
        return self.folder / STUDY_FILE

    @property
    def data_file(self) -> Path:
        """The table of train and val."""
        return self.folder / DATA_FILE

    @property
    def ledger_file(self) -> Path:
        """The record from which everything else is computed."""
        return self.folder / LEDGER_FILE

    @property
    def stop_file(self) -> Path:
        """Its presence asks whoever runs the study to stop."""
        return self.folder / "stop"

    @property
    def trials_file(self) -> Path:
        """One line a trial that ended."""
        return self.folder / TRIALS_FILE

    @property
    def optuna_journal(self) -> Path:
        """Optuna's own record of the trials."""
        return self.folder / OPTUNA_JOURNAL

    @property
    def tracking_file(self) -> Path:
        """Which MLflow run is this study's."""
        return self.folder / TRACKING_FILE

    @property
    def caches(self) -> Path:
        """What is computed once for all studies, a folder a kind."""
        return self.runs / "cache"

    @property
    def mlflow_database(self) -> str:
        """MLflow's default tracking URI."""
        return f"sqlite:///{self.runs / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's default artifact root."""
        return self.runs / "artifacts"


def create_study_folder(
    layout: Layout, study_yaml: str, data: bytes, created: StudyCreated, files: Mapping[str, bytes] | None = None
) -> None:
    """Make the folder of a new study, whole or not at all.

    `data`: its packed table; `created`: its ledger's first event; `files`: what else lies in it, by name.
    """
    with new_folder(layout.folder) as temporary:
        (temporary / STUDY_FILE).write_text(study_yaml, "utf-8")
        (temporary / DATA_FILE).write_bytes(data)
        for name, content in (files or {}).items():
            (temporary / name).write_bytes(content)
        create_ledger(temporary / LEDGER_FILE, created, time.time())


def find_study(given: str, runs: Path) -> Path:
    """The folder of a study that was run, by its name or its folder; UserError with the names that exist."""
    for folder in (Path(given), runs / STUDIES_FOLDER / given):
        if (folder / STUDY_FILE).is_file() or (folder / LEDGER_FILE).is_file():
            return folder.absolute()
    known = sorted(path.parent.name for path in (runs / STUDIES_FOLDER).glob(f"[!.]*/{STUDY_FILE}"))
    raise UserError(
        f"STUDY must be a study that was run, by name, folder or YAML file, but got {given!r}. "
        f"There {'are' if len(known) > 1 else 'is'} {', '.join(known) or 'none'} under {runs / 'studies'}."
    )
