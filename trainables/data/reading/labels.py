"""Labels as people write them: which are one class in two spellings, which are several in one, and their order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final

from trainables.data.files import listed
from trainables.words import counted, printable

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?|[+-]?\.[0-9]+")
_BOOLEANS: Final = {"true": "1", "false": "0"}
_COMPARED: Final = 200  # characters of two labels
_JOINTS = re.compile(r"[|;,]")  # what stands between the labels of a sample that has several


def label_key(label: str) -> str:
    """What is left of a label without what a person doesn't see: two labels of one key are twins.

    Unicode's compatible forms (NFKC: full width, composed accents), case, spaces, invisible characters, `1` and `1.0`,
    `True` and `1` are one.
    """
    text = unicodedata.normalize("NFKC", "".join(char for char in label if not _unseen(char))).casefold()
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _NUMBER.fullmatch(text) and len(text) <= 25:
        return format(Decimal(text).normalize() + 0, "f")
    return text


def _unseen(char: str) -> bool:
    """Format characters, such as a space of no width; soft hyphens; variation selectors; control characters."""
    return (unicodedata.category(char) in ("Cf", "Cc") and not char.isspace()) or "\ufe00" <= char <= "\ufe0f"


def natural_order(labels: Iterable[str]) -> list[str]:
    """Sorted as people count: 2 before 10; labels that are all numbers by their value."""
    found = list(labels)
    if all(_NUMBER.fullmatch(label) for label in found):
        return sorted(found, key=lambda label: (Decimal(label), label))
    return sorted(found, key=_natural_key)


def _natural_key(label: str) -> tuple[list[tuple[str, int]], str]:
    """Texts and numbers by turns."""
    parts = re.split(r"([0-9]+)", label)
    numbers = [int(number[:4000]) for number in parts[1::2]]  # Python reads no longer ones
    return list(zip(parts[0::2], [*numbers, -1], strict=True)), label


def twin_groups(counts: Mapping[str, int], known: Iterable[str] = ()) -> list[list[str]]:
    """Labels that are one class in several spellings, the main one first: of `known` where one is, else most frequent.

    `counts`: how often each label was found. `known`: a begun study's or train's classes, which are no twins of each
    other, as they were taken before.
    """
    fixed = set(known)
    groups: dict[str, list[str]] = {}
    for label in dict.fromkeys([*known, *counts]):
        groups.setdefault(label_key(label), []).append(label)
    found = [group for group in groups.values() if len(group) > 1 and not fixed.issuperset(group)]
    return [sorted(group, key=lambda one: (one not in fixed, -counts.get(one, 0), one)) for group in found]


def several_in_one(labels: Iterable[str], classes: Iterable[str]) -> dict[str, list[str]]:
    """Labels such as `a|b` whose parts are classes themselves, with these parts."""
    keys = {label_key(name): name for name in classes}
    found: dict[str, list[str]] = {}
    for label in labels:
        parts = [part.strip("[]{}'\" ") for part in _JOINTS.split(label)] if _JOINTS.search(label) else []
        named = [keys.get(label_key(part)) for part in parts]
        if len(parts) > 1 and all(name is not None and name != label for name in named):
            found[label] = [name for name in named if name is not None]
    return found


def twin_fault(source: object, groups: Sequence[Sequence[str]], counts: Mapping[str, int]) -> str:
    """The message about twins: each spelling with its count and what differs, and the remedy ready to be pasted."""
    lines = [_group_line(group, counts) for group in groups]
    merge = {twin: group[0] for group in groups for twin in group[1:]}
    classes = "classes" if len(groups) > 1 else "class"
    return (
        f"A class must have one spelling, but {source} has {len(groups)} {classes} in several:\n{listed(lines)}\n"
        f"Correct the labels, or have them merged in the study:\n{merge_yaml(merge)}"
    )


def several_fault(source: object, found: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> str:
    """The message about labels that name several classes."""
    lines = [
        f"{shown_label(label)} ({counted(counts.get(label, 0), 'sample')}): "
        f"{' and '.join(shown_label(part) for part in parts)} are classes themselves"
        for label, parts in found.items()
    ]
    merge = {label: parts[0] for label, parts in found.items()}
    return (
        f"A sample must have one label, as a model says one class of it, but {source} has labels that name several "
        f"(multi-label):\n{listed(lines)}\nGive each sample its main label, or say in the study which class each is:\n"
        f"{merge_yaml(merge)}"
    )


def merge_yaml(merge: Mapping[str, str]) -> str:
    """`data.labels.merge` of a study's YAML; what isn't ASCII is escaped, as its form is what matters."""
    lines = [f"        {_escaped(twin)}: {_escaped(name)}" for twin, name in merge.items()]
    return "\n".join(["  data:", "    labels:", "      merge:", *lines])


def _escaped(text: str) -> str:
    """A text in YAML's double quotes and ASCII."""
    return f'"{"".join(map(_escape, text))}"'


def _escape(char: str) -> str:
    if " " <= char <= "~" and char not in '"\\':
        return char
    return f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}"


def _group_line(group: Sequence[str], counts: Mapping[str, int]) -> str:
    main = group[0]
    others = [f"{_count(twin, counts)}: {_difference(twin, main)}" for twin in group[1:]]
    return f"{_count(main, counts)} and {'; '.join(others)}"


def _count(label: str, counts: Mapping[str, int]) -> str:
    number = f"{counts[label]:,} here" if label in counts else "in train"
    return f"{shown_label(label)} ({number})"


def shown_label(label: str) -> str:
    """A label in quotes, as a terminal may show it."""
    return f'"{printable(label)}"'


def _difference(label: str, main: str) -> str:
    """`U+0065 U+0301 for U+00E9`: the code points that differ."""
    # From where they differ on, and not far: to compare all of two long texts takes the square of their length.
    same = next(
        (place for place, (a, b) in enumerate(zip(main, label, strict=False)) if a != b), min(len(main), len(label))
    )
    main, label = main[same : same + _COMPARED], label[same : same + _COMPARED]
    codes = SequenceMatcher(None, main, label, autojunk=False).get_opcodes()
    parts = [_change(main[a:b], label[i:j]) for tag, a, b, i, j in codes if tag != "equal"]
    return ", ".join(parts[:4]) + (", ..." if len(parts) > 4 else "")


def _change(main: str, other: str) -> str:
    if not main or not other:
        return f"{_points(main or other)} {'more' if other else 'less'}"
    return f"{_points(other)} for {_points(main)}"


def _points(text: str) -> str:
    named = [f"U+{ord(char):04X}{_name(char)}" for char in text[:4]]
    return " ".join(named) + (" ..." if len(text) > 4 else "")


def _name(char: str) -> str:
    """The name of a character that can't be seen."""
    unseen = not char.isprintable() or char.isspace() or _unseen(char) or unicodedata.combining(char)
    return f" ({unicodedata.name(char, 'no name').lower()})" if unseen else f" {char}"
