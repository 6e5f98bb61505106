"""Pictures that are there more than once, equal or nearly: within a split, across splits, with two labels.

Equal are files with the same bytes, and those that show the same pixels, however they were saved. A picture in train
and in test makes the test number too good; one with two labels can't be learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from trainables.data.check.findings import Finding, Level, Place
from trainables.data.check.near import near_pairs
from trainables.data.pictures.facts import PictureFacts
from trainables.names import TRAIN
from trainables.words import counted

Groups = list[list[int]]  # places in the sequence of facts, each group sorted and of two or more, by its first

_LISTED = "`binwise data clean` writes a list of what to leave out."


def equal_groups(facts: Sequence[PictureFacts]) -> Groups:
    """Files with the same bytes or the same pixels."""
    pairs: list[tuple[int, int]] = []
    first: dict[Hashable, int] = {}
    for place, one in enumerate(facts):
        for key in (("bytes", one.sha256), ("pixels", one.pixels)):
            if key[1]:
                pairs.append((first.setdefault(key, place), place))
    return _groups(len(facts), pairs)


def near_groups(facts: Sequence[PictureFacts]) -> Groups:
    """Near duplicates and equal pictures; what is near to a near one is in the group too."""
    equal = equal_groups(facts)
    further = {place for group in equal for place in group[1:]}
    kept = [place for place in range(len(facts)) if place not in further]  # many equal ones would be many pairs
    near = [(kept[one], kept[other]) for one, other in near_pairs([facts[place] for place in kept])]
    return _groups(len(facts), [*near, *((group[0], place) for group in equal for place in group)])


def duplicate_findings(facts: Sequence[PictureFacts], places: Sequence[Place]) -> list[Finding]:
    """What is the matter with pictures that are there more than once; `places` in the order of `facts`.

    Each finding has its groups; a group may be in several. Pictures without a split or label count as of one.
    """
    equal = equal_groups(facts)
    known = set(map(tuple, equal))
    near = [group for group in near_groups(facts) if tuple(group) not in known]
    return [*_equal_findings(equal, places), *_near_findings(near, places)]


def _equal_findings(groups: Groups, places: Sequence[Place]) -> Iterable[Finding]:
    across = _with_several(groups, [place.split for place in places])
    if across:
        level: Level = (
            "error" if any(places[member].split == TRAIN for group in across for member in group) else "warning"
        )
        yield _finding(
            "equal-across-splits",
            level,
            f"{_pictures(across)} lie in several splits with the same content{_which(across, places)}",
            f"Leave them out of train, else the scores are too good: {_LISTED}",
            across,
            places,
        )
    if labels := _with_several(groups, [place.label for place in places]):
        title = f"{_pictures(labels)} have the same content and different labels"
        yield _finding("equal-with-two-labels", "error", title, f"Give each one label: {_LISTED}", labels, places)
    if within := [group for group in groups if group not in across]:
        title = f"{_pictures(within)} lie in a split several times with the same content"
        yield _finding("equal-within-split", "note", title, f"One of each is enough: {_LISTED}", within, places)


def _near_findings(groups: Groups, places: Sequence[Place]) -> Iterable[Finding]:
    across = _with_several(groups, [place.split for place in places])
    if across:
        yield _finding(
            "near-across-splits",
            "warning",
            f"{_pictures(across)} lie in several splits as near duplicates{_which(across, places)}",
            "Keep them together: `binwise data import --group-by near`, or leave them out of train. " + _LISTED,
            across,
            places,
        )
    if labels := _with_several(groups, [place.label for place in places]):
        title = f"{_pictures(labels)} are near duplicates with different labels"
        yield _finding(
            "near-with-two-labels", "warning", title, "Look at them, and give each one label.", labels, places
        )
    if within := [group for group in groups if group not in across]:
        title = f"{_pictures(within)} are near duplicates within a split"
        yield _finding("near-within-split", "note", title, "", within, places)


def _finding(kind: str, level: Level, title: str, remedy: str, groups: Groups, places: Sequence[Place]) -> Finding:
    told = tuple(tuple(places[member] for member in group) for group in groups)
    numbers = {"groups": len(groups), "pictures": sum(map(len, groups))}
    return Finding(kind, level, f"{title}.", remedy, groups=told, numbers=numbers)


def _with_several(groups: Groups, values: Sequence[str]) -> Groups:
    return [group for group in groups if len({values[member] for member in group}) > 1]


def _pictures(groups: Groups) -> str:
    return f"{counted(sum(map(len, groups)), 'picture')} ({counted(len(groups), 'group')})"


def _which(groups: Groups, places: Sequence[Place]) -> str:
    """`: train and val 3, test and train 12`: groups by the splits they lie in."""
    found = Counter(" and ".join(sorted({places[member].split for member in group})) for group in groups)
    return ": " + ", ".join(f"{splits} {number}" for splits, number in sorted(found.items()))


def _groups(count: int, pairs: Iterable[tuple[int, int]]) -> Groups:
    """Places that pairs tie together, directly or through others."""
    above = list(range(count))

    def top(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for pair in pairs:
        low, high = sorted(map(top, pair))
        above[high] = low
    found: dict[int, list[int]] = {}
    for place in range(count):
        found.setdefault(top(place), []).append(place)
    return [group for group in found.values() if len(group) > 1]
