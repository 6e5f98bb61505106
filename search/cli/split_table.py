"""What a command that makes splits says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from search.show.say import say
from trainables.words import enumerated

MOST_CLASSES = 30  # that a line of a split has


def say_splits(folder: Path, counts: Mapping[str, Mapping[str, int]], note: str) -> None:
    """A line a split: how many pictures of each class."""
    say(f"{folder}: {sum(sum(split.values()) for split in counts.values())} pictures, {note}")
    for name, split in counts.items():
        classes = enumerated([f"{label} {number}" for label, number in split.items()], MOST_CLASSES)
        say(f"  {name:5}  {sum(split.values()):6}  {classes}")
