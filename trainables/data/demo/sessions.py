"""The embedded data set as people collect one: pictures are numbered as they are uploaded, session by session.

In a session a person photographs things of one bin, most of them twice or more, under one name with the next numbers.
Train and val are dealt from one numbering at random, so that pictures of one session lie in both; test has a numbering
of its own. So the number tells the class on val, and misleads on test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from trainables.data.demo.shots import (
    ENDING,
    RECIPE_VERSION,
    SPACED_SHARE,
    SPLIT_SHARES,
    TEST_FOLDER,
    TRAIN_FOLDER,
    VAL_FOLDER,
    Shot,
    Thing,
    things,
    words_for,
)

_SESSION: Final = 3.9  # pictures on average; the next session is seldom of the same class, which makes runs of about 4
_MOST_COPIES: Final = 3  # pictures of one scene
_GENERIC_SHARE: Final = 0.2  # of scenes whose names say nothing: who names many pictures is soon tired of it
_SKIPPED: Final = 0.03  # numbers that no picture has, as one was removed
_COLLECTED, _TEST = 10, 11  # places of scenes, beside the splits' own in `shots.plan`


def plan_sessions(pictures: int, seed: int) -> tuple[Shot, ...]:
    """All pictures to take, with file names that no two of a numbering share: same arguments, same plan."""
    train, val = round(pictures * SPLIT_SHARES[TRAIN_FOLDER]), round(pictures * SPLIT_SHARES[VAL_FOLDER])
    rng = np.random.default_rng(np.random.SeedSequence([seed, RECIPE_VERSION, 1]))
    collected = _uploaded(train + val, _COLLECTED, rng)
    in_val = set(rng.permutation(train + val)[:val].tolist())
    dealt = [
        replace(shot, split=VAL_FOLDER if place in in_val else TRAIN_FOLDER) for place, shot in enumerate(collected)
    ]
    return (*dealt, *_uploaded(pictures - train - val, _TEST, rng))


def _uploaded(count: int, place: int, rng: np.random.Generator) -> list[Shot]:
    """So many pictures of one numbering, in its order; of test's split until they are dealt."""
    shots: list[Shot] = []
    shown: dict[int, int] = {}
    number = 0
    for thing, copies in _scenes(in_test=place == _TEST, rng=rng):
        index = shown[thing.codepoint] = shown.get(thing.codepoint, -1) + 1
        words, _ = words_for(thing, _GENERIC_SHARE, rng)
        spaced = rng.random() < SPACED_SHARE
        for copy in range(copies):
            number += 1 + int(rng.random() < _SKIPPED)
            name = f"{words} {number}"
            name = (name if spaced else name.replace(" ", "_")) + ENDING
            shots.append(Shot(TEST_FOLDER, thing, index, name, place, copy))
            if len(shots) == count:
                return shots
    return shots


def _scenes(*, in_test: bool, rng: np.random.Generator) -> Iterator[tuple[Thing, int]]:
    """Things without end, each with how many pictures are taken of it; those of a session are of one class."""
    by_class: dict[str, list[Thing]] = {}
    for thing in things():
        if in_test or not thing.only_in_test:
            # In test, a thing that train doesn't have comes twice as often: they are then a third of test.
            by_class.setdefault(thing.label, []).extend([thing] * (2 if thing.only_in_test else 1))
    while True:
        for label in rng.permutation(sorted(by_class)):
            left = int(rng.geometric(1 / _SESSION))
            while left > 0:
                copies = min(left, int(rng.integers(1, _MOST_COPIES + 1)))
                yield by_class[label][int(rng.integers(len(by_class[label])))], copies
                left -= copies
