"""What `compile: true` costs at first: the first epoch of two trials of one architecture in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ours
import torch
from harness import main
from made_data import IMAGE, make_picture_splits
from measure import Findings, seconds_of
from pydantic import ValidationError

from trainables.build import parse_config
from trainables.modality import DataAccess

COMPILE = {"compile": True}


def benchmark(folder: Path, quick: bool) -> Findings:
    """Seconds of first and second epochs, with and without; nothing where the trial's config has no such key."""
    try:
        parse_config(IMAGE, {**ours.IMAGE_RECIPE, **COMPILE})
    except ValidationError as error:
        return Findings({}, notes=(f"Skipped: the trial's config refuses `compile` ({error.errors()[0]['msg']}).",))
    pictures = 128 if quick else 512
    make_picture_splits(folder, pictures, 32, size=(256, 256))
    data = ours.picture_data(folder)
    changes: dict[str, Any] = {"size": 64, "backbone": backbone(quick)}
    ours.image_learner(data, **changes).train_epoch()  # what every first use costs stays out of both
    figures: dict[str, Any] = {"pictures": pictures, **changes}
    for name, way in (("not compiled", {}), ("compiled", COMPILE)):
        figures[name] = [trial_seconds(data, number, {**changes, **way}) for number in (1, 2)]
    saved = min(trial["second epoch, s"] for trial in figures["not compiled"]) - min(
        trial["second epoch, s"] for trial in figures["compiled"]
    )
    figures["saved by each later epoch, s"] = saved
    return Findings(figures, notes=_NOTES)


_NOTES = (
    "The second trial builds its network anew, as a reused actor does; no bound: the figures say when compiling pays.",
)


def backbone(quick: bool) -> str:
    """The recipe's where there is a GPU; on a CPU, whose compiler is slow, a smaller one."""
    if quick:
        return "test_resnet"
    return "mobilenet_v3_large" if torch.cuda.is_available() else "mobilenet_v3_small"


def trial_seconds(data: DataAccess, number: int, hyperparameters: dict[str, Any]) -> dict[str, float]:
    """Seconds of a new trial's first two epochs; the first holds its compilation."""
    learner = ours.image_learner(data, seed=number, **hyperparameters)
    return {f"{which} epoch, s": seconds_of(learner.train_epoch) for which in ("first", "second")}


if __name__ == "__main__":
    main("compile", benchmark)
