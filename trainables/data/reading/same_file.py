"""Rows that name one picture: several captions of it, or a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.modalities import modality_of
from trainables.modality import Item


def joined_rows(
    ids: Sequence[str], labels: Sequence[str], items: Mapping[str, list[Item]], lines: Sequence[int]
) -> tuple[list[int], dict[int, str]]:
    """The rows that are samples, the first of each id; their `items`, by modality, become those of all its rows.

    Also what is wrong, by row: rows of one id with different labels, with nothing that differs, or with items of which
    a sample has one alone. `lines`: where each row begins.
    """
    first: dict[str, int] = {}
    groups: dict[int, list[int]] = {}
    for row, one in enumerate(ids):
        if (before := first.setdefault(one, row)) != row:
            groups.setdefault(before, [before]).append(row)
    faults = {}
    for before, rows in groups.items():
        try:
            joined = _joined(rows, labels, items)
        except ValueError as fault:
            where = ", ".join(f"line {lines[row]}" for row in rows[:4]) + (", ..." if len(rows) > 4 else "")
            faults[before] = f'"{ids[before]}": {len(rows)} rows name this sample ({where}){fault}'
        else:
            for name, item in joined.items():
                items[name][before] = item
    return list(first.values()), faults


def _joined(rows: Sequence[int], labels: Sequence[str], items: Mapping[str, Sequence[Item]]) -> dict[str, Item]:
    """One sample's items of its rows. ValueError with the end of a sentence."""
    given = sorted({labels[row] for row in rows})
    if len(given) > 1:
        raise ValueError(f", with different labels: {', '.join(given[:3])}")
    if len({repr([items[name][row] for name in items]) for row in rows}) < len(rows):
        raise ValueError(", some of them with the same content: remove all but one")
    found = {}
    for name in items:
        own = [items[name][row] for row in rows]
        different = [item for place, item in enumerate(own) if item not in own[:place]]
        try:
            found[name] = modality_of(name).joined(different)
        except ValueError as fault:
            raise ValueError(f": {fault}") from fault
    return found
