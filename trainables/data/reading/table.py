"""What a tree or a CSV gives before its classes have numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trainables.data.accounting import Accounting
from trainables.modality import Item


@dataclass(frozen=True)
class Table:
    """Samples in the split's order, as columns."""

    ids: Sequence[str]
    labels: Sequence[str]  # after merging
    items: Mapping[str, Sequence[Item]]  # by modality
    place: Callable[[int], str]  # where a person finds a sample: a path, or `line 7`
    account: Accounting
