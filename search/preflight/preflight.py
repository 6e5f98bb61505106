"""What can be known before the first trial, all of it checked at once. Nothing is half-started on a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from search.machines.shares import Node, Share, check_resources, plan_cluster
from search.preflight.checks import Checks
from search.preflight.data import data_lines, read_data
from search.preflight.disk import check_disk
from search.preflight.duration import Work, estimate, slowdown
from search.preflight.inputs import input_lines
from search.preflight.networks import Looked, Looking
from search.preflight.shortcuts import Counter, check_shortcuts
from search.preflight.tracking import check_tracking
from search.preflight.try_steps import Probe, measure, notes_of, smallest_gpu_bytes
from search.preflight.trying import Measure, Say, Trying, tried
from search.preflight.wording import data_text, modality_texts
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.check.findings import Finding
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modality import Plan
from trainables.names import VAL


@dataclass(frozen=True)
class Preflight:
    """What is known before the first trial; all mappings are by modality."""

    splits: Mapping[str, Split]  # by split
    networks: Mapping[str, int]  # the largest one's bytes
    heads: Mapping[str, Sequence[dict[str, Any]]]  # the head trials, whole
    probes: Mapping[str, Sequence[Probe]]  # what was tried, the section's own values first
    shares: Mapping[str, Share]
    plans: Mapping[str, Plan]  # what preparing the inputs takes
    seconds: Mapping[str, float]  # what its search takes where it has the cluster to itself
    lines: tuple[str, ...]  # to be told a person
    findings: tuple[Finding, ...] = ()  # what a new study's data have that may mislead


def first_look(study: StudyConfig, layout: Layout, classes: Sequence[str] | None = None) -> dict[str, Split]:
    """Train and val by name, read before Ray is started, which takes seconds: without data nothing can be tried.

    `classes`: those that a study on record was begun with.
    Raises UserError where they can't be read, with MLflow's fault if there is one.
    """
    checks = Checks()
    splits = checks.run(lambda: read_data(study, classes))
    if splits is None:
        checks.run(lambda: check_tracking(study.tracking.uri or layout.mlflow_database))  # else `preflight` does it
        checks.raise_faults()
    assert splits is not None  # noqa: S101  # no check failed
    return splits


def preflight(
    study: StudyConfig,
    nodes: Sequence[Node],
    layout: Layout,
    splits: Mapping[str, Split],
    looking: Looking,
    *,
    counter: Counter | None,
    measured: Measure = measure,
    earlier: Mapping[str, Share] | None = None,
    say: Say = lambda line: None,
) -> Preflight:
    """Check resources, MLflow's store, weights, disk and a few steps of the most demanding trials.

    `splits`: what `first_look` gave; no file of them is decoded but those of the steps. `looking`: looks that have
    begun. `measured`: tries steps; by default on a Ray that is up. `check_resources` is the part of it that takes no
    time. `earlier`: what trials were given before, on the same machines by the same config, so that nothing is tried
    again. `counter`: that of the splits; None where the study is on record already, and goes on as it began, whatever
    its texts have. `say`: takes a line on what takes long.

    Raises UserError with every fault that was found.
    """
    checks = Checks()
    checks.run(lambda: check_resources(study, nodes))
    checks.run(lambda: check_tracking(study.tracking.uri or layout.mlflow_database))
    known = _known(looking.found(checks), checks)
    networks, heads, plans = known.networks, known.heads, known.plans
    trying = Trying(study, nodes, splits, layout.caches, measured, say, heads)
    probes = {} if earlier is not None else tried(trying, list(networks), checks)
    gpu_bytes = smallest_gpu_bytes() if probes and any(node.gpus for node in nodes) else None
    shares = dict(earlier) if earlier else checks.run(lambda: _shares(study, nodes, probes, gpu_bytes))
    whole = shares if len(networks) == len(study.modalities) else None
    disk = checks.run(lambda: check_disk(study, networks, heads, whole or {}, layout.folder), whole)
    findings = () if counter is None else checks.run(lambda: check_shortcuts(study, counter)) or ()
    checks.raise_faults()
    assert shares is not None and disk is not None  # noqa: S101, PT018
    seconds = {name: _seconds(study, name, found, shares[name], len(splits[VAL])) for name, found in probes.items()}
    said = (*_probe_lines(probes, shares, gpu_bytes), disk, *input_lines(plans))
    told = (f"Data: {finding.title} {finding.remedy}" for finding in findings)
    lines = (f"{study.name}: {data_text(splits)}", *data_lines(splits), *said, *told)
    return Preflight(splits, networks, heads, probes, shares, plans, seconds, lines, findings)


def _shares(
    study: StudyConfig, nodes: Sequence[Node], probes: Mapping[str, Sequence[Probe]], gpu_bytes: int | None
) -> dict[str, Share]:
    results = {name: [probe.result for probe in found] for name, found in probes.items()}
    return plan_cluster(study, nodes, results, gpu_bytes)


def _probe_lines(
    probes: Mapping[str, Sequence[Probe]], shares: Mapping[str, Share], gpu_bytes: int | None
) -> Iterator[str]:
    for name, found in probes.items():
        yield from (f"{name}: {text}" for text in modality_texts(found, shares[name], gpu_bytes))
        yield from notes_of(name, found)


@dataclass(frozen=True)
class _Known:
    """What was found by looking, by modality; one of which something can't be had is left out of what lacks it."""

    networks: dict[str, int]
    heads: dict[str, Sequence[dict[str, Any]]]
    plans: dict[str, Plan]


def _known(looked: Mapping[str, Looked], checks: Checks) -> _Known:
    for fault in (fault for one in looked.values() for fault in one.faults):
        checks.run(partial(_refuse, fault))
    return _Known(
        {name: one.network_bytes for name, one in looked.items() if one.network_bytes is not None},
        {name: one.heads for name, one in looked.items()},
        {name: one.plan for name, one in looked.items() if one.plan is not None},
    )


def _refuse(fault: str) -> None:
    raise UserError(fault)


def _seconds(study: StudyConfig, modality: str, probes: Sequence[Probe], share: Share, val_samples: int) -> float:
    """By the steps of the section's own values."""
    section, own = study.section(modality), probes[0].result
    return estimate(
        Work(
            trials=section.trial_count(),
            epochs=section.scheduler_for().expected_epochs,
            steps_per_epoch=own.train_steps_per_epoch,
            step_seconds=own.step_seconds,
            val_samples=val_samples,
            evaluate_seconds_per_sample=own.evaluate_seconds_per_sample,
            at_once=share.concurrency,
            slowdown=slowdown(share.gpus, own.gpu_utilization),
        )
    )
