"""What the page shows, as texts and shares: foreign texts on one line, every list cut to what is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.data_page.pictures import PictureBudget
from trainables.data.check.findings import ALL, Finding, Level, Place, verdict_sentence
from trainables.data_check.result import DataCheck
from trainables.words import one_line

MOST_PLACES, MOST_GROUPS, MOST_IN_A_GROUP = 8, 6, 4  # of a finding
MOST_CLASSES = 40
MOST_LETTERS = 160  # of a file or a reason: a caption may be a whole page

Part = tuple[str, bool]  # a piece of a sentence, and whether it is a command or a key


@dataclass(frozen=True)
class ShownPlace:
    """A file or sample, with its picture where there is one."""

    file: str
    reason: str
    where: str  # split and label
    picture: str | None  # a data: URI


@dataclass(frozen=True)
class ShownFinding:
    """A finding's section."""

    kind: str
    anchor: str
    level: Level
    title: tuple[Part, ...]
    remedy: tuple[Part, ...]
    places: tuple[ShownPlace, ...]
    groups: tuple[tuple[ShownPlace, ...], ...]
    more: str  # how much isn't shown

    @property
    def pictured(self) -> bool:
        """Whether there is more than a sentence to it."""
        return bool(self.places or self.groups)


@dataclass(frozen=True)
class ClassRow:
    """A class: in each split its samples, and their share of the split."""

    name: str
    cells: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Measured:
    """What a classifier finds, from 0 to 1, with its interval, beside what finding nothing would be."""

    name: str
    level: Level
    value: float
    low: float
    high: float
    base: float


@dataclass(frozen=True)
class PageView:
    """All that the template reads."""

    name: str
    verdict: str
    sentence: str
    checked: str
    tiles: tuple[tuple[str, str, str], ...]  # label, value, note
    splits: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    classes: tuple[ClassRow, ...]
    more_classes: int
    largest_share: float  # of a class in any split: what a full bar is
    pictures: Mapping[str, Mapping[str, Any]]
    accounting: Mapping[str, Mapping[str, Any]]
    shortcuts: tuple[Measured, ...]
    shifts: tuple[Measured, ...]
    findings: tuple[ShownFinding, ...]


def page_view(check: DataCheck) -> PageView:
    """The page of a check. Pictures are read here: those of the first findings, until there are enough."""
    budget = PictureBudget()
    roots = [source.absolute().parent for source in check.sources.values()]
    rows = _class_rows(check.counts)
    return PageView(
        name=one_line(check.name),
        verdict=check.verdict,
        sentence=verdict_sentence(check.findings),
        checked=check.checked,
        tiles=tuple(_tiles(check)),
        splits=tuple(check.counts),
        sources=tuple((split, one_line(str(path))) for split, path in check.sources.items()),
        classes=tuple(rows[:MOST_CLASSES]),
        more_classes=max(0, len(rows) - MOST_CLASSES),
        largest_share=max((share for row in rows for _, share in row.cells), default=1.0) or 1.0,
        pictures=_shown_values(check.pictures),
        accounting=_shown_values(check.as_dict()["accounting"]),
        shortcuts=tuple(_measured(check.findings, "shortcut-", "accuracy")),
        shifts=tuple(_measured(check.findings, "shift-", "auc")),
        findings=tuple(
            _shown(finding, f"finding-{number}", budget, roots)
            for number, finding in enumerate(check.findings, start=1)
        ),
    )


def parts(sentence: str) -> tuple[Part, ...]:
    """A sentence at its backticks: what stood between two of them is a command or a key."""
    pieces = one_line(sentence).split("`")
    if len(pieces) % 2 == 0:  # a backtick without its fellow, such as in a file's name
        return ((one_line(sentence), False),)
    return tuple((piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece)


def _shown_values(value: Any) -> Any:
    """The same plain values, every text of them on one line."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {_shown_values(key): _shown_values(one) for key, one in value.items()}
    return [_shown_values(one) for one in value] if isinstance(value, list | tuple) else value


def _tiles(check: DataCheck) -> Iterator[tuple[str, str, str]]:
    for split, own in check.counts.items():
        present = sum(count > 0 for count in own.values())
        yield "Samples" if split == ALL else split.capitalize(), f"{sum(own.values()):,}", f"of {present} classes"
    pictures = sum(own["pictures"] for own in check.pictures.values())
    if pictures:
        unreadable = sum(own["unreadable"] for own in check.pictures.values())
        yield "Pictures", f"{pictures:,}", f"{unreadable:,} of them can’t be read" if unreadable else "all can be read"


def _measured(findings: Sequence[Finding], prefix: str, key: str) -> Iterator[Measured]:
    """Of the findings of a kind with this prefix, those that have the number `key` with its interval."""
    for one in findings:
        numbers = one.numbers
        if one.kind.startswith(prefix) and {key, "low", "high"} <= numbers.keys():
            name = one_line(one.kind.removeprefix(prefix).replace("-", " ").capitalize())
            base = float(numbers.get("majority", 0.5))
            yield Measured(name, one.level, float(numbers[key]), float(numbers["low"]), float(numbers["high"]), base)


def _class_rows(counts: Mapping[str, Mapping[str, int]]) -> list[ClassRow]:
    """The largest classes first where not all are shown, else in the order of the classes."""
    names = list(dict.fromkeys(label for own in counts.values() for label in own))
    if len(names) > MOST_CLASSES:
        names.sort(key=lambda label: -sum(own.get(label, 0) for own in counts.values()))
    totals = {split: sum(own.values()) or 1 for split, own in counts.items()}
    return [
        ClassRow(
            one_line(label),
            tuple((own.get(label, 0), own.get(label, 0) / totals[split]) for split, own in counts.items()),
        )
        for label in names
    ]


def _shown(finding: Finding, anchor: str, budget: PictureBudget, roots: Sequence[Path]) -> ShownFinding:
    groups = [group[:MOST_IN_A_GROUP] for group in finding.groups[:MOST_GROUPS]]
    places = finding.told_places[:MOST_PLACES]
    return ShownFinding(
        kind=finding.kind,
        anchor=anchor,
        level=finding.level,
        title=parts(finding.title),
        remedy=parts(finding.remedy),
        places=tuple(_place(place, budget, roots) for place in places),
        groups=tuple(tuple(_place(place, budget, roots) for place in group) for group in groups),
        more=_more(finding, len(places), len(groups)),
    )


def _more(finding: Finding, places: int, groups: int) -> str:
    left = [
        f"{count:,} more {noun}{'' if count == 1 else 's'}"
        for count, noun in ((len(finding.places) - places, "place"), (len(finding.groups) - groups, "group"))
        if count
    ]
    return f"{' and '.join(left)} in data_check.json." if left else ""


def _place(place: Place, budget: PictureBudget, roots: Sequence[Path]) -> ShownPlace:
    return ShownPlace(
        file=_cut(_short(place.file, roots)),
        reason=_cut(place.reason),
        where=" · ".join(map(one_line, place.where)),
        picture=budget.uri(place.file),
    )


def _cut(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= MOST_LETTERS else f"{shown[:MOST_LETTERS].rstrip()} …"


def _short(file: str, roots: Sequence[Path]) -> str:
    """A path from the folder on that holds the split."""
    inside = [root for root in roots if Path(file).is_absolute() and Path(file).is_relative_to(root)]
    return str(Path(file).relative_to(inside[0])) if inside else file
