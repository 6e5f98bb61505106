"""What a person sees of a split's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.results import Example
from trainables.modalities import modality_of
from trainables.modality import Item

if TYPE_CHECKING:
    from trainables.data.samples import Split


def examples_of(split: Split) -> tuple[Example, ...]:
    """Each sample's inputs, in the split's order: words, or a picture's absolute path."""
    shown = {name: [_shown(name, item) for item in items] for name, items in split.inputs.items()}
    return tuple(
        Example(sample_id, {name: items[row] for name, items in shown.items()})
        for row, sample_id in enumerate(split.ids)
    )


def _shown(modality: str, item: Item) -> str | None:
    return None if item is None else modality_of(modality).shown(item)
