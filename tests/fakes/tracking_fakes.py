"""Ledgers of made-up studies, and what MLflow holds compared with them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from search_fakes import epoch, searching, study

from search.exports.cursor import lag_of, without_password
from search.exports.mlflow import runs as mlflows
from search.exports.run_images import Projection
from search.exports.run_store import DUPLICATE, STUDY_KEY, TRIAL, UID
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    Noted,
    SessionBegan,
    SessionEnded,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import Lag, Ledger, read_ledger
from search.ledger.state import Outcome
from search.study.config import StudyConfig
from search.study.folder import Layout, create_study_folder
from search.study.yaml_file import dump_study
from trainables.records import StopReason, best_epoch

FACTS = {"samples": 10, "digest": "ab" * 32, "classes": ["Blue", "Green"]}
DATA = {"train": FACTS, "val": {**FACTS, "samples": 4, "digest": "cd" * 32}}


def new_study(folder: Path, **changes: Any) -> tuple[StudyConfig, Layout, Ledger]:
    """A study with its folder and its ledger, whose clock counts seconds."""
    config = study(folder, **{"image": searching(), "description": "What it is for.", **changes})
    shown, layout = without_password(config), Layout.of(config)
    created = StudyCreated(
        study=shown.model_dump(mode="json"), data=DATA, versions={}, commit="c0ffee", uid=f"uid-{folder.name}"
    )
    create_study_folder(layout, dump_study(shown), b"", created)
    return config, layout, open_ledger(layout)


def open_ledger(layout: Layout) -> Ledger:
    """The ledger, opened for writing; its time goes on from where it was."""
    times = iter(range(int(read_ledger(layout.ledger_file)[1].last_at) + 1, 2**40))
    return Ledger(layout.ledger_file, clock=lambda: float(next(times)))


def lag(layout: Layout, uri: str) -> Lag:
    """How far behind the store is, as another process sees it."""
    return lag_of(layout, *read_ledger(layout.ledger_file), uri)


def begin(ledger: Ledger) -> None:
    """A session begins."""
    ledger.append(SessionBegan("here", 7))


def end(ledger: Ledger, outcome: str = "finished") -> None:
    """It ends."""
    ledger.append(SessionEnded(Outcome(outcome)))


def create(ledger: Ledger, number: int, **config: Any) -> str:
    """A trial that waits."""
    trial_id = f"image_{number:03d}"
    values = {"batch_size": 32, "head_learning_rate": 0.001, "head_widths": [512, 256], "weights": None, **config}
    params = {key: values[key] for key in ("head_learning_rate", "batch_size", "head_widths")}
    ledger.append(TrialCreated(number, "image", params, values, inside=True), trial_id)
    return trial_id


def attempt(ledger: Ledger, trial_id: str, accuracies: Sequence[float]) -> None:
    """An attempt with these epochs, left running."""
    ledger.append(AttemptBegan(1, 0.5), trial_id)
    for accuracy in accuracies:
        done = ledger.state.trials[trial_id].epochs
        best = best_epoch((*done, epoch(len(done) + 1, accuracy)))
        assert best is not None
        result = epoch(len(done) + 1, accuracy, best.val_accuracy, best.epoch)
        ledger.append(EpochEnded(result, worker=f"here {len(done)}"), trial_id)


def finish(ledger: Ledger, trial_id: str, reason: str, **more: Any) -> None:
    """Its attempt and the trial end."""
    if ledger.state.trials[trial_id].running:
        ledger.append(AttemptEnded(StopReason(reason), more.get("error")), trial_id)
    ledger.append(TrialEnded(StopReason(reason), **more), trial_id)


def whole_trial(
    ledger: Ledger,
    number: int,
    accuracies: Sequence[float],
    reason: str,
    config: Mapping[str, Any] | None = None,
    **more: Any,
) -> str:
    """A trial from its creation to its end."""
    trial_id = create(ledger, number, **(config or {}))
    attempt(ledger, trial_id, accuracies)
    finish(ledger, trial_id, reason, **more)
    return trial_id


def live(ledger: Ledger, seed: int, trials: int = 8) -> None:
    """A session in which trials of all kinds run two at a time; those left over from before go on first."""
    draw = random.Random(seed)
    begin(ledger)
    for trial in [trial for trial in ledger.state.trials.values() if not trial.over]:
        attempt(ledger, trial.trial_id, [draw.random()])
        finish(ledger, trial.trial_id, "completed", checkpoint=f"image/{trial.trial_id}/best", digests={"a": "b"})
    first = len(ledger.state.trials)
    for number in range(first, first + trials, 2):
        pair = [create(ledger, number), create(ledger, number + 1)]
        for trial_id in pair:
            attempt(ledger, trial_id, [draw.random() for _ in range(draw.randint(0, 4))])
        ledger.append(Noted("A batch of 32 didn't fit."), pair[0])
        for trial_id in pair:
            reason = draw.choice(["completed", "pruned", "diverged", "failed", "lost", "oom"])
            error = "Traceback\nValueError: no" if reason == "failed" else None
            finish(ledger, trial_id, reason, error=error)


def assert_holds(uri: str, layout: Layout, *, alive: bool = False, experiment: str = "binwise") -> dict[str, Run]:
    """The store has exactly what the ledger has: each run once, every parameter, tag, status and value; the runs."""
    events, state = read_ledger(layout.ledger_file)
    projection, client = Projection(events, alive=alive), MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    every = client.search_runs([found.experiment_id], f"tags.`{UID}` = '{state.uid}'", max_results=1000)
    runs = {run.data.tags.get(TRIAL, STUDY_KEY): run for run in every if not run.data.tags.get(DUPLICATE)}
    assert sorted(runs) == sorted(projection.keys)
    assert len(every) == len(runs) + sum(DUPLICATE in run.data.tags for run in every)
    for key in projection.keys:
        image, run = projection.image(key), runs[key]
        assert (run.info.status, run.data.params) == (mlflows.STATUS_OF[image.status], mlflows.params_of(image)), key
        parent = runs[STUDY_KEY].info.run_id if key != STUDY_KEY else None
        foreign = ("mlflow.runName", "mlflow.user", "binwise.files")
        tags = {k: v for k, v in run.data.tags.items() if k not in foreign}
        assert tags == mlflows.tags_of(image, parent), key
        assert {mlflows.name_and_digest(one) for one in run.inputs.dataset_inputs} == {
            mlflows.name_and_digest(one) for one in mlflows.data_of(image)
        }
        names = run.data.metrics if key != STUDY_KEY else {point.key for point in image.points}
        points = [m for name in names for m in client.get_metric_history(run.info.run_id, name)]
        held = Counter((m.key, m.value, m.timestamp, m.step) for m in points)
        assert held == Counter((p.key, p.value, p.timestamp, p.step) for p in image.points), key
    return runs
