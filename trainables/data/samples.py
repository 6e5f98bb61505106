"""One table of samples a split, and its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.accounting import Accounting
from trainables.data.files import listed
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Item

DIGESTED_FIRST = ("text",)  # what stood before the label in the first version's digests, which studies have on record


@dataclass(frozen=True)
class Split:
    """One split as a table, in a fixed order: sorted by id, or a CSV's rows as they stand where nothing names them."""

    # (N,) unique; in a class-folder tree "<Class>/<file name>"; in a CSV the column that names samples, else "row-<n>"
    ids: tuple[str, ...]
    labels: NDArray[np.int64]  # (N,) index into classes
    classes: tuple[str, ...]  # (C,) in natural order, or as the study was begun with
    inputs: Mapping[str, tuple[Item, ...]]  # by modality: (N,) items; None where a sample has none
    # What became of each file or line of its source; None where it was read from none, or is a part of a split
    account: Accounting | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        sizes = {len(self.ids), *self.labels.shape, *map(len, self.inputs.values())}
        if self.labels.ndim != 1 or len(sizes) != 1:
            raise ValueError(f"ids, labels and inputs must be equally long, but got lengths {sorted(sizes)}.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def label_names(self) -> tuple[str, ...]:
        """(N,) each sample's class by name."""
        return tuple(self.classes[label] for label in self.labels)

    def items(self, name: str) -> tuple[Item, ...]:
        """(N,) every sample's item of a modality.

        Raises:
            UserError: a sample has none.
        """
        found = self.inputs.get(name, (None,) * len(self))
        if any(item is None for item in found):
            lacking = [sample_id for sample_id, item in zip(self.ids, found, strict=True) if item is None]
            raise UserError(
                f"A model of {name} needs its {name} for every sample, but these have none:\n{listed(lacking)}\n"
                f"Give the CSV a column `{modality_of(name).column}`, or leave {name} out of the study's modalities."
            )
        return found

    def rows(self, rows: NDArray[np.int64]) -> Split:
        """The samples of these rows, in their order."""
        chosen = {name: tuple(items[row] for row in rows) for name, items in self.inputs.items()}
        return Split(tuple(self.ids[row] for row in rows), self.labels[rows], self.classes, chosen)

    def spread(self, count: int) -> Split:
        """At most `count` samples, evenly spread."""
        return self.rows(np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(np.int64)))

    def counts(self) -> dict[str, int]:
        """Samples per class, in the order of `classes`; 0 where the split has none."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(number) for name, number in zip(self.classes, numbers, strict=True)}


def split_digest(split: Split) -> str:
    """SHA-256 (64 hexadecimal digits) over every sample's id, class name and items, in order.

    Times and absolute paths stay out, so that a copy on another machine has the same digest.

    Raises:
        UserError: a file that an item lies in is gone.
    """
    digest = hashlib.sha256()
    columns = {name: _digested(name, items) for name, items in split.inputs.items()}
    first = [columns[name] for name in DIGESTED_FIRST if name in columns]
    rest = [column for name, column in columns.items() if name not in DIGESTED_FIRST]
    for cells in zip(split.ids, *first, split.label_names, *rest, strict=True):
        digest.update(json.dumps(cells).encode() + b"\n")
    return digest.hexdigest()


def _digested(name: str, items: Sequence[Item]) -> list[Any]:
    return [None if item is None else modality_of(name).digested(item) for item in items]


def check_pairs(train: Split, val: Split) -> None:
    """Refuse files that are in train and in val, found by their resolved paths.

    Equal ids are no fault: in a tree they are relative to the split's own folder.

    Raises:
        UserError: there are such files, which are listed.
    """
    seen = {os.path.realpath(path) for path in _files(train)}
    both = [str(path) for path in _files(val) if os.path.realpath(path) in seen]
    if both:
        raise UserError(
            f"A file must be in one split alone, but these are in train and in val:\n{listed(both)}\n"
            "Remove them from train, or name the right folders."
        )


def _files(split: Split) -> Iterator[Path]:
    for name, items in split.inputs.items():
        found = (modality_of(name).file_of(item) for item in items if item is not None)
        yield from (path for path in found if path is not None)
