"""`binwise plan`: what a study will do and take, before anything of it is written."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from search.cli.json_output import json_alone
from search.cli.options import AsJson, Overrides, StudyFile
from search.show.say import json_text, say
from trainables.errors import UserError
from trainables.names import TEST, TRAIN

if TYPE_CHECKING:
    from search.machines.forks import Forks
    from search.preflight.preflight import Preflight
    from search.show.load import Load
    from search.study.config import StudyConfig
    from trainables.data.samples import Split


def plan(study: StudyFile, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Check a study and try a few steps of it: what it will do and take. Nothing of it is begun or written."""
    from search.study.yaml_file import load_study

    config = load_study(study, overrides or [])
    with json_alone(wanted=as_json):
        lines, facts = planned(config)
    if as_json:
        say(json_text(facts, indent=1))
        return
    options = " ".join(f"--set {override}" for override in overrides or [])
    for line in [*lines, f"Next: {f'binwise run {study} {options}'.strip()}"]:
        say(line)


def planned(config: StudyConfig) -> tuple[list[str], dict[str, Any]]:
    """What a study will do and take: in lines, and as plain values. UserError with all faults."""
    from search.show.load import load_now

    load = load_now()  # before our own steps are part of it
    found, test = _looked_at(config)
    return plan_lines(config, found, test, load), as_dict(config, found)


def _looked_at(config: StudyConfig) -> tuple[Preflight, Split | None]:
    """Every check, and the test split, whose files aren't opened; UserError with all faults."""
    from search.preflight.here import forks_for

    # The scratch folder has what is made on the way, such as tokens.
    with TemporaryDirectory(prefix="binwise-plan-") as scratch, forks_for(config) as forks:
        if forks is not None:
            forks.start()
        return _preflighted(config, Path(scratch), forks)


def _preflighted(config: StudyConfig, scratch: Path, forks: Forks | None) -> tuple[Preflight, Split | None]:
    from search.machines.mps import mps_daemon
    from search.machines.ray_cluster import cluster_nodes, on_worker, ray_cluster
    from search.preflight.data import read_test
    from search.preflight.here import begun_looking, measured_by
    from search.preflight.networks import Reading
    from search.preflight.preflight import first_look, preflight
    from search.preflight.shortcuts import counter_in, settled
    from search.study.folder import Layout

    faults: list[str] = []
    found: Preflight | None = None
    test: Split | None = None
    layout = Layout.of(config)
    splits = first_look(config, layout)
    try:
        test = read_test(config, splits[TRAIN].classes)
    except UserError as error:
        faults.append(str(error))
    counter = None if layout.ledger_file.is_file() else counter_in(splits)
    as_run = config if counter is None else settled(config, counter)
    tell = partial(say, err=True)
    looking = begun_looking(as_run, splits, Reading.of(as_run, layout.caches, scratch), tell, forks, again=False)
    with mps_daemon(config), ray_cluster(config.cluster, tell):
        try:
            looking.begin(on_worker)
            nodes = cluster_nodes()
            measured = measured_by(forks, nodes)
            found = preflight(as_run, nodes, layout, splits, looking, measured=measured, counter=counter, say=tell)
        except UserError as error:
            faults.append(str(error))
    if faults or found is None:
        raise UserError("\n".join(faults))
    return found, test


def plan_lines(config: StudyConfig, found: Preflight, test: Split | None, load: Load) -> list[str]:
    """The plan as a person reads it. `test`: the test split, of which nothing but its size is said."""
    from search.machines.ray_address import cluster_lines
    from search.show.time_range import time_line

    lines = [found.lines[0], *_count_lines(found), *_test_lines(test)]
    for modality in config.modalities:
        lines += _search_lines(config, modality, found)
    lines += cluster_lines(config.cluster.address)
    return [*lines, *found.lines[1:], f"MLflow: reachable, {_tracking(config)}", time_line(found.seconds, load)]


def _count_lines(found: Preflight) -> list[str]:
    from trainables.words import enumerated

    return [
        f"  {name:5}  {enumerated([f'{label} {count:,}' for label, count in counts.items()])}"
        for name, counts in _counts(found).items()
    ]


def _test_lines(test: Split | None) -> list[str]:
    from trainables.data.accounting import account_lines

    if test is None:
        return []
    size = f"  {TEST:5}  {len(test):,}; the search begins with reading all of it, without its labels"
    return [size, *account_lines(TEST, test.account)]


def _counts(found: Preflight) -> dict[str, dict[str, int]]:
    """How many samples each split has of each class."""
    import numpy as np

    counts = {name: np.bincount(split.labels, minlength=len(split.classes)) for name, split in found.splits.items()}
    return {name: dict(zip(found.splits[name].classes, own.tolist(), strict=True)) for name, own in counts.items()}


def _search_lines(config: StudyConfig, modality: str, found: Preflight) -> list[str]:
    from search.space.dimensions import describe
    from trainables.words import counted, human_bytes

    section = config.section(modality)
    stopping, size = section.scheduler_for().words, found.networks[modality]
    heads = found.heads[modality]
    if not section.trial_count():
        return [f"{modality}: {counted(len(heads), 'head')} on frozen features, and nothing fine-tuned"]
    return [
        *([f"{modality}: {counted(len(heads), 'head')} on frozen features, then"] if heads else []),
        f"{modality}: {section.trial_count()} trials, {section.search.method}, {stopping}, at most "
        f"{section.fixed()['max_epochs']} epochs each",
        *(f"  {key}: {text}" for key, text in describe(section.search.space)),
        f"  largest network: {size / 4e6:.1f} million parameters, {human_bytes(size)}",
    ]


def _tracking(config: StudyConfig) -> str:
    from search.exports.addresses import redacted
    from search.study.folder import Layout

    return redacted(config.tracking.uri or Layout.of(config).mlflow_database)


def as_dict(config: StudyConfig, found: Preflight) -> dict[str, Any]:
    """The plan as plain values: bytes, seconds."""
    from dataclasses import asdict

    from search.preflight.disk import plan_disk
    from search.space.dimensions import describe

    modalities = {}
    for name in config.modalities:
        section, share = config.section(name), found.shares[name]
        modalities[name] = {
            "trials": section.trial_count(),
            "heads": len(found.heads[name]),
            "method": section.search.method,
            "scheduler": section.search.scheduler.model_dump(),
            "space": dict(describe(section.search.space)),
            "network_bytes": found.networks[name],
            "probes": [{"label": probe.label, **asdict(probe.result)} for probe in found.probes.get(name, ())],
            "share": asdict(share),
            "checkpoint_bytes": plan_disk(section, found.networks[name], len(found.heads[name]), share).total,
            "seconds": found.seconds.get(name, 0.0),
        }
    return {
        "study": config.name,
        "data": _counts(found),
        "modalities": modalities,
        "picture_bytes": sum(plan.bytes for plan in found.plans.values()),
        "tracking": _tracking(config),
        "seconds": sum(found.seconds.values()),
        "lines": list(found.lines),
        "findings": [finding.as_dict() for finding in found.findings],
    }
