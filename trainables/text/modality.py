"""The modality text: captions, file names and other words as a model's input."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from trainables.config import TextTrialConfig, TrialConfig
from trainables.modality import Modality


class TextModality(Modality):
    """An item is a text."""

    name: ClassVar[str] = "text"
    column: ClassVar[str] = "text"
    config_type: ClassVar[type[TrialConfig]] = TextTrialConfig
    colours: ClassVar[tuple[str, str] | None] = ("#c8590a", "#f0a050")
    baseline_note: ClassVar[str] = "the texts’ character n\u2011grams"

    def from_file(self, path: Path) -> str:
        """A picture's name without its ending."""
        return path.stem


MODALITY = TextModality()
