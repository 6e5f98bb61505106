"""A study config -> Ray Tune searches, one a modality, on one Ray."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before Ray is imported: no telemetry, our own output instead of Tune's loggers, no advice about either.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")

import ray
from ray import tune
from rich.console import Console

from search.collect import TrialsFile
from search.disk_plan import check_disk
from search.events import Listener, TuneEvents
from search.layout import Layout, check_name_is_free, create_study_folder
from search.preflight import (
    Node,
    Share,
    TrialPictures,
    check_all_weights,
    cut_text_lines,
    decode_pictures,
    plan_resources,
    read_data,
)
from search.progress import ProgressView
from search.scheduler import make_scheduler
from search.searcher import OptunaRecord, StudySearcher, make_sampler
from search.space import describe
from search.study import StudyConfig
from search.study_file import dump_study
from search.tracking import MlflowTracking, TrackedStudy, end_tracking, start_tracking
from trainables import tune_adapter
from trainables.data.samples import Split, split_digest, splits_to_json
from trainables.records import TRAIN, VAL, UserError


@dataclass(frozen=True)
class SearchOutcome:
    """What a search left."""

    folder: Path
    tracked: TrackedStudy
    ended: int  # trials
    planned: int


class Interrupted(Exception):
    """The search was stopped from outside; what ended before is on record."""


def run_search(study: StudyConfig, console: Console) -> SearchOutcome:
    """Run every modality's search to its end.

    Raises:
        UserError: anything that can be known before the first trial.
        Interrupted: stopped by a signal.
    """
    layout = Layout.of(study)
    check_name_is_free(layout)
    splits = read_data(study)
    console.print(_data_line(study, splits), highlight=False, markup=False)
    with ray_cluster(study.cluster.address):
        nodes = cluster_nodes()
        shares = {name: plan_resources(name, study.section(name), nodes) for name in study.modalities}
        networks = check_all_weights(study, splits)
        console.print(check_disk(study, networks, shares, layout.folder), highlight=False, markup=False, soft_wrap=True)
        for line in cut_text_lines(study, splits, layout):
            console.print(line, highlight=False, markup=False)
        pictures = decode_pictures(study, splits, layout, console)
        create_study_folder(layout, dump_study(study), splits_to_json(splits[TRAIN], splits[VAL]))
        try:
            tracked = start_tracking(study, layout, space_text(study), _data_digest(splits))
        except UserError:
            shutil.rmtree(layout.folder)
            raise
        return _search_all(study, layout, shares, pictures, tracked, console)


def _search_all(
    study: StudyConfig,
    layout: Layout,
    shares: Mapping[str, Share],
    pictures: TrialPictures,
    tracked: TrackedStudy,
    console: Console,
) -> SearchOutcome:
    planned = sum(study.section(modality).trial_count() for modality in study.modalities)
    ended, status = 0, "FAILED"
    try:
        for modality in study.modalities:
            constants = trial_constants(study, modality, layout, shares[modality], pictures)
            done = _search_one(study, modality, layout, shares[modality], constants, tracked, console)
            ended += done
            if done < study.section(modality).trial_count():
                break  # Tune returns normally after Ctrl-C: what is left isn't begun
        status = "FINISHED" if ended == planned else "KILLED"
    finally:
        end_tracking(tracked, status)
    if ended < planned:
        raise Interrupted(f"{ended} of {planned} trials ended; the record is in {layout.folder}.")
    return SearchOutcome(layout.folder, tracked, ended, planned)


def _search_one(
    study: StudyConfig,
    modality: str,
    layout: Layout,
    share: Share,
    constants: Mapping[str, Any],
    tracked: TrackedStudy,
    console: Console,
) -> int:
    """One modality's search; the number of trials that ended."""
    section = study.section(modality)
    search, own = section.search, section.fixed()
    trials = section.trial_count()
    view = ProgressView(console, modality, trials, share.concurrency)
    listeners: list[Listener] = [
        TrialsFile(layout.trials_file),
        OptunaRecord(layout.optuna_journal, study.name, modality, search.space, own),
        MlflowTracking(study.name, tracked),
        view,
    ]
    events = TuneEvents(study.name, modality, layout.folder, list(search.space), listeners, own)
    seed = study.seed * 2 + study.modalities.index(modality)
    sampler = make_sampler(
        search.method, seed=seed, startup_trials=search.startup_trials, concurrency=share.concurrency
    )
    tuner = tune.Tuner(
        tune.with_resources(tune_adapter.TuneTrial, {"cpu": share.cpus, "gpu": share.gpus}),
        param_space=dict(constants),
        tune_config=tune.TuneConfig(
            search_alg=StudySearcher(search.space, study.first_points(modality), own, sampler),
            scheduler=make_scheduler(search.scheduler, own["max_epochs"]),
            num_samples=trials,
            max_concurrent_trials=share.concurrency,
            reuse_actors=True,
            trial_dirname_creator=_dirname,
            trial_name_creator=_dirname,
        ),
        run_config=tune.RunConfig(
            name=modality,
            storage_path=str(layout.folder),
            callbacks=[events],
            # A trial saves its states itself.
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        events.close()
        view.close()
    return events.ended


def trial_constants(
    study: StudyConfig, modality: str, layout: Layout, share: Share, pictures: TrialPictures
) -> dict[str, Any]:
    """What every trial of a modality is given beside its hyperparameters. The test split isn't in it."""
    return {
        tune_adapter.MODALITY: modality,
        tune_adapter.DATA: str(layout.data_file),
        tune_adapter.CACHE: str(layout.cache),
        tune_adapter.PIXEL_LIMIT: study.data.pixel_limit,
        tune_adapter.CONTENT: pictures.content,
        tune_adapter.DECODE: pictures.decode,
        tune_adapter.FOLDER: str(layout.folder / modality),
        tune_adapter.SEED: study.seed,
        tune_adapter.CPUS: share.cpus,
    }


def _dirname(trial: Any) -> str:
    config = trial.config
    return tune_adapter.trial_name(config[tune_adapter.MODALITY], config[tune_adapter.NUMBER])


def space_text(study: StudyConfig) -> str:
    """The search space as a person reads it."""
    lines = []
    for modality in study.modalities:
        section = study.section(modality)
        lines.append(f"{modality}: {section.trial_count()} trials, {section.search.method}")
        lines += [f"  {key}: {text}" for key, text in describe(section.search.space)]
    return "\n".join(lines) + "\n"


def _data_digest(splits: Mapping[str, Split]) -> str:
    return ", ".join(f"{name} {split_digest(split)[:16]}" for name, split in splits.items())


def _data_line(study: StudyConfig, splits: Mapping[str, Any]) -> str:
    train, val = splits[TRAIN], splits[VAL]
    return f"{study.name}: {len(train)} train, {len(val)} val, classes {', '.join(train.classes)}"


@contextmanager
def ray_cluster(address: str | None) -> Any:
    """A Ray to run trials on: the running cluster at `address`, or one on this machine that ends with the block."""
    try:
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(
            f"cluster.address must be a running Ray cluster, but {address!r} can't be reached ({error}): start one "
            f"with `ray start --head`, or leave it out to use this machine."
        ) from error
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def cluster_nodes() -> list[Node]:
    """The cluster's machines that are alive."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive]
