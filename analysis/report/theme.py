"""The report's colours, on a light and on a dark ground, told apart by colour-blind readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

from trainables.modalities import registered
from trainables.names import ENSEMBLE, FUSED, RICHER
from trainables.records import StopReason

Colours = tuple[str, str]  # on a light and on a dark ground

# Okabe and Ito's, darker on the light ground so that thin lines can be seen; their green is the fusion's.
PALETTE: tuple[Colours, ...] = (
    ("#0072b2", "#56b4e9"),  # blue
    ("#c8590a", "#f0a050"),  # vermilion
    ("#a64d85", "#e39ac4"),  # reddish purple
    ("#857000", "#f0e442"),  # yellow
    ("#55606d", "#c5ced8"),  # grey, for their black
)
FUSED_COLOURS: Colours = ("#00805f", "#2fc79a")
ENSEMBLE_COLOURS: Colours = ("#4b3fa7", "#a49bf2")
# How a trial ended: of Okabe and Ito's, too; what went wrong is vermilion, each with a marker or a dash of its own.
REASONS: Mapping[StopReason, Colours] = {
    StopReason.COMPLETED: ("#1d2733", "#e6eaef"),
    StopReason.PRUNED: ("#2a7fb8", "#56b4e9"),
    StopReason.INTERRUPTED: ("#857000", "#f0e442"),
}
WRONG: Colours = ("#c8590a", "#f0a050")


def modality_colours() -> Mapping[str, Colours]:
    """Every registered modality's colours: its own, or the next of the palette that no other one has.

    Once all are taken, they are taken again.
    """
    known = registered()
    taken = {one.colours for one in known.values()}
    free = cycle([colours for colours in PALETTE if colours not in taken] or PALETTE)
    return {name: one.colours or next(free) for name, one in known.items()}


@dataclass(frozen=True)
class Theme:
    """All colours of the pictures on one ground, as `#rrggbb`."""

    paper: str
    ink: str
    muted: str
    grid: str
    soft: str  # of what is there for comparison only
    ramp: tuple[str, str]  # of shares from 0 to 1
    dark: bool

    @property
    def fused(self) -> str:
        """The fusion's colour."""
        return FUSED_COLOURS[self.dark]

    def colour(self, row: str) -> str:
        """A modality's colour, a fusion's or the ensemble's; every other row of the results is muted."""
        together = {FUSED: FUSED_COLOURS, **dict.fromkeys((ENSEMBLE, *RICHER), ENSEMBLE_COLOURS)}
        colours = {**modality_colours(), **together}.get(row)
        return colours[self.dark] if colours else self.muted

    def reason(self, reason: StopReason) -> str:
        """The colour of trials that ended so."""
        return REASONS.get(reason, WRONG)[self.dark]


LIGHT = Theme("#ffffff", "#1d2733", "#667381", "#e4e8ed", "#b9c2cc", ("#f6f8fa", "#0b5a8f"), dark=False)
DARK = Theme("#181d24", "#e6eaef", "#98a4b1", "#2b333d", "#4c5764", ("#222933", "#6cbcf0"), dark=True)
