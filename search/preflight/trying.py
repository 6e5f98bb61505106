"""What trials take, tried in a few steps before the first one: taken over where it is known, else all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from search.machines.shares import Node, Share, plan_cluster
from search.preflight.checks import Checks
from search.preflight.kept_probes import KeptProbes
from search.preflight.try_steps import Probe
from search.study.config import StudyConfig
from trainables.data.samples import Split
from trainables.errors import UserError

Measure = Callable[..., Callable[[], list[Probe]]]  # as `try_steps.measure`
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trying:
    """What the steps that are tried need."""

    study: StudyConfig
    nodes: Sequence[Node]
    splits: Mapping[str, Split]
    caches: Path
    measured: Measure
    say: Say  # takes a line on what takes long
    heads: Mapping[str, Sequence[object]]  # head trials by modality


def tried(trying: Trying, modalities: Sequence[str], checks: Checks) -> dict[str, list[Probe]]:
    """What was tried of each of these modalities, with the CPUs that a trial will have about; nothing of heads.

    What was tried before is taken over; all others are tried at once where there is room.
    """
    tuned = [name for name in modalities if trying.study.section(name).trial_count()]
    for name in modalities:
        if name not in tuned and not trying.heads[name]:
            checks.run(partial(_refuse_idle, name))
    kept = {one.modality: one for one in _kept(trying, tuned)}
    found = {name: probes for name, one in kept.items() if (probes := one.read()) is not None}
    found |= _tried_now(trying, [one for name, one in kept.items() if name not in found], checks)
    return {name: found[name] for name in tuned if name in found}


def _tried_now(trying: Trying, new: Sequence[KeptProbes], checks: Checks) -> dict[str, list[Probe]]:
    if new:
        trying.say(f"Trying a few steps of {' and '.join(one.modality for one in new)}")
    begun = [(one, checks.run(partial(_begun, trying, one))) for one in new]
    found = {}
    for one, wait in begun:
        probes = None if wait is None else checks.run(wait)
        if probes is not None:
            one.write(probes)
            found[one.modality] = probes
    return found


def _begun(trying: Trying, one: KeptProbes) -> Callable[[], list[Probe]]:
    share = one.share
    return trying.measured(trying.study, one.modality, trying.splits, cpus=share.cpus, gpu=share.gpus > 0)


def _kept(trying: Trying, modalities: Sequence[str]) -> Iterator[KeptProbes]:
    shares = _rough_shares(trying.study, trying.nodes)
    for name in modalities:
        yield KeptProbes.of(trying.caches, trying.study, name, trying.splits, trying.nodes, shares[name])


def _rough_shares(study: StudyConfig, nodes: Sequence[Node]) -> dict[str, Share]:
    """About what a trial will have, before anything is measured."""
    try:
        return plan_cluster(study, nodes, {})
    except UserError:  # said by `check_resources` already, or to be said once it is known how many share a GPU
        return {name: Share(1, float(any(node.gpus for node in nodes)), 1) for name in study.modalities}


def _refuse_idle(modality: str) -> None:
    """UserError: the modality has nothing to run."""
    raise UserError(
        f"A modality with `trials: 0` must have heads on frozen features, but {modality} has none: its network has no "
        "weights of its own. Set search.trials to 1 or more, or `weights`."
    )
