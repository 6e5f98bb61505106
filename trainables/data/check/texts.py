"""Texts that stand twice, names that say nothing, and class names inside texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePath
from textwrap import shorten

from trainables.data.check.findings import Finding, Level, Place
from trainables.data.check.names import name_key
from trainables.names import TEST, TRAIN, VAL
from trainables.words import counted, says_nothing

KNOWN_SHARE = 0.01  # from this share of a split on, texts that train has as well make its result too good
EASIER = 0.1  # val has so much more of train's texts than test that its result says little of test's
NOTHING_SHARE = 0.1  # from this share on, a text model learns from names that say nothing
TELLING_SHARE, TELLING_RIGHT = 0.3, 0.9  # class names in so many texts, right so often, are the label in other words


@dataclass(frozen=True)
class TextSample:
    """One text of one sample."""

    text: str
    place: Place  # with the sample's split and label

    @property
    def told(self) -> Place:
        """The place with its text, where that isn't its file's name."""
        same = PurePath(self.place.file).stem == self.text
        return self.place if same else replace(self.place, reason=f'"{self.text}"')


def text_findings(samples: Sequence[TextSample], *, alone: bool) -> list[Finding]:
    """Everything here that needs no tokenizer. `alone`: the text is all that a sample has."""
    return [*equal_texts(samples, alone=alone), *names_that_say_nothing(samples), *label_words(samples)]


# Texts that stand twice


def folded(text: str) -> str:
    """A text without what no reader tells apart: case, width, runs of spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def equal_texts(samples: Sequence[TextSample], *, alone: bool) -> list[Finding]:
    """Texts under two labels, in two splits, and twice in one split; case and spaces don't count.

    `alone`: the text is all that a sample has, so that an equal one is the same sample again.
    """
    found = _groups(samples, folded)
    return [*_two_labels(found, alone), *_across(samples, found, alone), *_within(found, alone), *_alike(samples)]


def _groups(samples: Iterable[TextSample], key: Callable[[str], Hashable]) -> list[list[TextSample]]:
    """The samples with equal keys, of those that share theirs with another sample."""
    groups: dict[Hashable, list[TextSample]] = {}
    for sample in samples:
        if (own := key(sample.text)) != "":
            groups.setdefault(own, []).append(sample)
    return [group for group in groups.values() if len(group) > 1]


def _places(group: Sequence[TextSample]) -> tuple[Place, ...]:
    return tuple(sample.told for sample in group)


def _two_labels(groups: Sequence[Sequence[TextSample]], alone: bool) -> Iterator[Finding]:
    torn = [group for group in groups if len({sample.place.label for sample in group}) > 1]
    if torn:
        members = sum(map(len, torn))
        yield Finding(
            kind="text-with-two-labels",
            level="warning" if alone else "note",
            title=f"{counted(len(torn), 'text')} {_stand(torn)} under two classes or more, {members:,} samples in all.",
            remedy="Correct the labels where they are wrong; no text model can tell such samples apart.",
            groups=tuple(map(_places, torn)),
            numbers={"texts": len(torn), "samples": members},
        )


def _across(samples: Sequence[TextSample], groups: Sequence[Sequence[TextSample]], alone: bool) -> Iterator[Finding]:
    shared = [group for group in groups if len({sample.place.split for sample in group}) > 1]
    shares = _known_shares(samples, folded)
    if not shared or not any(shares.values()):
        return
    level: Level = "warning" if alone and max(shares.values()) >= KNOWN_SHARE else "note"
    yield Finding(
        kind="equal-texts-across-splits",
        level=level,
        title=f"{_shares_said(shares)} texts stand in train as well.",
        remedy="Leave them out of train: what was learned by heart is no measure of what was learned."
        if alone
        else "Where such samples are one thing, keep them in one split.",
        groups=tuple(map(_places, shared)),
        numbers={"texts": len(shared), "known": shares},
    )


def _within(groups: Sequence[Sequence[TextSample]], alone: bool) -> Iterator[Finding]:
    def by_split(group: Sequence[TextSample]) -> list[list[TextSample]]:
        ordered = sorted(group, key=lambda sample: sample.place.split)
        return [list(own) for _, own in groupby(ordered, key=lambda sample: sample.place.split)]

    repeated = [own for group in groups for own in by_split(group) if len(own) > 1]
    if repeated and alone:
        extra = sum(len(own) - 1 for own in repeated)
        yield Finding(
            kind="equal-texts-within-a-split",
            level="note",
            title=f"{counted(len(repeated), 'text')} {_stand(repeated)} more than once in a split, {extra:,} samples "
            "too many.",
            remedy="Leave the repeated ones out, unless they are meant to count more.",
            groups=tuple(map(_places, repeated)),
            numbers={"texts": len(repeated), "extra": extra},
        )


def _alike(samples: Sequence[TextSample]) -> Iterator[Finding]:
    """Val's and test's texts that train has but for digits: where val has far more, it is the easier split."""
    shares = _known_shares(samples, name_key)
    if not any(shares.values()):
        return
    easier = shares.get(VAL, 0.0) - shares.get(TEST, shares.get(VAL, 0.0))
    yield Finding(
        kind="alike-texts-across-splits",
        level="warning" if easier >= EASIER else "note",
        title=f"But for digits, case and separators, {_shares_said(shares)} texts stand in train as well"
        + (": val is easier than test." if easier >= EASIER else "."),
        remedy="Make a val that is as far from train as test is: `binwise data resplit STUDY --like-test`."
        if easier >= EASIER
        else "",
        numbers={"known": shares},
    )


def _known_shares(samples: Sequence[TextSample], key: Callable[[str], str]) -> dict[str, float]:
    """By split other than train: the share of its texts whose key a text of train has."""
    keys: dict[str, list[str]] = {}
    for sample in samples:
        keys.setdefault(sample.place.split, []).append(key(sample.text))
    known = set(keys.get(TRAIN, ())) - {""}
    return {
        split: sum(one in known for one in own) / len(own) for split, own in keys.items() if split != TRAIN and known
    }


def _shares_said(shares: Mapping[str, float]) -> str:
    return " and ".join(f"{share:.1%} of {split}'s" for split, share in shares.items() if share)


def _stand(groups: Sequence[object]) -> str:
    return "stands" if len(groups) == 1 else "stand"


# Names that say nothing


def names_that_say_nothing(samples: Sequence[TextSample]) -> list[Finding]:
    """The share of the texts that no model of texts can learn from, over all and by split."""
    empty = [sample for sample in samples if says_nothing(sample.text)]
    if not empty:
        return []
    share = len(empty) / len(samples)
    by_split = _shares_by_split(samples, empty)
    uneven = max(by_split.values()) - min(by_split.values()) >= NOTHING_SHARE
    found = Finding(
        kind="names-that-say-nothing",
        level="warning" if share >= NOTHING_SHARE or uneven else "note",
        title=f'{_of_all(len(empty), len(samples))} say nothing, such as "{shorten(empty[0].text, 60)}"'
        + (f" ({', '.join(f'{split} {own:.0%}' for split, own in by_split.items())})." if uneven else "."),
        remedy="Search pictures alone (`modalities: [image]`), or give these samples texts of their own."
        if share >= NOTHING_SHARE
        else "Give these samples texts of their own; the picture decides alone there.",
        places=_places(empty),
        numbers={"texts": len(empty), "share": share, "by_split": by_split},
    )
    return [found]


def _shares_by_split(samples: Sequence[TextSample], chosen: Sequence[TextSample]) -> dict[str, float]:
    def numbers(some: Sequence[TextSample]) -> dict[str, int]:
        found: dict[str, int] = {}
        for sample in some:
            found[sample.place.split] = found.get(sample.place.split, 0) + 1
        return found

    own = numbers(chosen)
    return {split: own.get(split, 0) / total for split, total in numbers(samples).items()}


def _of_all(count: int, total: int) -> str:
    return f"{counted(count, 'text')} of {total:,} ({count / total:.1%})"


# Class names inside texts


def label_words(samples: Sequence[TextSample]) -> list[Finding]:
    """How many texts hold the name of a class, as whole words, and how often it is their own class's name."""
    labels = {label: _padded(label) for label in sorted({sample.place.label for sample in samples})}
    labels = {label: words for label, words in labels.items() if words.strip()}
    named = [(sample, held) for sample in samples if (held := _named(sample.text, labels))]
    if not named:
        return []
    own = [sample for sample, held in named if sample.place.label in held]
    share, right = len(named) / len(samples), len(own) / len(named)
    telling = share >= TELLING_SHARE and right >= TELLING_RIGHT
    found = Finding(
        kind="label-words",
        level="warning" if telling else "note",
        title=f"{_of_all(len(named), len(samples))} hold a class's name; it is their own class's in {right:.1%}.",
        remedy="Ask where these texts come from: if they were written with the label in sight, a text model learns to "
        "read it, and new texts won't have it."
        if telling
        else "",
        places=_places([sample for sample, _ in named]),
        numbers={"texts": len(named), "share": share, "right": right},
    )
    return [found]


def _padded(text: str) -> str:
    """Words in lower case, a space before and after each, plurals as singulars; digits are words too."""
    words = re.sub(r"[\W_]+", " ", folded(text)).split()
    return f" {' '.join(word[:-1] if len(word) > 3 and word.endswith('s') else word for word in words)} "


def _named(text: str, labels: Mapping[str, str]) -> set[str]:
    own = _padded(text)
    return {label for label, words in labels.items() if words in own}
