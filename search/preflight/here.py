"""Looks and tries on this machine, in processes that import torch while Ray starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from search.machines.forks import ForkEndedError, Forks, forks_of
from search.machines.ray_address import is_own
from search.machines.shares import Node
from search.preflight.networks import Looking, Reading
from search.preflight.try_steps import Probe, Steps, measure, measure_all, probes_of, process_ended
from search.preflight.trying import Measure, Say
from search.study.config import StudyConfig
from trainables.data.samples import Split
from trainables.modalities import modality_of

MODULES = ("search.preflight.networks", "search.preflight.try_steps", "trainables.probe")


@contextmanager
def forks_for(study: StudyConfig) -> Iterator[Forks | None]:
    """Processes with all that the study's modalities import; None where its trials run on other machines."""
    if not is_own(study.cluster.address):
        yield None
        return
    with forks_of([*MODULES, *(module for name in study.modalities for module in modality_of(name).imported)]) as forks:
        yield forks


def begun_looking(
    study: StudyConfig,
    splits: Mapping[str, Split],
    reading: Reading,
    say: Say,
    forks: Forks | None,
    *,
    again: bool,
) -> Looking:
    """Looks at the study's trials, which have begun where forks are there for them; the others begin on a Ray."""
    looking = Looking(study, splits, reading, say, again=again)
    if forks is not None:
        looking.begin(forks.begin)
    return looking


def measured_by(forks: Forks | None, nodes: Sequence[Node]) -> Measure:
    """What tries steps: forks where no trial has a GPU, which Ray hands out one by one."""
    if forks is None or any(node.gpus for node in nodes):
        return measure

    def tried(
        study: StudyConfig, modality: str, splits: Mapping[str, Split], *, cpus: int, gpu: bool
    ) -> Callable[[], list[Probe]]:
        return measure_here(forks, study, modality, splits, cpus=cpus)

    return tried


def measure_here(
    forks: Forks, study: StudyConfig, modality: str, splits: Mapping[str, Split], *, cpus: int
) -> Callable[[], list[Probe]]:
    """Begin to try the modality's trials in a fork, as `try_steps.measure` does in a worker of Ray."""
    steps = Steps.of(study, modality, splits, cpus)
    begun = forks.begin(measure_all, modality, steps.configs, steps.data)

    def wait() -> list[Probe]:
        try:
            return probes_of(modality, steps.labels, begun())
        except ForkEndedError as error:
            raise process_ended(modality, f"code {error.code}") from error

    return wait
