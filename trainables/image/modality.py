"""The modality image: pictures as a model's input."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from trainables.config import ImageTrialConfig, TrialConfig
from trainables.modality import Modality


class ImageModality(Modality):
    """An item is a picture's absolute path."""

    name: ClassVar[str] = "image"
    column: ClassVar[str] = "image"
    config_type: ClassVar[type[TrialConfig]] = ImageTrialConfig
    table_type: ClassVar[str] = "binary"
    shown_as: ClassVar[Literal["picture", "words"]] = "picture"
    colours: ClassVar[tuple[str, str] | None] = ("#0072b2", "#56b4e9")
    baseline_note: ClassVar[str] = "frozen image features"
    names_samples: ClassVar[bool] = True

    def from_file(self, path: Path) -> Path:
        """The file itself."""
        return path

    def fault(self, item: Path) -> str | None:
        """Where it is no file."""
        return None if item.is_file() else f"The picture must be a file, but {item} isn't one. Check the path."

    def to_json(self, item: Path) -> str:
        """The path."""
        return str(item)

    def from_json(self, value: Any) -> Path:
        """The path."""
        return Path(value)


MODALITY = ImageModality()
