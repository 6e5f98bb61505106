"""What only a process with torch tells of a study's trials: their networks and heads, and what their inputs take.

It is asked of processes that have torch; whoever runs the search goes without.
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

Remote = Callable[..., Callable[[], Any]]  # as `ray_cluster.on_worker`, or `Forks.begin`


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

    @classmethod
    def of(cls, study: StudyConfig, caches: Path, made: Path | None = None) -> Reading:
        """As the study says. `made`: by default among the caches, where trials find it."""
        return cls(caches, made or caches, study.data.pixel_limit, study.data.decode)

    def place(self) -> Place:
        """The same, as a modality takes it; nobody waits for it."""
        return Place(self.caches, self.pixel_limit, self.decode, self.made, lambda line: None, progress_bar)


class Looking:
    """Looks at each modality's trials, all at once where there is room."""

    def __init__(
        self,
        study: StudyConfig,
        splits: Mapping[str, Split],
        reading: Reading,
        say: Callable[[str], None],
        *,
        again: bool,
    ) -> None:
        """`again`: a study that goes on as it began, whose networks aren't built anew: its trials ran."""
        self._kept = {name: KeptLook.of(study, name, splits, reading) for name in study.modalities}
        self._found = {name: held for name, one in self._kept.items() if again and (held := one.read()) is not None}
        self._waiting: dict[str, Callable[[], Looked]] = {}
        self._say = say

    def begin(self, remote: Remote) -> None:
        """Begin those that haven't begun."""
        new = [one for name, one in self._kept.items() if name not in self._found and name not in self._waiting]
        if new:
            self._say("Building each network once")
        for one in new:
            self._waiting[one.name] = remote(look, one.name, one.values, one.wish, one.splits, one.reading)

    def found(self, checks: Checks) -> dict[str, Looked]:
        """What is known of each modality's trials; what can't be is a fault."""
        for name, wait in self._waiting.items():
            self._found[name] = checks.run(wait) or Looked(None, (), None)
            self._kept[name].write(self._found[name])
        return {name: self._found[name] for name in self._kept}


@dataclass(frozen=True)
class KeptLook:
    """Where what was seen of one modality's trials is kept, among the steps that were tried of them."""

    name: str
    values: SearchedValues
    wish: HeadWish | None
    splits: Mapping[str, Split]
    reading: Reading
    folder: Path
    what: str

    @classmethod
    def of(cls, study: StudyConfig, name: str, splits: Mapping[str, Split], reading: Reading) -> KeptLook:
        """Of a study's modality: its values, heads, data and how they are read have a say."""
        section = study.section(name)
        values, wish = searched_values(section), head_wish(section.search.heads)
        facts = {
            "look": name,
            "values": [values.own, values.space, values.points],
            "heads": repr(wish),
            "data": {split: split_digest(one) for split, one in splits.items()},
            "reading": [reading.pixel_limit, reading.decode],
        }
        what = f"the networks and heads of {study.name}'s {name} trials"
        return cls(name, values, wish, splits, reading, kept_folder(reading.caches, facts), what)

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
