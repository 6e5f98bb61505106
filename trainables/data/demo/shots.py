"""Which pictures the embedded data set has: the table of things, their names, and how they are dealt to the splits."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from itertools import zip_longest
from typing import Final

import numpy as np

from trainables.names import SPLIT_FOLDERS

TRAIN_FOLDER, VAL_FOLDER, TEST_FOLDER = SPLIT_FOLDERS
SPLIT_SHARES: Final = {TRAIN_FOLDER: 0.63, VAL_FOLDER: 0.16, TEST_FOLDER: 0.21}
RECIPE_VERSION: Final = 1

GENERIC_SHARE: Final = 0.12
SPACED_SHARE: Final = 0.3  # of names whose words are apart by spaces
ENDING: Final = ".jpg"
GENERIC: Final = ("kitchen item", "old thing", "garage find", "household item", "thing", "img", "photo", "stuff")
_ADJECTIVES: Final = ("empty", "old", "broken", "dirty", "used", "small", "big", "unwanted", "leftover")


@dataclass(frozen=True)
class Thing:
    """One row of `things.csv`."""

    codepoint: int
    label: str
    only_in_test: bool
    descriptions: tuple[str, ...]  # in lower case, words apart by spaces


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    split: str
    thing: Thing
    index: int  # of the scene, among those of this thing at its place
    name: str  # of the file
    place: int  # where scenes are counted: the split's number, or a numbering's
    copy: int = 0  # photographed once more, as the copy of that number; 0: the scene's first picture


def things() -> tuple[Thing, ...]:
    """The table of things, in its order."""
    text = (resources.files("trainables.data.demo") / "things.csv").read_text(encoding="utf-8")
    return tuple(
        Thing(
            int(row["codepoint"], 16), row["class"], row["only_in_test"] == "yes", tuple(row["descriptions"].split("|"))
        )
        for row in csv.DictReader(text.splitlines())
    )


def plan(pictures: int, seed: int) -> tuple[Shot, ...]:
    """All pictures to take, with file names that no two share: same arguments, same plan."""
    train, val = round(pictures * SPLIT_SHARES[TRAIN_FOLDER]), round(pictures * SPLIT_SHARES[VAL_FOLDER])
    numbers = {TRAIN_FOLDER: train, VAL_FOLDER: val, TEST_FOLDER: pictures - train - val}
    rng = np.random.default_rng(np.random.SeedSequence([seed, RECIPE_VERSION]))
    counters = iter(rng.permutation(max(9_999, pictures)) + 1)
    taken: set[str] = set()
    shots = []
    for place, (split, number) in enumerate(numbers.items()):
        shown: dict[int, int] = {}
        order = _order(split, rng)
        for position in range(number):
            thing = order[position % len(order)]
            index = shown[thing.codepoint] = shown.get(thing.codepoint, -1) + 1
            shots.append(Shot(split, thing, index, _file_name(thing, int(next(counters)), taken, rng), place))
    return tuple(shots)


def _order(split: str, rng: np.random.Generator) -> list[Thing]:
    """The things of a split in the order in which they are shown, again and again; the classes take turns.

    In test, a thing that train doesn't have comes twice in each round: they are then a third of test.
    """
    by_class: dict[str, list[Thing]] = {}
    table = things()
    for position in rng.permutation(len(table)):
        thing = table[position]
        by_class.setdefault(thing.label, []).append(thing)
    queues = []
    for label in sorted(by_class):
        new = [thing for thing in by_class[label] if thing.only_in_test]
        known = [thing for thing in by_class[label] if not thing.only_in_test]
        queues.append([*new, *known, *new] if split == TEST_FOLDER else known)
    return [thing for turn in zip_longest(*queues) for thing in turn if thing is not None]


def _file_name(thing: Thing, counter: int, taken: set[str], rng: np.random.Generator) -> str:
    """A name as people give it, such as `Empty_Glass_Jar_3168.jpg`; some say nothing about the thing."""
    words, generic = words_for(thing, GENERIC_SHARE, rng)
    if generic or rng.random() < 0.94 or words.casefold() in taken:
        words = f"{words} {counter}"
    taken.add(words.casefold())
    return (words if rng.random() < SPACED_SHARE else words.replace(" ", "_")) + ENDING


def words_for(thing: Thing, generic_share: float, rng: np.random.Generator) -> tuple[str, bool]:
    """What a person calls a thing, and whether that says nothing about it."""
    generic = rng.random() < generic_share
    words = str(rng.choice(GENERIC if generic else thing.descriptions))
    if not generic and rng.random() < 0.45:
        words = f"{rng.choice(_ADJECTIVES)} {words}"
    style = rng.random()
    return (words.title() if style < 0.2 else words.upper() if style < 0.25 else words), generic
