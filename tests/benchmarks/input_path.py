"""Seconds a picture on the way from disk to a batch, second epoch on, on one core: the reference's way and ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ours
import reference
from harness import main
from machine import one_core
from made_data import make_picture_splits
from measure import Findings, at_least, interleaved, ratio, summary

from trainables.modality import DataAccess
from trainables.names import TRAIN

SIZE = 224


def benchmark(folder: Path, quick: bool) -> Findings:
    """The input path with and without augmentation."""
    count, repeats = (64, 2) if quick else (256, 5)
    kilobytes = make_picture_splits(folder, count, 32)
    data = ours.picture_data(folder)
    ours.image_learner(data)  # decodes into the cache: the first epoch's work
    with one_core():
        seconds = interleaved(_actions(folder, data), repeats)
    augmented = ratio(seconds["reference, augmented"], seconds["ours, augmented"])
    plain = ratio(seconds["reference, plain"], seconds["ours, plain"])
    normal = ratio(seconds["reference, plain"], seconds["ours, plain, normalised"])
    figures = {
        "pictures": count,
        "mean JPEG size, KB": kilobytes,
        "seconds per picture": {name: summary(values, count) for name, values in seconds.items()},
        "reference / ours, augmented": augmented,
        "reference / ours, plain": plain,
        "reference / ours, plain, normalised": normal,
    }
    bounds = [
        at_least("input path, one core, augmented: reference / ours", 6, augmented["median"]),
        at_least("input path, one core, not augmented: reference / ours", 50, plain["median"]),
        at_least("the same with the network's normalisation counted to ours", 50, normal["median"]),
    ]
    return Findings(figures, bounds, _NOTES)


_NOTES = (
    "Both ways are warm: files in the page cache, one epoch before the first that counts.",
    "Ours normalises in the network, the reference in its input path; the row 'ours, plain, normalised' adds the "
    "normalisation and the change to channels_last to ours.",
)


def _actions(folder: Path, data: DataAccess) -> dict[str, Callable[[], object]]:
    augmented = ours.image_learner(data, augmentation_strength=1.0)
    plain = ours.image_learner(data, augmentation_strength=0.0)
    train = folder / TRAIN
    return {
        "reference, augmented": lambda: _consume(_loader(train, reference.train_transform(SIZE))),
        "ours, augmented": lambda: ours.consume_batches(augmented),
        "reference, plain": lambda: _consume(_loader(train, reference.val_transform(SIZE))),
        "ours, plain": lambda: ours.consume_batches(plain),
        "ours, plain, normalised": lambda: ours.consume_batches(plain, plain.network.normalised),
    }


def _loader(folder: Path, transform: Any) -> reference.Loader:
    return reference.picture_loader(folder, transform, shuffle=True)


def _consume(loader: reference.Loader) -> int:
    return sum(len(labels) for _, labels in loader)


if __name__ == "__main__":
    main("input_path", benchmark)
