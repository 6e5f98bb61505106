"""Building the cache of decoded pictures with all cores, against one core that decodes in a loop."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import ours
from harness import main
from machine import cores, one_core
from made_data import make_pictures
from measure import Findings, at_least, interleaved, summary

from trainables.data.pictures.load import load_picture
from trainables.data.reading.read_split import read_split

SIZE = 224
SHARE = 0.9  # of what as many cores as there are would decode


def benchmark(folder: Path, quick: bool) -> Findings:
    """Pictures per second, both ways."""
    alone, each, copies, repeats = (64, 64, 1, 1) if quick else (256, 512, 4, 3)
    make_pictures(folder / "pictures", each * cores())
    link_again(folder / "pictures", copies)
    count = each * cores() * copies
    split = read_split(folder / "pictures")
    paths = [path for path in split.inputs["image"][:alone] if path is not None]

    def decode() -> None:
        with one_core():
            for path in paths:
                load_picture(path, SIZE, "pad")

    def build() -> None:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        built = ours.build_cache(split, folder / "cache", SIZE)
        assert built == count, f"{built} of {count} pictures are in the cache"

    seconds = interleaved({"one core": decode, "cache": build}, repeats)
    single, whole = summary(seconds["one core"], alone), summary(seconds["cache"], count)
    share = {kind: single[kind] / whole[kind] / cores() for kind in ("median", "min")}
    figures = {
        "pictures in the cache": count,
        "seconds per picture": {"one core": single, "cache, all cores": whole},
        "pictures per second": {"one core": 1 / single["median"], "cache, all cores": 1 / whole["median"]},
        "cache's rate / (cores x one core's rate)": share,
    }
    what = f"cache of decoded pictures, {cores()} cores: its rate / (cores x one core's rate)"
    return Findings(figures, [at_least(what, SHARE, share["median"])], _NOTES)


def link_again(folder: Path, copies: int) -> None:
    """Give every picture further names: as many pictures as a data set has, without the time to draw them."""
    for path in list(folder.rglob("*.jpg")):
        for number in range(1, copies):
            os.link(path, path.with_name(f"{path.stem}_{number}{path.suffix}"))


_NOTES = (
    "The files are in the page cache; a cache is built whole, its processes' start and the flush to disk included.",
    "Cores are those that this process may run on; where two of them are threads of one core, the bound can't be met.",
)


if __name__ == "__main__":
    main("cache_build", benchmark)
