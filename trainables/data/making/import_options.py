"""What an import is asked for, whatever it reads, and what it says at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.data.accounting import Accounting
from trainables.data.check.names import BLOCK
from trainables.data.making.candidates import LeftOut
from trainables.data.making.placing import Placing, write_table
from trainables.data.making.shares import Share, check_shares
from trainables.data.making.ties import GroupBy
from trainables.data.pictures.load import PIXEL_LIMIT
from trainables.errors import UserError
from trainables.words import harmless_cell

LEFT_OUT_FILE = "left_out.csv"
REGROUP = (
    "`--group-by` says what stays together: name (names alike but for digits), near (pictures that look alike), "
    "number-block (pictures numbered one after the other), column (of a CSV), several with commas, or none."
)


@dataclass(frozen=True)
class ImportOptions:
    """The shares of val and test (0 to 1; train gets the rest), what stays together, and what becomes of pictures.

    The same `seed` (0 or more) gives the same splits. Raises UserError where the numbers can't be.
    """

    val: float = 0.15
    test: float = 0.15
    seed: int = 0
    group_by: tuple[GroupBy, ...] = ("name",)
    block: int = BLOCK  # pictures in a block of numbers, at least
    pictures: Placing = "copy"
    pixel_limit: int = PIXEL_LIMIT

    def __post_init__(self) -> None:
        check_shares(self.val, self.test, self.seed)
        if self.block < 1:
            raise UserError(f"A block of numbers must have 1 picture or more, but got {self.block}.")

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of train, val and test."""
        return 1 - self.val - self.test, self.val, self.test


@dataclass(frozen=True)
class ImportReport:
    """What an import wrote: samples by split and class, groups, and what was left out."""

    destination: Path
    counts: dict[str, dict[str, int]]  # samples by split folder and class
    shares: tuple[Share, ...]  # what was asked for, and what came out
    groups: int  # sets of samples that stayed together, those of one sample counted too
    left_out: tuple[LeftOut, ...]  # in the order of the source
    notes: tuple[str, ...]  # what a person should know of the splits
    config: str  # the lines of a study that read the splits
    account: Accounting | None = None  # what became of each file of a folder; `taken` counts what was left out later


def write_left_out(folder: Path, left_out: Sequence[LeftOut]) -> None:
    """`left_out.csv`: a line for each, with its reason."""
    rows = ([harmless_cell(item.file), harmless_cell(item.reason)] for item in left_out)
    write_table(folder / LEFT_OUT_FILE, ["file", "reason"], rows)
