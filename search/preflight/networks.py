"""What only a process with torch tells of a study's trials: their networks and heads, and what their inputs take.

It is asked of the process that tries their steps next, imports done; whoever runs the search goes without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from search.preflight.checks import Checks
from search.preflight.kept_probes import kept_folder, read_kept, write_kept
from search.show.progress_bar import progress_bar
from search.study.config import StudyConfig
from search.study.heads import head_wish
from search.study.sections import searched_values
from trainables.data.samples import Split, split_digest
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


def looked_at(
    study: StudyConfig,
    splits: Mapping[str, Split],
    reading: Reading,
    remote: Remote,
    checks: Checks,
    say: Callable[[str], None],
    *,
    again: bool,
) -> dict[str, Looked]:
    """What is known of each modality's trials, all looked at at once where there is room; what can't be is a fault.

    `again`: a study that goes on as it began, whose networks aren't built anew: they were, and its trials ran.
    """
    kept = {name: KeptLook.of(study, name, splits, reading) for name in study.modalities}
    found = {name: held for name, one in kept.items() if again and (held := one.read()) is not None}
    if len(found) < len(kept):
        say("Building each network once")
    waiting = {name: begin_look(study, name, splits, reading, remote) for name in kept if name not in found}
    for name, wait in waiting.items():
        found[name] = checks.run(wait) or Looked(None, (), None)
        kept[name].write(found[name])
    return {name: found[name] for name in study.modalities}


@dataclass(frozen=True)
class KeptLook:
    """Where what was seen of one modality's trials is kept, among the steps that were tried of them."""

    name: str
    values: SearchedValues
    splits: Mapping[str, Split]
    reading: Reading
    folder: Path
    what: str

    @classmethod
    def of(cls, study: StudyConfig, name: str, splits: Mapping[str, Split], reading: Reading) -> KeptLook:
        """Of a study's modality: its values, heads, data and how they are read have a say."""
        section = study.section(name)
        values = searched_values(section)
        facts = {
            "look": name,
            "values": [values.own, values.space, values.points],
            "heads": repr(head_wish(section.search.heads)),
            "data": {split: split_digest(one) for split, one in splits.items()},
            "reading": [reading.pixel_limit, reading.decode],
        }
        what = f"the networks and heads of {study.name}'s {name} trials"
        return cls(name, values, splits, reading, kept_folder(reading.caches, facts), what)

    def read(self) -> Looked | None:
        """What was seen; None where it wasn't within the last days. What inputs still take on the disk is seen anew."""
        held = read_kept(self.folder)
        try:
            if held is None:
                return None
            plan = Plan(held["plan"]["bytes"], tuple(held["plan"]["lines"]))
            if plan.bytes:
                plan = modality_of(self.name).plan(self.values, self.splits, self.reading.place())
            return Looked(held["network_bytes"], tuple(held["heads"]), plan)
        except (KeyError, TypeError):
            return None

    def write(self, looked: Looked) -> None:
        """Keep it; nothing where something is wrong with it."""
        if not looked.faults and looked.network_bytes is not None:
            write_kept(self.folder, self.what, asdict(looked))


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
