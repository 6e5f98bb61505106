"""The console for pictures and bars: what a terminal would obey in names and texts goes out as its escape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from trainables.words import printable


class SafeConsole(Console):
    """A console whose own commands alone reach the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is drawn, piece by piece; a piece of `control` is the console's own."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(printable(piece.text), piece.style)


def console(**settings: Any) -> Console:
    """Where a person reads."""
    return SafeConsole(**settings)
