"""One life of a study's driver: from the ledger as it is to the search's end, or to whatever stops it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from search.decide.driver import StudyDriver
from search.decide.terms import Limits, ModalitySearch, Resources
from search.exports.listener import MlflowTracking
from search.exports.optuna_journal import OptunaRecord
from search.exports.rebuild import rebuild
from search.exports.trials_file import TrialsFile
from search.ledger.events import SessionBegan
from search.ledger.ledger import Ledger
from search.ledger.state import Outcome, Trial
from search.machines.ray_cluster import restart_ray
from search.machines.shares import Node, Share, fits, larger_share
from search.methods.sampler import Sampler
from search.session.constants import trial_constants
from search.session.deadline import Deadline
from search.session.stop_request import StopRequest
from search.session.tune_executor import run_attempts
from search.show.load import load_now
from search.show.views import make_view
from search.study.config import StudyConfig, budget_seconds
from search.study.folder import Layout
from search.study.heads import moved_trial
from search.study.provenance import versions
from trainables.checkpoint import drop_states, read_manifest, restore_replaced
from trainables.errors import UserError
from trainables.modalities import modality_of, search_seed
from trainables.names import BEST_FOLDER
from trainables.records import EpochResult, StopReason

CRASHES = 3  # of Ray or Tune without an epoch between them, before the study gives up


@dataclass(frozen=True)
class SearchOutcome:
    """How a search ended: its folder, why it ended, and its trials, ended and planned."""

    folder: Path
    outcome: Outcome
    detail: str | None
    signal: int | None  # that stopped it
    by_deadline: bool  # whether its deadline did
    ended: int  # trials
    planned: int
    epochs: int = 0  # of all trials, on record


@dataclass(frozen=True)
class Machine:
    """What there is to run trials on, and what each of them gets."""

    nodes: Sequence[Node]
    shares: Mapping[str, Share]

    def fits(self, running: Mapping[str, int], modality: str) -> bool:
        """Whether one more trial can run."""
        return fits(running, self.shares, self.nodes, modality)

    def larger(self, modality: str, resources: Resources) -> Resources | None:
        """What a trial gets that ran out of memory; None where it had a whole GPU."""
        share = replace(self.shares[modality], cpus=int(resources.cpus), gpus=resources.gpus)
        larger = larger_share(share, self.nodes)
        return None if larger is None else Resources(larger.cpus, larger.gpus)


class StudySession:
    """One life of a study's driver."""

    def __init__(
        self,
        study: StudyConfig,
        layout: Layout,
        machine: Machine,
        heads: Mapping[str, Sequence[dict[str, Any]]],
        prepared: Mapping[str, Mapping[str, Any]],
        ledger: Ledger,
        console: Console,
        json_out: TextIO | None,
    ) -> None:
        self._study, self._layout, self._machine = study, layout, machine
        self._heads, self._prepared = heads, prepared  # by modality: its head trials, and what every trial is given
        self._ledger, self._console, self._json_out = ledger, console, json_out

    def run(self, deadline: Deadline | None = None) -> SearchOutcome:
        """Until the study is over or stopped."""
        ledger, layout, study = self._ledger, self._layout, self._study
        for note in ledger.notes:
            self._console.print(note, highlight=False, markup=False)
        stop = StopRequest(layout.stop_file, deadline=deadline)
        rebuild(layout.folder, study)
        tracking = MlflowTracking(study, layout, ledger)
        view = make_view(self._console, study, ledger, json_out=self._json_out, lag=tracking.lag)
        view.load = load_now
        ledger.listeners += [TrialsFile(layout.trials_file), OptunaRecord(layout.optuna_journal, study), tracking, view]
        detail, outcome = None, Outcome.FAILED
        try:
            with stop.signals():
                self._begin()
                driver = self._driver()
                view.rungs = lambda modality: driver.searches[modality].scheduler.rungs()
                self._work(driver, stop)
                outcome, detail = driver.close(), driver.stop.detail if driver.stop else None
        except OSError as error:
            raise self._disk_full(error) from error
        finally:
            tracking.close(timeout=5.0 if stop.signal is not None else 30.0)
            view.close()
            layout.stop_file.unlink(missing_ok=True)
        rebuild(layout.folder, study)
        ended = sum(trial.over for trial in ledger.state.trials.values())
        state, of = ledger.state, study.modalities
        planned = sum(study.section(name).trial_count() + state.heads_count(name) for name in of)
        by_deadline = stop.by_deadline
        return SearchOutcome(layout.folder, outcome, detail, stop.signal, by_deadline, ended, planned, state.epochs)

    def _begin(self) -> None:
        self._ledger.append(
            SessionBegan(
                host=socket.gethostname(),
                pid=os.getpid(),
                versions=versions(),
                shares={modality: asdict(share) for modality, share in self._machine.shares.items()},
                nodes=[asdict(node) for node in self._machine.nodes],
            )
        )

    def _driver(self) -> StudyDriver:
        study, shares = self._study, self._machine.shares
        limits = Limits(
            retries=study.failures.retries,
            in_a_row=study.failures.in_a_row,
            seconds=None if study.time_budget is None else budget_seconds(study.time_budget),
        )
        return StudyDriver(
            [modality_search(study, name, shares[name], self._heads[name], self._ledger) for name in study.modalities],
            self._ledger,
            limits,
            fits=self._machine.fits,
            larger=self._machine.larger,
            checkpoint_of=lambda trial, over: checkpoint_of(self._layout.folder, trial, over=over),
        )

    def _work(self, driver: StudyDriver, stop: StopRequest) -> None:
        """Run attempts; where Ray or Tune itself breaks, begin again from the ledger."""
        constants = {
            modality: trial_constants(self._study, modality, self._layout, self._prepared[modality])
            for modality in self._study.modalities
        }
        crashes = 0
        while not driver.finished and driver.stop is None:
            before = self._progress()
            try:
                run_attempts(driver, constants, stop)
            except Exception as error:  # Ray and Tune raise errors of many kinds
                if self._ledger.failure is not None:
                    raise self._ledger.failure from error
                crashes = 1 if self._progress() > before else crashes + 1
                if crashes >= CRASHES:
                    raise
                if driver.stop is not None:
                    break
                self._console.print(
                    f"Ray Tune broke off ({type(error).__name__}); going on from the record.",
                    highlight=False,
                    markup=False,
                )
                restart_ray(self._study.cluster)
            driver.attempts_vanished()

    def _progress(self) -> int:
        """Epochs on record and trials that are over: what shows that a restart got on."""
        return sum(len(trial.epochs) + trial.over for trial in self._ledger.state.trials.values())

    def _disk_full(self, error: OSError) -> Exception:
        """What a person is told where the ledger can't be written."""
        if error is not self._ledger.failure:
            return error
        return UserError(
            f"The study's record must be written, but {self._layout.ledger_file} can't be: {error.strerror}. What is "
            f"on record is whole. Free some room, then go on with: binwise resume {self._study.name}"
        )


def modality_search(
    study: StudyConfig, modality: str, share: Share, heads: Sequence[dict[str, Any]], ledger: Ledger
) -> ModalitySearch:
    """One modality's search, with what it begins with; `heads`: its head trials."""
    section = study.section(modality)
    settings = section.search
    seed = search_seed(study.seed, modality, study.modalities)
    objective = objective_of(settings.objectives)
    ranked = modality_of(modality).ranked
    sampler = Sampler(
        settings.space,
        method=settings.method,
        seed=seed,
        startup_trials=settings.startup_trials,
        parallel=share.concurrency > 1,
        objectives=len(settings.objectives),
    )
    for taught in ledger.state.warm.get("trials", {}).get(modality, ()):
        teach(sampler, taught, objective)
    return ModalitySearch(
        modality=modality,
        trials=section.trial_count(),
        points=study.first_points(modality),
        own=section.fixed(),
        searched=list(settings.space),
        sampler=sampler,
        scheduler=section.scheduler_for(seed),
        resources=Resources(share.cpus, share.gpus),
        objective=objective,
        target=settings.target,
        heads=heads,
        patience=settings.patience_trials,
        moved=moved_trial(settings.heads),
        ranked=ranked,
        networks=settings.space[ranked].values if ranked in settings.space else (),
    )


def objective_of(objectives: Sequence[str]) -> Callable[[EpochResult], list[float]]:
    """What the sampler learns from a trial's best epoch: its val accuracy, and latency or size where they count."""
    return lambda best: [best.objective(name) for name in objectives]


def teach(sampler: Sampler, taught: Mapping[str, Any], objective: Callable[[EpochResult], list[float]]) -> None:
    """Tell the sampler another study's trial, as `warm_trials` has it."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in taught["values"].items()}
    reports = {int(epoch): accuracy for epoch, accuracy in taught["accuracies"].items()}
    sampler.add(values, reports, StopReason(taught["stop_reason"]), objective(EpochResult(**taught["best"])))


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
    try:
        return best.as_posix(), read_manifest(folder / best)
    except UserError:  # said when it is selected
        return best.as_posix(), {}
