"""A study's trials trained again from its record: the same hyperparameters, seed, data and threads, in a new place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.ledger.ledger import read_ledger
from search.ledger.state import StudyState, Trial
from search.preflight.inputs import prepare_inputs
from search.preflight.lineage import read_lineage
from search.session.constants import trial_constants
from search.show.console import console
from search.show.progress_bar import progress_bar
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.lineage import check_lineage
from search.study.provenance import versions
from trainables.data.samples import Split
from trainables.data.study_data import read_study_data
from trainables.errors import UserError
from trainables.worker import raw_trial

if TYPE_CHECKING:
    from trainables.worker.again import Again

SEED_STEP = 100_000  # between the seeds of a refit: trials of one study have neighbouring ones


@dataclass(frozen=True)
class Recorded:
    """A study as it is on record, from which its trials can be trained again."""

    study: StudyConfig
    layout: Layout
    state: StudyState

    @classmethod
    def at(cls, study: StudyConfig, folder: Path) -> Recorded:
        """The study in this folder. UserError where it has no ledger, or it is damaged."""
        layout = Layout(folder.parent.parent, folder.name)
        return cls(study, layout, read_ledger(layout.ledger_file)[1])

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """Train and val."""
        return read_study_data(self.layout.data_file)

    @cached_property
    def prepared(self) -> Mapping[str, Mapping[str, Any]]:
        """What each modality's trials are given; made anew where the caches are gone."""
        return prepare_inputs(self.study, self.splits, self.layout, console(stderr=True))

    def check_data(self) -> None:
        """Raises UserError with what has changed where train or val isn't what is on record, or a file is gone."""
        manifests = read_lineage(self.study, self.splits, None, self.layout).manifests
        check_lineage(self.layout.name, self.state.bound, self.layout.folder, manifests)

    def changed_versions(self) -> list[str]:
        """Packages that are others by now than when the study was begun, in words."""
        now = versions()
        return [
            f"{name} {before}, now {now.get(name, 'not installed')}"
            for name, before in self.state.versions.items()
            if now.get(name) != before
        ]

    def train(self, trial_id: str, epoch: int, into: Path, shift: int = 0) -> Again:
        """Train one trial to this epoch, in a folder below `into`; `shift`: which other seed it gets, 0: its own.

        UserError where it isn't on record, or ends before the epoch.
        """
        from trainables.worker.again import train_again

        raw = self._raw(self._trial(trial_id), into, shift)
        with progress_bar(trial_id) as after_epoch:
            return train_again(raw, epoch, after_epoch)

    def seed(self, trial_id: str, shift: int = 0) -> int:
        """What a trial's random numbers come from."""
        return self.study.seed + shift * SEED_STEP + self._trial(trial_id).number

    def _trial(self, trial_id: str) -> Trial:
        if trial_id not in self.state.trials:
            raise UserError(
                f"A trial must be on the study's record, but {trial_id!r} isn't in {self.layout.ledger_file}."
            )
        return self.state.trials[trial_id]

    def _raw(self, trial: Trial, into: Path, shift: int) -> dict[str, Any]:
        constants = trial_constants(self.study, trial.modality, self.layout, self.prepared[trial.modality])
        return {
            **constants,
            raw_trial.HYPERPARAMETERS: dict(trial.config),
            raw_trial.NUMBER: trial.number,
            raw_trial.SEED: self.study.seed + shift * SEED_STEP,
            raw_trial.FOLDER: str(into / trial.modality),
            raw_trial.CPUS: max(1, int(trial.attempts[-1].cpus)) if trial.attempts else 1,
            raw_trial.STOP_FILE: None,
            raw_trial.PIN: False,
        }
