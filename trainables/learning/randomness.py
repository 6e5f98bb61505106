"""The state of every random generator that a network may draw from, as what `torch.load(weights_only=True)` reads."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Begin every generator anew: what a process drew before changes nothing after."""
    torch.manual_seed(seed)  # the GPUs' too
    random.seed(seed)
    np.random.seed(seed % 2**32)


def random_state() -> dict[str, Any]:
    """torch's on the CPU and on the GPU (dropout), Python's and numpy's (layers dropped by some architectures)."""
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys, dtype=np.int64)), place, has_gauss, gauss),
    }


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Put such a state back; a GPU's is left out where there is none now."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    version, inner, gauss = state["python"]
    random.setstate((version, tuple(inner), gauss))
    kind, keys, place, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), place, has_gauss, cached))
