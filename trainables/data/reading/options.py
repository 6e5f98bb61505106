"""How a source is read where it isn't as Binwise's own: what a study's `data:` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainables.modalities import modality_of

LABEL = "label"  # a CSV's column


@dataclass(frozen=True)
class ReadOptions:
    """The defaults are what a class-folder tree, or a CSV with `text,label,image`, needs."""

    columns: Mapping[str, str] = field(default_factory=dict)  # by `label` or a modality's name: the CSV's own column
    image_root: Path | None = None  # the folder that a CSV's paths are relative to; None: the CSV's own
    allow_links: bool = False  # whether links may leave the source's folder
    merge: Mapping[str, str] = field(default_factory=dict)  # a label's spelling -> the class that it is

    def column(self, name: str) -> str:
        """The CSV's column of the label, or of a modality."""
        return self.columns.get(name) or (LABEL if name == LABEL else modality_of(name).column)

    def label(self, written: str) -> str:
        """The class that a label or a folder's name stands for."""
        return self.merge.get(written, written)
