"""The middle of every import: candidates looked at, left out, grouped, dealt to three splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.data.check.duplicates import near_groups
from trainables.data.files import quoted
from trainables.data.making.candidates import Candidate, LeftOut, examined, left_out
from trainables.data.making.import_options import REGROUP, ImportOptions, ImportReport
from trainables.data.making.placing import require_picture_room
from trainables.data.making.shares import deal_groups, shares_of
from trainables.data.making.ties import Ties, grouped
from trainables.data.reading.labels import several_fault, several_in_one, twin_fault, twin_groups
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS
from trainables.words import one_line


@dataclass(frozen=True)
class SplitUp:
    """Candidates and where each goes."""

    candidates: list[Candidate]
    splits: dict[int, int]  # the number of the split (0, 1, 2) of each position that has one, in order
    groups: int
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """Samples by split folder and class."""
        labels = sorted({self.candidates[row].label for row in self.splits})
        counts = {name: dict.fromkeys(labels, 0) for name in SPLIT_FOLDERS}
        for row, split in self.splits.items():
            counts[SPLIT_FOLDERS[split]][self.candidates[row].label] += 1
        return counts

    def paths(self) -> list[Path]:
        """The pictures of all samples, each once, in order."""
        found = (self.candidates[row].path for row in self.splits)
        return list(dict.fromkeys(path for path in found if path is not None))

    def report(self, destination: Path, options: ImportOptions, config: str, copied: int = 0) -> ImportReport:
        """What is said of it; `copied`: how many pictures are copies."""
        counts, notes = self.counts(), self.notes
        if options.pictures == "link" and copied:
            notes += (
                f"{copied:,} of {len(self.paths()):,} pictures can't be linked from where they are: they are copies.",
            )
        return ImportReport(
            destination, counts, shares_of(counts, options.shares), self.groups, self.left_out, notes, config
        )


def split_up(
    candidates: Sequence[Candidate],
    source: Path,
    destination: Path,
    options: ImportOptions,
    *,
    caches: Path,
    column: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> SplitUp:
    """Where each candidate goes; `column`: each one's cell, where they are grouped by it.

    Raises UserError where a class has two spellings, fewer than two classes are left, a group is larger than any split,
    a class has too few groups for three splits, or the disk of `destination` lacks the room for the copies.
    """
    _refuse_odd_labels(candidates, source)
    looked = examined(candidates, options.pixel_limit, caches, progress)
    reasons = left_out(looked)
    _require_classes(looked, reasons)
    found = grouped(_ties(looked, options, column), options.group_by, block=options.block, smallest=min(options.shares))
    kept = [rows for group in found.groups if (rows := [row for row in group if row not in reasons])]
    names, labels = [one.name for one in looked], [one.label for one in looked]
    dealt = deal_groups(
        kept, labels, names, shares=options.shares, seed=options.seed, remedy=_remedy(len(reasons), options)
    )
    listed = tuple(LeftOut(looked[row].place, reason) for row, reason in sorted(reasons.items()))
    made = SplitUp(looked, dealt.splits, dealt.groups, listed, found.notes + dealt.notes)
    require_picture_room(made.paths(), destination, options.pictures)
    return made


def _refuse_odd_labels(candidates: Sequence[Candidate], source: Path) -> None:
    counts = Counter(one.label for one in candidates if one.label)
    if twins := twin_groups(counts):
        fault = twin_fault(source, twins, counts)
    elif several := several_in_one(counts, counts):
        fault = several_fault(source, several, counts)
    else:
        return
    raise UserError(f"{fault}\nAn import merges none: correct them, or take only some of the classes with `--classes`.")


def _require_classes(candidates: Sequence[Candidate], reasons: dict[int, str]) -> None:
    left = sorted({one.label for row, one in enumerate(candidates) if row not in reasons})
    if len(left) < 2:
        shown = quoted([one_line(label) for label in left])
        first = next(iter(reasons.items()), None)
        why = f" The first: {one_line(candidates[first[0]].place)}: {one_line(first[1])}." if first else ""
        raise UserError(
            f"At least two classes must have samples that can be used, but got {shown}: {len(reasons)} of "
            f"{len(candidates)} were left out.{why}"
        )


def _remedy(left_out: int, options: ImportOptions) -> str:
    """What to do about groups that are too large or too few."""
    lost = f"{left_out:,} were left out as unreadable or duplicates. " if left_out else ""
    joined = " Several of these tie more together than each by itself." if len(options.group_by) > 1 else ""
    return f"{lost}{REGROUP}{joined}"


def _ties(candidates: Sequence[Candidate], options: ImportOptions, column: Sequence[str]) -> Ties:
    return Ties(
        names=[one.name for one in candidates],
        labels=[one.label for one in candidates],
        always=[_same(one) for one in candidates],
        near=_near(candidates) if "near" in options.group_by else (),
        column=column,
    )


def _same(one: Candidate) -> Hashable | None:
    """What equal candidates share: their picture; without pictures their text."""
    return one.digest or (None if one.path is not None else ("name", one.name.strip()))


def _near(candidates: Sequence[Candidate]) -> list[Hashable | None]:
    """The number of each candidate's group of near duplicates."""
    groups = near_groups([one.facts for one in candidates])
    found: list[Hashable | None] = [None] * len(candidates)
    for number, rows in enumerate(groups):
        for row in rows:
            found[row] = number
    return found
