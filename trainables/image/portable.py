"""A picture model for a bundle: its networks as graphs, and how pictures are made into numbers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from trainables.checkpoint import Checkpoint
from trainables.heads.learner import SETTINGS_FILE
from trainables.image.head import load_networks
from trainables.image.model import load_network
from trainables.image.network import FeatureExtractor
from trainables.names import HEAD
from trainables.portable import Graph, Portable, head_files
from trainables.runtime.members import PICTURES

ORIENTATION = 0x0112  # EXIF's tag


def portable_pictures(folder: Path, checkpoint: Checkpoint) -> Portable:
    """The model of a checkpoint folder that was read and checked, be it a network or a head on frozen ones."""
    networks: list[nn.Module]
    if HEAD in checkpoint.meta["config"]:
        frozen, head = load_networks(folder, checkpoint)
        networks, size, fit, files = [FeatureExtractor(one) for one in frozen], head.size, head.fit, SETTINGS_FILE
    else:
        network, config = load_network(folder, checkpoint)
        networks, size, fit, files = [network], config.size, config.fit, None
    told = {"kind": PICTURES, "size": size, "fit": fit, "pixel_limit": checkpoint.meta["pixel_limit"]}
    examples = {"pictures": torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))}
    graphs = tuple(Graph(one, examples, {"pictures": (0,)}) for one in networks)
    return Portable(told, graphs, head_files(files) if files else None, partial(odd_pictures, told["pixel_limit"]))


def odd_pictures(pixel_limit: int, folder: Path) -> list[Path]:
    """Pictures of many kinds: photographs' and drawings' formats, wide and high, turned, transparent, deep grey.

    None of them has more than `pixel_limit` pixels, above which a model takes none.
    """
    rng = np.random.default_rng(0)
    wide, high, tiny = ((67, 203), (301, 90), (1, 1))
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    made: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("wide.jpg", Image.fromarray(rng.integers(0, 256, (*wide, 3), dtype=np.uint8)), {"exif": turned}),
        ("large.jpg", Image.fromarray(rng.integers(0, 256, (450, 600, 3), dtype=np.uint8)), {"quality": 80}),
        ("clear.png", Image.fromarray(rng.integers(0, 256, (*high, 4), dtype=np.uint8)), {}),
        ("deep.png", Image.fromarray(rng.integers(0, 65536, wide, dtype=np.uint16)), {}),
        ("few.gif", Image.fromarray(rng.integers(0, 256, high, dtype=np.uint8)).convert("P"), {}),
        ("tiny.webp", Image.fromarray(rng.integers(0, 256, (*tiny, 3), dtype=np.uint8)), {"lossless": True}),
    ]
    allowed = [one for one in made if one[1].width * one[1].height <= pixel_limit]
    for name, picture, options in allowed:
        picture.save(folder / name, **options)
    return [folder / name for name, _, _ in allowed]
