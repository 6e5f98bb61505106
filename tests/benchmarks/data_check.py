"""Checking the pictures of a data set: time, memory, near duplicates, and what decoding them small leaves unnoticed.

The machine's time for 20,000 pictures is reckoned from fewer. BINWISE_DATA_CHECK=full measures it on all of them (20 GB
below the temporary folder).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from alike_pictures import change_of, fingerprints
from harness import main
from machine import cores
from made_data import make_pictures
from measure import Bound, Findings, at_least, at_most

from trainables.data.pictures.examine import examine
from trainables.data.pictures.load import FAULTS, PIXEL_LIMIT, opened, upright_rgb
from trainables.data.pictures.look import CUT

WORKER = Path(__file__).parent / "data_check_worker.py"
PICTURES, LARGE = 20_000, 2_000  # of which the promises speak
SIDE, LARGE_SIZE = 1000, (4000, 3000)  # px
CORES = 2  # of the promises
DRAWN = 8  # of each size; the others are copies with other content
GIGABYTE = 10**9
END = b"\xff\xd9"


def benchmark(folder: Path, quick: bool) -> Findings:
    """Everything; `quick` with little data."""
    full = os.environ.get("BINWISE_DATA_CHECK") == "full"
    counts = (80, 6, 2_000, 100, 40) if quick else (PICTURES, LARGE, PICTURES, 1_000, 400)
    if not quick and not full:
        counts = (1_000, 60, *counts[2:])
    pictures, large, alike, copies, cut = counts
    near_figures, near_bounds, near_took = near_duplicates(folder, alike, copies)
    time_figures, time_bounds = time_and_memory(folder, pictures, large, near_took)
    cut_figures, cut_bounds = truncations(folder / "cut", cut)
    return Findings(
        {**time_figures, "near duplicates": near_figures, "cut JPEGs": cut_figures},
        [*time_bounds, *near_bounds, *cut_bounds],
        _NOTES,
    )


def run(*arguments: object) -> dict[str, Any]:
    """A worker's JSON."""
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    print(f"  {arguments[0]}: { {key: value for key, value in result.items() if key != 'pairs'} }", file=sys.stderr)
    return result


# Time and memory


def time_and_memory(
    folder: Path, pictures: int, large: int, near: dict[int, dict[str, Any]]
) -> tuple[dict[str, Any], list[Bound]]:
    """`near`: what the search for near duplicates took, by the number of pictures."""
    quarter = examined(folder, "quarter", pictures // 4, (SIDE, SIDE))
    whole = examined(folder, "whole", pictures, (SIDE, SIDE))
    giants = examined(folder, "large", large, LARGE_SIZE)
    each, few, all_ = _cpu_each(whole), *(near[count]["cpu seconds"] for count in sorted(near))
    minutes = (each * PICTURES + all_) / CORES / 60
    growth = (_cpu_each(whole) * PICTURES + all_) / (_cpu_each(quarter) * PICTURES + 4 * few)
    memory = max(near[max(near)]["own memory"], whole["own memory"]) + cores() * giants["a worker's memory"]
    figures = {
        "1000 x 1000": whole,
        "a quarter of them": quarter,
        "4000 x 3000": giants,
        "memory, GB": memory / GIGABYTE,
    }
    return figures, [
        at_most(f"{PICTURES:,} pictures of {SIDE} x {SIDE} checked by {CORES} cores", 10, minutes, "minutes"),
        at_most(
            f"{LARGE:,} pictures of 12 megapixels checked by {CORES} cores",
            4,
            _cpu_each(giants) * LARGE / CORES / 60,
            "minutes",
        ),
        at_most("time a picture: of 20,000 / of 5,000", 1.2, growth),
        at_most("memory of a check of 20,000 pictures, all processes", 1.5, memory / GIGABYTE, "GB"),
    ]


def examined(folder: Path, name: str, count: int, size: tuple[int, int]) -> dict[str, Any]:
    """What a look at so many pictures took."""
    make_pictures(folder / name, min(count, DRAWN), size=size)
    multiply(folder / name, count)
    found = run("examine", folder / name, folder / f"{name}-cache")
    assert found["pictures"] == count, f"{found['pictures']} of {count} pictures were looked at"
    assert found["faults"] == 0
    return found


def multiply(folder: Path, count: int) -> None:
    """Copies with a number after the picture's end: other content, so that each is decoded, and little to draw."""
    drawn = sorted(folder.rglob("*.jpg"))
    for number in range(len(drawn), count):
        path = drawn[number % len(drawn)]
        path.with_name(f"{path.stem}_{number}.jpg").write_bytes(path.read_bytes() + number.to_bytes(4, "big"))


def _cpu_each(found: dict[str, Any]) -> float:
    return float(found["cpu seconds"]) / int(found["pictures"])


# Near duplicates


def near_duplicates(
    folder: Path, pictures: int, copies: int
) -> tuple[dict[str, Any], list[Bound], dict[int, dict[str, Any]]]:
    """Copies among other pictures: how many are found, and how much of what is found is right."""
    made = fingerprints(pictures - copies, copies)
    took = {count: run("near", _written(folder / f"{count}", made[:count])) for count in (pictures // 4, pictures)}
    pairs = {(one, other) for one, other in took[pictures]["pairs"]}
    planted = {(copy, pictures - copies + copy) for copy in range(copies)}
    recall, precision = len(pairs & planted) / copies, len(pairs & planted) / max(1, len(pairs))
    missed = Counter(change_of(one) for one, _ in planted - pairs)
    figures = {
        "recall": recall,
        "precision": precision,
        "missed": dict(missed),
        "cpu seconds": {f"{count:,} pictures": one["cpu seconds"] for count, one in took.items()},
    }
    what = f"{copies:,} near duplicates among {pictures:,} pictures"
    bounds = [at_least(f"{what}: recall", 0.95, recall), at_least(f"{what}: precision", 0.95, precision)]
    return figures, bounds, took


def _written(file: Path, made: Sequence[bytes]) -> Path:
    file.write_bytes(b"".join(made))
    return file


# Cut files


def _is_faulty(path: Path) -> bool:
    """By decoding it whole."""
    try:
        with opened(path, PIXEL_LIMIT) as image:
            upright_rgb(image)
    except FAULTS:
        return True
    return False


def truncations(folder: Path, count: int) -> tuple[dict[str, Any], list[Bound]]:
    """Files that end anywhere in their compressed data: found by decoding them whole, and by looking at them small."""
    make_pictures(folder, 16, size=(SIDE, SIDE), seed=3)
    rng = np.random.default_rng(5)
    sources = [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]
    open_, closed = [], []
    for number in range(count):
        data = sources[number % len(sources)]
        at = int(rng.integers(1000, len(data) - 2)) if number % 4 else len(data) - 2 - int(rng.integers(0, 200))
        open_.append(_saved(folder / f"open-{number}.jpg", data[:at]))
        closed.append(_saved(folder / f"closed-{number}.jpg", data[:at] + END))
    whole = sum(_is_faulty(path) for path in open_)
    small = sum(facts.fault is not None for facts in examine(open_, folder / "cache"))
    noted = sum(any(note.startswith(CUT) for note in one.notes) for one in examine(closed, folder / "cache"))
    figures = {
        "cut files": count,
        "found by decoding them whole": whole,
        "found by a check": small,
        "with the end marked: found by decoding them whole": sum(_is_faulty(path) for path in closed),
        "with the end marked: noted by a check": noted,
    }
    return figures, [at_least("cut JPEGs: found by a check / by decoding them whole", 0.99, small / max(1, whole))]


def _saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


_NOTES = (
    "Files are in the page cache. Minutes are CPU seconds / 2 cores, those of the worker processes' start included.",
    "Copies are made of photographs and of drawings on white: compressed, smaller, cut, brighter or darker, blurred.",
    "Precision is that of the pairs that were found: the other pictures are all different.",
    "A quarter of the cuts lie within the last 200 bytes, where decoders may have all they need.",
)


if __name__ == "__main__":
    main("data_check", benchmark)
