"""What only a process with torch tells of a study's trials: their networks and heads, and what their inputs take.

It is asked of the process that tries their steps next, imports done; whoever runs the search goes without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.preflight.checks import Checks
from search.show.progress_bar import progress_bar
from search.study.config import StudyConfig
from search.study.heads import head_wish
from search.study.sections import searched_values
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Decode, HeadWish, Modality, Place, Plan, SearchedValues, distinct
from trainables.names import TRAIN

Remote = Callable[..., Callable[[], Any]]  # as `ray_cluster.on_worker`


@dataclass(frozen=True)
class Looked:
    """What is known of one modality's trials."""

    network_bytes: int | None  # of the largest one; None where one can't be had
    heads: tuple[dict[str, Any], ...]  # the head trials, whole, in the order in which they should run
    plan: Plan | None  # what preparing the inputs takes; None where they can't be prepared
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How inputs are read, and where what is made of them is put."""

    caches: Path
    made: Path  # what is made on the way
    pixel_limit: int
    decode: Decode

    def place(self) -> Place:
        """The same, as a modality takes it; nobody waits for it."""
        return Place(self.caches, self.pixel_limit, self.decode, self.made, lambda line: None, progress_bar)


def begin_look(
    study: StudyConfig, name: str, splits: Mapping[str, Split], reading: Reading, remote: Remote
) -> Callable[[], Looked]:
    """Begin to look at a modality's trials; what waits for it."""
    section = study.section(name)
    wait: Callable[[], Looked] = remote(
        look, name, searched_values(section), head_wish(section.search.heads), splits, reading
    )
    return wait


def look(
    name: str, values: SearchedValues, wish: HeadWish | None, splits: Mapping[str, Split], reading: Reading
) -> Looked:
    """Build each network that the space, a point or a head trial names, and plan the inputs; every fault in words."""
    kind, checks = modality_of(name), Checks()
    heads = checks.run(lambda: kind.heads(values, wish) if wish is not None else [])
    size = checks.run(lambda: largest_network(kind, values, heads or [], splits[TRAIN]), heads)
    plan = checks.run(lambda: kind.plan(values, splits, reading.place()))
    return Looked(size, tuple(heads or ()), plan, tuple(checks.faults))


def largest_network(kind: Modality, values: SearchedValues, heads: Sequence[Mapping[str, Any]], train: Split) -> int:
    """The largest network's bytes. UserError with every one that can't be had, or can't take the inputs' size."""
    from trainables.build import check_network

    sizes, faults = [0], []
    for trial in [*kind.networks(values), *distinct(heads, [kind.ranked] if kind.ranked else [])]:
        try:
            sizes.append(check_network(kind.name, trial, train))
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return max(sizes)
