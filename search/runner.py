"""A study config -> one search over all its modalities, begun or gone on with, and what it left."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from search.cluster import cluster_nodes, ray_cluster, restart_ray
from search.driver import Limits, ModalitySearch, Resources, StudyDriver
from search.executor import run_attempts
from search.layout import Layout
from search.ledger.events import Kind, Outcome
from search.ledger.ledger import Ledger
from search.ledger.state import Trial
from search.lock import study_lock
from search.methods.sampler import Sampler
from search.methods.stopping import make_stopping
from search.opening import How, continued, found_state, is_over, open_study, remove_study
from search.preflight import Preflight, Share, check_resources, larger_share, preflight
from search.projections import OptunaRecord, TrialsFile, rebuild
from search.provenance import versions
from search.stop_request import StopRequest
from search.study import StudyConfig, budget_seconds
from search.tracking import MlflowTracking, without_password
from search.view import make_view
from trainables import tune_adapter
from trainables.checkpoint import drop_states, restore_replaced
from trainables.records import BEST_FOLDER, MANIFEST_FILE, VAL_ACCURACY, EpochResult, UserError

CRASHES = 3  # of Ray or Tune without an event between them, before the study gives up
DONE = (Outcome.FINISHED, Outcome.TARGET, Outcome.TIME_BUDGET)  # ends after which the analysis may begin


@dataclass(frozen=True)
class SearchOutcome:
    """What a search left."""

    folder: Path
    outcome: Outcome
    detail: str | None
    signal: int | None  # that stopped it
    ended: int  # trials
    planned: int


def run_search(
    study: StudyConfig, console: Console, how: How | None = None, *, replace_old: bool = False, as_json: bool = False
) -> SearchOutcome:
    """Run a study's search to its end, from its beginning or from wherever it was left.

    Raises UserError: anything that can be known before the first trial; the study is there and wasn't to be gone on
    with; its record is damaged; another process runs it; the disk is full.
    """
    how, layout = how or How(), Layout.of(study)
    with study_lock(layout):
        if replace_old:
            remove_study(layout)
        state = found_state(layout)
        study = continued(study, state, how)
        if state is not None and is_over(study, state):
            console.print(f"{study.name}: the search is over; --more N extends it", highlight=False, markup=False)
            ended = sum(trial.over for trial in state.trials.values())
            return SearchOutcome(layout.folder, state.outcome or Outcome.FINISHED, None, None, ended, ended)
        with ray_cluster(study.cluster.address):
            nodes = cluster_nodes()
            check_resources(study, nodes)
            checked = preflight(study, layout, nodes, console)
            shown = without_password(study)
            ledger = open_study(study, layout, checked.splits, how, shown_study=shown)
            try:
                return Session(study, layout, checked, ledger, console, as_json).run()
            finally:
                ledger.close()


class Session:
    """One life of a study's driver."""

    def __init__(
        self, study: StudyConfig, layout: Layout, checked: Preflight, ledger: Ledger, console: Console, as_json: bool
    ) -> None:
        self._study, self._layout, self._checked = study, layout, checked
        self._ledger, self._console, self._as_json = ledger, console, as_json

    def run(self) -> SearchOutcome:
        """Until the study is over or stopped."""
        ledger, layout, study = self._ledger, self._layout, self._study
        for note in ledger.notes:
            self._console.print(note, highlight=False, markup=False)
        stop = StopRequest(layout.stop_file)
        rebuild(layout.folder, study)
        tracking = MlflowTracking(study, layout, ledger)
        view = make_view(self._console, study, ledger, as_json=self._as_json, lag=tracking.lag)
        ledger.listeners += [TrialsFile(layout.trials_file), OptunaRecord(layout.optuna_journal, study), tracking, view]
        detail, outcome = None, Outcome.FAILED
        try:
            with stop.signals():
                shares = {modality: asdict(share) for modality, share in self._checked.shares.items()}
                ledger.append(
                    Kind.SESSION_BEGAN, host=socket.gethostname(), pid=os.getpid(), versions=versions(), shares=shares
                )
                driver = self._driver()
                view.rungs = lambda modality: driver.searches[modality].stopping.rungs()
                self._work(driver, stop)
                outcome, detail = driver.close(), driver.stop.detail if driver.stop else None
        except OSError as error:
            raise self._disk_full(error) from error
        finally:
            view.close()
            tracking.close(timeout=5.0 if stop.signal is not None else 30.0)
            layout.stop_file.unlink(missing_ok=True)
        rebuild(layout.folder, study)
        ended = sum(trial.over for trial in ledger.state.trials.values())
        planned = sum(study.section(modality).trial_count() for modality in study.modalities)
        return SearchOutcome(layout.folder, outcome, detail, stop.signal, ended, planned)

    def _driver(self) -> StudyDriver:
        study, shares = self._study, self._checked.shares
        limits = Limits(
            retries=study.failures.retries,
            in_a_row=study.failures.in_a_row,
            seconds=None if study.time_budget is None else budget_seconds(study.time_budget),
        )
        return StudyDriver(
            [modality_search(study, modality, shares[modality], self._ledger) for modality in study.modalities],
            self._ledger,
            limits,
            fits=self._checked.fits,
            larger=self._larger,
            checkpoint_of=lambda trial, over: checkpoint_of(self._layout.folder, trial, over=over),
        )

    def _larger(self, modality: str, resources: Resources) -> Resources | None:
        share = replace(self._checked.shares[modality], cpus=int(resources.cpus), gpus=resources.gpus)
        larger = larger_share(share, self._checked.nodes)
        return None if larger is None else Resources(larger.cpus, larger.gpus)

    def _work(self, driver: StudyDriver, stop: StopRequest) -> None:
        """Run attempts; where Ray or Tune itself breaks, begin again from the ledger."""
        constants = {
            modality: trial_constants(self._study, modality, self._layout, self._checked)
            for modality in self._study.modalities
        }
        crashes = 0
        while not driver.finished and driver.stop is None:
            before = self._ledger.state.next_seq
            try:
                run_attempts(driver, constants, stop)
            except Exception as error:  # Ray and Tune raise errors of many kinds
                if self._ledger.failure is not None:
                    raise self._ledger.failure from error
                crashes = 1 if self._ledger.state.next_seq > before else crashes + 1
                if crashes >= CRASHES:
                    raise
                if driver.stop is not None:
                    break
                self._console.print(
                    f"Ray Tune broke off ({type(error).__name__}); going on from the record.",
                    highlight=False,
                    markup=False,
                )
                restart_ray(self._study.cluster.address)
            driver.attempts_vanished()

    def _disk_full(self, error: OSError) -> Exception:
        """What a person is told where the ledger can't be written."""
        if error is not self._ledger.failure:
            return error
        return UserError(
            f"The study's record must be written, but {self._layout.ledger_file} can't be: {error.strerror}. What is "
            f"on record is whole. Free some room, then go on with: binwise resume {self._study.name}"
        )


def modality_search(study: StudyConfig, modality: str, share: Share, ledger: Ledger) -> ModalitySearch:
    """One modality's search, with what it begins with."""
    section = study.section(modality)
    search, own = section.search, section.fixed()
    seed = study.seed * 2 + study.modalities.index(modality)
    sampler = Sampler(
        search.space,
        method=search.method,
        seed=seed,
        startup_trials=search.startup_trials,
        parallel=share.concurrency > 1,
        objectives=len(search.objectives),
    )
    for taught in ledger.state.warm.get("trials", {}).get(modality, ()):
        sampler.add(**taught_trial(taught, search.objectives))
    return ModalitySearch(
        modality=modality,
        trials=section.trial_count(),
        points=study.first_points(modality),
        own=own,
        searched=list(search.space),
        sampler=sampler,
        stopping=make_stopping(
            search.scheduler.name,
            grace=search.scheduler.grace,
            factor=search.scheduler.factor,
            max_epochs=own["max_epochs"],
            seed=seed,
        ),
        resources=Resources(share.cpus, share.gpus),
        objective=objective_of(search.objectives),
        target=search.target,
    )


def objective_of(objectives: Sequence[str]) -> Any:
    """What the sampler learns from a trial's best epoch: its val accuracy, and latency or size where they count."""
    fields = {VAL_ACCURACY: "val_accuracy", "latency": "latency", "size": "weights_bytes"}

    def values(best: EpochResult) -> list[float]:
        return [float(getattr(best, fields[name])) for name in objectives]

    return values


def checkpoint_of(folder: Path, trial: Trial, *, over: bool) -> tuple[str | None, dict[str, str]]:
    """Where a trial's best checkpoint lies, relative to the study, and its files' digests.

    Where the trial is over, the states that it could have resumed from are removed.
    """
    best = Path(trial.modality) / trial.trial_id / BEST_FOLDER
    restore_replaced(folder / best)  # a worker killed between two renames left it under another name
    if over:
        drop_states(folder / best.parent)
    if not (folder / best).is_dir():
        return None, {}
    return best.as_posix(), read_manifest(folder / best / MANIFEST_FILE)


def trial_constants(study: StudyConfig, modality: str, layout: Layout, checked: Preflight) -> dict[str, Any]:
    """What every trial of a modality is given beside its hyperparameters. The test split isn't in it."""
    return {
        tune_adapter.MODALITY: modality,
        tune_adapter.DATA: str(layout.data_file),
        tune_adapter.CACHE: str(layout.cache),
        tune_adapter.PIXEL_LIMIT: study.data.pixel_limit,
        tune_adapter.CONTENT: checked.pictures.content,
        tune_adapter.DECODE: checked.pictures.decode,
        tune_adapter.FOLDER: str(layout.folder / modality),
        tune_adapter.SEED: study.seed,
        tune_adapter.STOP_FILE: str(layout.stop_file),
        tune_adapter.PIN: checked.pins_cores,
    }
