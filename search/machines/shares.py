"""What each trial gets of the cluster, how many share a GPU, and how many run at once: arithmetic without Ray."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from search.study.config import StudyConfig
from search.study.sections import SearchedSection
from trainables.errors import UserError

if TYPE_CHECKING:
    from trainables.records import ProbeResult

CPU_TRIALS = 4  # without GPUs, trials at once by default: more of them than this starve each other of memory
MEMORY_SHARE = 0.92  # of a GPU's memory that trials may take: the driver and fragments have the rest
CONTEXT_BYTES = 600_000_000  # of a GPU, that each process takes before it has a tensor
BUSY = 1.2  # trials are added to a GPU until they would keep it busy this many times over
TRIALS_A_GPU = 8  # at most
_DIGITS = 10_000  # Ray counts a GPU in ten-thousandths


@dataclass(frozen=True)
class Share:
    """What each trial of a search gets, and how many run at once where they have the cluster to themselves."""

    cpus: int
    gpus: float
    concurrency: int


@dataclass(frozen=True)
class Node:
    """One machine of the cluster."""

    cpus: float
    gpus: float


def trials_a_gpu(peak_bytes: int, gpu_bytes: int, busy: float | None, cpus_a_gpu: float) -> int:
    """How many trials share a GPU: as many as its memory holds, and no more than keep it and the CPUs busy.

    `peak_bytes`: of one trial's tensors; `busy`: the share of the time (0 to 1) in which one trial keeps the GPU busy,
    None where it isn't known; `cpus_a_gpu`: every trial needs one.
    """
    by_memory = math.floor(MEMORY_SHARE * gpu_bytes / (peak_bytes + CONTEXT_BYTES))
    by_work = max(1, round(BUSY / busy)) if busy else TRIALS_A_GPU
    return max(1, min(by_memory, by_work, int(cpus_a_gpu), TRIALS_A_GPU))


def gpu_share(trials: int) -> float:
    """A `trials`-th of a GPU in four digits, rounded down so that as many fit: 3 have 0.3333 each."""
    return _DIGITS // trials / _DIGITS


def plan_cluster(
    study: StudyConfig,
    nodes: Sequence[Node],
    probes: Mapping[str, Sequence[ProbeResult]],
    smallest_gpu_bytes: int | None = None,
) -> dict[str, Share]:
    """Each modality's share; `probes` by modality, the section's own values first (none: nothing was measured).

    `smallest_gpu_bytes`: of the cluster, where its GPUs differ. Raises UserError where a trial doesn't fit.
    """
    shares = {}
    for modality in study.modalities:
        packed = _packed(nodes, probes.get(modality, ()), smallest_gpu_bytes)
        shares[modality] = plan_resources(modality, study.section(modality), nodes, trials_of_a_gpu=packed)
    return shares


def _packed(nodes: Sequence[Node], probes: Sequence[ProbeResult], smallest_gpu_bytes: int | None) -> int:
    """How many trials share a GPU by what was measured: the largest one's memory, the first one's work."""
    hosts = [node for node in nodes if node.gpus >= 1]
    if not probes or not hosts:
        return 1
    gpu_bytes = smallest_gpu_bytes or min(probe.total_bytes for probe in probes)
    cpus_a_gpu = min(node.cpus / node.gpus for node in hosts)
    return trials_a_gpu(max(p.peak_bytes for p in probes), gpu_bytes, probes[0].gpu_utilization, cpus_a_gpu)


def check_resources(study: StudyConfig, nodes: Sequence[Node]) -> None:
    """UserError with every fault of the study's resources: what no machine has, before anything slow is looked at."""
    faults = []
    for modality in study.modalities:
        try:
            # Nothing is measured yet: as many trials as ever may share a GPU.
            plan_resources(modality, study.section(modality), nodes, trials_of_a_gpu=TRIALS_A_GPU)
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(faults))


def larger_share(share: Share, nodes: Sequence[Node]) -> Share | None:
    """For a trial that ran out of GPU memory: twice as much of a GPU, up to a whole one; None where it had one."""
    if share.gpus == 0 or share.gpus >= 1:
        return None
    gpus = min(1.0, 2 * share.gpus)
    places = sum(_places(node, share.cpus, gpus) for node in nodes)
    return replace(share, gpus=gpus, concurrency=max(1, min(share.concurrency, places)))


def fits(running: Mapping[str, int], shares: Mapping[str, Share], nodes: Sequence[Node], modality: str) -> bool:
    """Whether one more trial of a modality can run beside those that run: `running` counts them by modality.

    First fit, the largest first. Without GPUs no more than CPU_TRIALS run in all, unless a modality was given more.
    """
    wanted = {**running, modality: running.get(modality, 0) + 1}
    if wanted[modality] > shares[modality].concurrency:
        return False
    if all(share.gpus == 0 for share in shares.values()):
        allowed = max(CPU_TRIALS, *(share.concurrency for share in shares.values()))
        if sum(wanted.values()) > allowed:
            return False
    trials = [shares[name] for name, count in wanted.items() for _ in range(count)]
    machines = [_Machine(node.cpus, [1.0] * int(node.gpus)) for node in nodes]
    largest_first = sorted(trials, key=lambda share: (share.gpus, share.cpus), reverse=True)
    return all(any(machine.take(share) for machine in machines) for share in largest_first)


@dataclass
class _Machine:
    """What is free on one machine."""

    cpus: float
    gpus: list[float]  # of each, from 0 to 1

    def take(self, share: Share) -> bool:
        """Take a trial's share, a part of a GPU from one GPU; False, and nothing is taken, where it isn't free."""
        of_each = min(share.gpus, 1.0)
        count = math.ceil(share.gpus)
        free = [place for place, left in enumerate(self.gpus) if left >= of_each - 1e-9][:count]
        if self.cpus < share.cpus or len(free) < count:
            return False
        self.cpus -= share.cpus
        for place in free:
            self.gpus[place] -= of_each
        return True


def plan_resources(
    modality: str, section: SearchedSection, nodes: Sequence[Node], *, trials_of_a_gpu: int = 1
) -> Share:
    """Turn `auto` into numbers and check that a trial fits one node. Raises UserError, naming what exists.

    `trials_of_a_gpu`: how many share one where the section leaves it at auto.
    """
    wanted, concurrency = section.search.resources, section.search.concurrency
    gpus = _gpus(modality, section, nodes, trials_of_a_gpu)
    _check_fits(modality, "gpus", gpus, [node.gpus for node in nodes])
    hosts = [node for node in nodes if node.gpus >= gpus]
    at_once = _concurrency(section, gpus, hosts)
    if wanted.cpus == "auto":
        shared = int(sum(node.cpus for node in hosts) // at_once)
        cpus = max(min(shared, int(max(node.cpus for node in hosts))), 1)
    else:
        cpus = int(wanted.cpus)
    _check_fits(modality, "cpus", cpus, [node.cpus for node in hosts])
    places = sum(_places(node, cpus, gpus) for node in hosts)
    if concurrency != "auto" and at_once > places:
        raise UserError(
            f"Trials at once must fit the cluster, but {modality}.search.concurrency is {at_once} with {cpus} CPUs and "
            f"{gpus:g} GPUs each, and {places} fit: lower it, or leave it at auto."
        )
    return Share(cpus, gpus, min(at_once, places))


def _gpus(modality: str, section: SearchedSection, nodes: Sequence[Node], trials_of_a_gpu: int) -> float:
    wanted = section.search.resources.gpus
    if wanted == "auto":
        return gpu_share(trials_of_a_gpu) if any(node.gpus >= 1 for node in nodes) else 0.0
    gpus = float(wanted)
    if gpus > 1 and not gpus.is_integer():
        raise UserError(
            f"A trial can share a GPU or have whole ones, but {modality}.search.resources.gpus is {gpus:g}: take a "
            f"number up to 1, or a whole one."
        )
    return gpus


def _check_fits(modality: str, key: str, need: float, have: list[float]) -> None:
    """UserError where no machine has what one trial needs; `have`: what each of those in question has."""
    if need > max(have):
        raise UserError(
            f"A trial must fit one machine, but {modality}.search.resources.{key} is {need:g}, and the largest of "
            f"{len(have)} machine{'' if len(have) == 1 else 's'}{' with enough GPUs' if key == 'cpus' else ''} has "
            f"{max(have):g}: lower it, or leave it at auto."
        )


def _places(node: Node, cpus: int, gpus: float) -> int:
    """How many trials a machine holds."""
    return int(min(node.cpus // cpus, _gpu_places(node, gpus)))


def _gpu_places(node: Node, gpus: float) -> float:
    """How many trials a machine's GPUs hold; a share of a GPU lies on one GPU."""
    if gpus == 0:
        return math.inf
    return node.gpus * int(1 / gpus + 1e-9) if gpus < 1 else node.gpus // gpus


def _concurrency(section: SearchedSection, gpus: float, hosts: list[Node]) -> int:
    concurrency, resources = section.search.concurrency, section.search.resources
    if concurrency != "auto":
        return int(concurrency)
    room = sum(_gpu_places(node, gpus) for node in hosts) if gpus > 0 else CPU_TRIALS
    cpus = 1 if resources.cpus == "auto" else int(resources.cpus)
    return max(1, min(int(room), sum(int(node.cpus // cpus) for node in hosts), section.trial_count() or CPU_TRIALS))
