"""What became of every file below a folder, or of every line of a CSV: the sum is what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from trainables.words import counted, printable

FILES: Final = "file"
LINES: Final = "line"


@dataclass(frozen=True)
class Listed:
    """A file that isn't taken, and why."""

    file: str  # relative to the source, with `/`
    kind: str  # in a word or two, to be counted by: `HEIC`, `text file`
    reason: str  # a sentence's end, with what to do
    blocking: bool = False  # whether a study is refused for it: pictures may be missing that were meant to be there


@dataclass(frozen=True)
class Accounting:
    """Files or lines by what became of them. In a tree, a folder that can't be read counts as one file."""

    unit: Literal["file", "line"]
    taken: int  # samples: pictures, or lines in which a sample's row begins
    used: Mapping[str, int] = field(default_factory=dict)  # no samples, but part of what is read, by kind
    junk: Mapping[str, int] = field(default_factory=dict)  # known to be of no use, by kind
    listed: tuple[Listed, ...] = ()
    notes: tuple[str, ...] = ()  # what a person should know of how the source was read

    @property
    def total(self) -> int:
        """All files or lines."""
        return self.taken + sum(self.used.values()) + sum(self.junk.values()) + len(self.listed)

    @property
    def listed_kinds(self) -> dict[str, int]:
        """How many are listed of each kind, the most frequent first."""
        return dict(Counter(one.kind for one in self.listed).most_common())

    def summary(self, what: str = "pictures") -> str:
        """`11,685 pictures taken, 3 listed (2 HEIC, 1 broken link), 40 junk (36 @eaDir, 4 hidden)`."""
        parts = [f"{self.taken:,} {what} taken"]
        groups = (("used with them", self.used), ("listed", self.listed_kinds), ("junk", self.junk))
        parts += [f"{sum(kinds.values()):,} {name} ({_kinds(kinds)})" for name, kinds in groups if kinds]
        return ", ".join(parts)


def added(accounts: Sequence[Accounting]) -> Accounting:
    """The sum of several folders' accounts."""
    return Accounting(
        FILES,
        sum(one.taken for one in accounts),
        _sum([one.used for one in accounts]),
        _sum([one.junk for one in accounts]),
        tuple(item for one in accounts for item in one.listed),
        tuple(note for one in accounts for note in one.notes),
    )


def account_lines(name: str, account: Accounting | None) -> list[str]:
    """What is to be told a person of a split: nothing where all there is was taken, or the split has no account."""
    if account is None:
        return []
    title = name.capitalize()
    lines = [f"{title}: {note}" for note in account.notes]
    if account.unit == FILES and (account.listed or account.junk):
        lines.insert(0, f"{title}: {account.summary()}")
    return [printable(line) for line in lines]


def _sum(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total.most_common())


def _kinds(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())


def lines_text(account: Accounting) -> str:
    """`12 lines: 9 rows, 1 header, 2 blank`, of a CSV."""
    parts = [
        f"{counted(account.taken, 'row')}",
        *(f"{n:,} {kind}" for kind, n in {**account.used, **account.junk}.items()),
    ]
    return f"{counted(account.total, 'line')}: {', '.join(parts)}"
