"""What a command that makes splits says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from search.show.say import say
from trainables.words import one_line


def say_splits(
    folder: Path,
    counts: Mapping[str, Mapping[str, int]],
    note: str,
    *,
    asked: Sequence[float] | None = None,
    what: str = "pictures",
) -> None:
    """A line a split: how many pictures of each class; the share beside the one that was asked for (0 to 1 each)."""
    sizes = [sum(split.values()) for split in counts.values()]
    say(f"{one_line(str(folder))}: {sum(sizes)} {what}, {note}")
    for row, (name, split) in enumerate(counts.items()):
        share = "" if asked is None else f"  {sizes[row] / max(1, sum(sizes)):6.1%} (asked {asked[row]:.1%})"
        classes = ", ".join(f"{one_line(label)} {number}" for label, number in split.items())
        say(f"  {name:5}  {sizes[row]:6}{share}  {classes}")
