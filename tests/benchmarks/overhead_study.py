"""A study of one hyperparameter around the overhead benchmark's trial: real ledger, sampler, scheduler, projections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EPOCHS = 9


@dataclass
class MadeStudy:
    """A driver with all that listens to its ledger."""

    driver: object
    layout: object
    tracking: object

    def close(self) -> None:
        """The end is on record, and MLflow has everything."""
        self.driver.close()  # type: ignore[attr-defined]
        lag = self.tracking.close(timeout=300.0)  # type: ignore[attr-defined]
        assert lag.events_behind == 0, lag


def made_study(folder: Path, trials: int, at_once: int = 2, tracking_uri: str | None = None) -> MadeStudy:
    """A new study in `folder`, its session begun."""
    from search.decide.driver import StudyDriver
    from search.decide.terms import Limits, ModalitySearch, Resources
    from search.exports.listener import MlflowTracking
    from search.exports.optuna_journal import OptunaRecord
    from search.exports.trials_file import TrialsFile
    from search.ledger.events import SessionBegan, StudyCreated
    from search.ledger.ledger import Ledger, create_ledger
    from search.methods.sampler import Sampler
    from search.study.config import StudyConfig
    from search.study.folder import Layout

    space = {"backbone_learning_rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}}
    raw = {
        "name": "overhead",
        "data": {"train": "/", "val": "/"},
        "runs": str(folder),
        "tracking": {"uri": tracking_uri},
        "modalities": ["image"],
        "image": {"max_epochs": EPOCHS, "search": {"trials": trials, "space": space}},
    }
    study = StudyConfig.model_validate_json(json.dumps(raw), strict=True)
    layout = Layout.of(study)
    layout.folder.mkdir(parents=True)
    created = StudyCreated(study=study.model_dump(mode="json"), uid="u", data={}, versions={})
    create_ledger(layout.ledger_file, created, 0.0)
    ledger = Ledger(layout.ledger_file)
    section = study.image
    tracking = MlflowTracking(study, layout, ledger)
    ledger.listeners += [TrialsFile(layout.trials_file), OptunaRecord(layout.optuna_journal, study), tracking]
    ledger.append(SessionBegan("here", 1))

    def fits(running: Mapping[str, int], modality: str) -> bool:
        return sum(running.values()) < at_once

    search = ModalitySearch(
        modality="image",
        trials=trials,
        points=[],
        own=section.fixed(),
        searched=list(section.search.space),
        sampler=Sampler(
            section.search.space, method=section.search.method, seed=0, startup_trials=10, parallel=at_once > 1
        ),
        scheduler=section.scheduler_for(),
        resources=Resources(1, 0),
        objective=lambda best: [best.val_accuracy],
    )
    return MadeStudy(StudyDriver([search], ledger, Limits(), fits=fits), layout, tracking)
