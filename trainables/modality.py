"""What a modality is: everything that the loops, the search and the analysis ask of one kind of input.

A modality is a folder with a `modality.py` that has one `Modality`. Nothing here imports torch, so that configs can be
checked and `--help` answers at once; a modality imports what it needs when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trainables.errors import UserError
from trainables.names import HEAD, HEAD_FAMILIES, NONE

if TYPE_CHECKING:
    from trainables.checkpoint import Checkpoint
    from trainables.config import HeadConfig, TrialConfig
    from trainables.data.samples import Split
    from trainables.learning.loop import Learner
    from trainables.portable import Portable
    from trainables.records import Predictions

Item = Any  # one sample's input: a picture's path, a text, a row of numbers; None where the sample has none
Tell = Callable[[int, int], None]  # (done, all)
Decode = Literal["auto", "cache", "stream"]  # files are decoded once, for every batch, or as the disk has room
Companions = Callable[[Path], None]  # writes what belongs to a checkpoint's weights, a tokenizer say, into its folder


class Model(Protocol):
    """A trained model of one modality."""

    @property
    def classes(self) -> tuple[str, ...]:
        """(C,) in the order of the logits."""

    def logits(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Logits (N, C) of the modality's items."""

    def timed_logits(self, items: Sequence[Item], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C), and the seconds that the network took for all of them, the items' preparation not counted."""


@dataclass(frozen=True)
class DataAccess:
    """The splits that a trial may see (train and val, never test) and what its modality prepared for them."""

    splits: Mapping[str, Split]
    caches: Path  # the folder of all caches; each modality has folders of its own in it
    pixel_limit: int  # a larger picture isn't decoded
    decode: Decode = "auto"  # as the study says; what became of it is among what was prepared
    prepared: Mapping[str, Any] = field(default_factory=dict)  # what the modality's `prepare` returned
    workers: int = 1  # processes that may decode


@dataclass(frozen=True)
class SearchedValues:
    """Which hyperparameters the trials of a search may have."""

    own: Mapping[str, Any]  # the section's own values: every hyperparameter
    space: Mapping[str, Sequence[Any]]  # by key: the values that the space has, or the own one where it isn't searched
    points: Sequence[Mapping[str, Any]]  # the fixed trials, whole, the section's own values first

    def every(self, key: str) -> list[Any]:
        """All values that a trial may have for `key`, each once."""
        return list(dict.fromkeys([*self.space[key], *(point[key] for point in self.points)]))


@dataclass(frozen=True)
class Place:
    """Where a modality keeps what it prepares, and how it may: the same for all of a study's modalities."""

    caches: Path  # the folder of all caches; each modality has folders of its own in it
    pixel_limit: int
    decode: Decode
    made: Path  # where `plan` may put what it makes on the way: `caches`, or a folder that is thrown away
    say: Callable[[str], None]  # a line for the person who waits
    bar: Callable[[str], AbstractContextManager[Tell]]  # a progress bar with a label


@dataclass(frozen=True)
class Plan:
    """What preparing will take at most, before it is begun."""

    bytes: int = 0  # on the disk of the caches
    lines: tuple[str, ...] = ()  # to be told a person


@dataclass(frozen=True)
class CounterChoice:
    """The hyperparameter by which trials read the number at the end of an item, or don't."""

    key: str
    reads: Any  # its value that reads the number
    without: Any  # its value that leaves it out


@dataclass(frozen=True)
class HeadWish:
    """Which head trials a study asks for: heads on frozen features, before anything is fine-tuned."""

    families: tuple[str, ...] = ()  # kernel_ridge, logistic, neighbours; none: those that are worth it
    backbones: tuple[str, ...] = ()  # none: those that the trials of the search may have
    most: int | None = None  # head trials of one modality; None: as many as there are


@dataclass(frozen=True)
class Starter:
    """A section for the first study of someone's data: values, a space, and why they are so."""

    own: Mapping[str, Any]  # hyperparameters, the costliest ones left to `scales`
    scales: Sequence[tuple[Mapping[str, Any], float]]  # further hyperparameters, and a step's cost; the best ones first
    epochs: Sequence[int]  # of a trial, the most first
    space: Mapping[str, Any]  # as a file has it
    points: Sequence[Mapping[str, Any]]
    why: Mapping[str, str]  # by key, a line for the file


class Modality(Protocol):
    """One kind of input. Subclass it explicitly: what has a body here is what most modalities do."""

    name: ClassVar[str]  # the section's key, the folder's name, the head of trials' names
    column: ClassVar[str]  # of a CSV; also the key in a study's table of samples
    config_type: ClassVar[type[TrialConfig]]

    # How it is spoken of
    table_type: ClassVar[str] = "string"  # the column's type in MLflow's data sets
    shown_as: ClassVar[Literal["picture", "words"]] = "words"  # what a report shows of an item
    colours: ClassVar[tuple[str, str] | None] = None  # on a light and on a dark ground; None: one that is free
    baseline_note: ClassVar[str] = ""  # what the linear baseline sees: `frozen image features`
    imported: ClassVar[tuple[str, ...]] = ()  # modules with what its trials take seconds to import, imported ahead

    # What may be searched and changed, beside what holds for all modalities
    not_searched: ClassVar[Mapping[str, str]] = {}  # hyperparameter -> why no trial may vary it
    free_on_resume: ClassVar[frozenset[str]] = frozenset()  # hyperparameters that change nothing of what is learned
    local_paths: ClassVar[tuple[str, ...]] = ()  # hyperparameters whose values may be local files or folders
    bare_names: ClassVar[frozenset[str]] = frozenset()  # those of them whose values are paths only with a slash in them
    network: ClassVar[tuple[str, ...]] = ()  # hyperparameters that say what the network is
    ranked: ClassVar[str | None] = None  # the one that names it: a section may list several, which head trials rank
    demanding: ClassVar[tuple[str, ...]] = ("batch_size", "evaluation_batch_size")  # the larger, the more memory
    relieving: ClassVar[tuple[str, ...]] = ()  # the larger, the less
    companion_bytes: ClassVar[int] = 0  # of a checkpoint beside the weights
    counter_choice: ClassVar[CounterChoice | None] = None  # None: its items have no number at their end, or all read it
    head_config_type: ClassVar[type[HeadConfig] | None] = None  # of head trials; None: the modality has no such trials

    # Items

    names_samples: ClassVar[bool] = False  # whether a CSV's cells of its column are the samples' ids

    def from_cell(self, cell: str, root: Path) -> Item:
        """The item of a CSV's cell; `root` is the folder of its files. ValueError with the fault in words."""

    def from_cells(self, cells: Sequence[str], root: Path, *, allow_links: bool = False) -> list[Item | ValueError]:
        """The items of a CSV's column, or why a cell has none. `allow_links`: files may lie outside `root` over links.

        What `from_cell` does, for a million cells.
        """
        found: list[Item | ValueError] = []
        for cell in cells:
            try:
                found.append(self.from_cell(cell, root))
            except ValueError as fault:
                found.append(fault)
        return found

    def from_file(self, path: Path) -> Item:
        """The item of a picture file in a class-folder tree, or given to `predict`; None where a file tells nothing."""
        return None

    def from_beside(self, text: str) -> Item:
        """The item of a text file that lies beside a picture in a class-folder tree; None where it tells nothing."""
        return None

    def joined(self, items: Sequence[Item]) -> Item:
        """One sample's item of several that it has, as its captions. ValueError, in words, where it can't have two."""
        if len(items) != 1:
            raise ValueError(f"a sample has one {self.name}, but {len(items)} are given")
        return items[0]

    def is_empty(self, item: Item) -> bool:
        """Whether there is nothing in the item to learn from, such as in a blank text."""
        return False

    def says_nothing(self, item: Item) -> bool:
        """Whether the item, though it isn't empty, tells nothing of what the sample is: a camera's `IMG_1234`."""
        return False

    def fault(self, item: Item) -> str | None:
        """Why a model can't take the item, and what to do; None where it can."""
        return None

    def to_json(self, item: Item) -> Any:
        """The item as plain values for a study's table of samples."""
        return item

    def from_json(self, value: Any) -> Item:
        """The item of such values. TypeError or ValueError where they are none."""
        return value

    def digested(self, item: Item) -> Any:
        """Plain values of which a split's digest is made: the content, no place and no time."""
        return self.to_json(item)

    def file_of(self, item: Item) -> Path | None:
        """The file that the item lies in, which must be in one split alone."""
        return None

    def shown(self, item: Item) -> str:
        """The item in words, or its file's path."""
        return str(item)

    # A first study

    def starter(self, train: Split) -> Starter | None:
        """What a first study of these samples has of the modality; None where they have too little of it.

        UserError where no weights are at hand, with what can be done.
        """
        return None

    # Before the first trial

    def networks(self, values: SearchedValues) -> list[Mapping[str, Any]]:
        """The trials whose networks are built once to see that they can be: one for each network of the space.

        Raises UserError where it is clear without building that one can't.
        """
        return distinct([*values.points, *combined(values, self.network)], self.network)

    def check(self, config: Any, train: Split) -> int:
        """Build a trial's network and forget it: the bytes of its tensors. UserError where it can't be had."""

    def plan(self, values: SearchedValues, splits: Mapping[str, Split], place: Place) -> Plan:
        """What `prepare` will take. UserError where it is clear that it can't be done."""
        return Plan()

    def prepare(self, values: SearchedValues, splits: Mapping[str, Split], place: Place) -> dict[str, Any]:
        """Do once what every trial needs. What is returned, plain values, is `DataAccess.prepared` of every trial."""
        return {}

    def heads(self, values: SearchedValues, wish: HeadWish) -> list[dict[str, Any]]:
        """The head trials of rung zero, whole, each with the key `head`; in the order in which they should run.

        One of each backbone comes first. Empty where frozen features of the section's networks mean nothing, as with
        random weights. UserError where a backbone that is asked for has no features.
        """
        return []

    # A trial

    def build(self, config: Any, data: DataAccess, seed: int) -> tuple[Learner, Companions | None]:
        """A learner at the beginning of its training, and what writes the files beside its weights, if there are any.

        `config` is of `config_type`, or of `head_config_type`. Raises UserError where weights can't be had.
        """

    def load(self, folder: Path, checkpoint: Checkpoint) -> Model:
        """The trained model of a checkpoint folder, which was read and checked."""

    def portable(self, folder: Path, checkpoint: Checkpoint) -> Portable:
        """The same model for a bundle. UserError where the modality's models can't be had without its own code."""
        raise UserError(
            f"A bundle must have models that run without training's code, but the modality {self.name!r} doesn't say "
            "how its do: its `portable` is missing. `binwise predict STUDY` uses them all the same."
        )

    # A probe: a few steps of a trial before the first one

    def probe_changes(self) -> Mapping[str, Any]:
        """Hyperparameters with which all of the network learns from the first epoch on."""
        return {}

    def probe_train(self, train: Split, config: Any) -> Split:
        """As much of train as a probe needs."""
        return train

    def sizes(self, train: Split) -> NDArray[np.int64]:
        """(N,) how large each sample's item is, in any unit: a probe tries the largest."""
        return np.zeros(len(train), dtype=np.int64)

    def resident_bytes(self, config: Any, data: DataAccess, device: Any) -> int:
        """Bytes on the device, beside the network, that a whole trial keeps there and a probe doesn't."""
        return 0

    # The linear baseline

    def baseline(
        self, checkpoint: Path, train: Split, evaluate: Mapping[str, Split]
    ) -> Mapping[str, Predictions] | None:
        """Predictions, by split, of a linear model on features that nobody trained; fitted on `train`.

        `checkpoint` is of the selected model. None: the modality has no such baseline.
        """
        return None


def head_trials(
    wish: HeadWish,
    backbones: Sequence[str | None],
    together: Sequence[str] = (),
    variants: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """The keys `head`, `backbone` and, where several are averaged, `others` of the head trials that are wished for.

    First each backbone with the first family, then those that may be averaged `together`, then all of these again with
    the changed keys of each of the `variants`, then the other families.
    """
    families = wish.families or HEAD_FAMILIES
    first: list[dict[str, Any]] = [{HEAD: families[0], "backbone": one} for one in backbones]
    if len(together) > 1:
        first.append({HEAD: families[0], "backbone": together[0], "others": tuple(together[1:])})
    found = [*first, *({**one, **changed} for changed in variants for one in first)]
    found += [{HEAD: family, "backbone": one} for family in families[1:] for one in backbones]
    return found[: wish.most]


def pretrained(values: SearchedValues) -> dict[str, str]:
    """The backbones that trials may have with other weights than random ones, each with the first such weights."""
    found: dict[str, str] = {}
    for trial in [*values.points, *combined(values, ("backbone", "weights"))]:
        if trial["weights"] != NONE:
            found.setdefault(trial["backbone"], trial["weights"])
    return found


def combined(values: SearchedValues, keys: Sequence[str], **changes: Any) -> list[dict[str, Any]]:
    """The section's own trial with `changes`, once with each combination of the space's values for `keys`."""
    choices = product(*(values.space[key] for key in keys))
    return [{**values.own, **changes, **dict(zip(keys, chosen, strict=True))} for chosen in choices]


def distinct(trials: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """The first of those trials that are alike in these keys."""
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for trial in trials:
        found.setdefault(tuple(_hashable(trial.get(key)) for key in keys), trial)
    return list(found.values())


def _hashable(value: Any) -> Any:
    return tuple(sorted(value.items())) if isinstance(value, dict) else value
