"""Image backbones by name: a network that gives features, and the picture sizes that it takes."""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from trainables.errors import UserError
from trainables.hub import first_line
from trainables.image.architectures import drop_classifier, require_known, takes_size, whole_network
from trainables.image.vision_models import Described, random_vision_model
from trainables.image.weights import load_weights, normalisation
from trainables.names import NONE

SIZES = range(32, 1025)  # px: those that a trial's config allows


@dataclass(frozen=True)
class Backbone:
    """A network that turns normalised pictures (N, 3, S, S) into features (N, F)."""

    network: nn.Module
    features: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def build_backbone(name: str, weights: str, size: int = 224, kept: Described | None = None) -> Backbone:
    """The named backbone without its classifier.

    Args:
        name: a torchvision or timm classifier; a folder or a hub's name of a network of transformers.
        weights: `imagenet`, `none`, or a local file (.safetensors, .pth).
        size: px of the pictures, both sides.
        kept: what a checkpoint says of its network of transformers, whose weights are loaded later.

    Raises:
        UserError: an unknown name, a size that the backbone can't take, or weights that can't be had.
    """
    if kept is not None:
        rebuilt = random_vision_model(kept, size)
        features = int(_features(copy.deepcopy(rebuilt).to("meta"), size).shape[1])
        return Backbone(rebuilt, features, kept.mean, kept.std)
    features = count_features(name, size)
    if weights == NONE:
        network = whole_network(name, size)
        drop_classifier(network, name)
    else:
        network = load_weights(name, weights, size)
    return Backbone(network, features, *normalisation(name))


@lru_cache(maxsize=256)
def count_features(name: str, size: int) -> int:
    """How many features the backbone gives for pictures of `size` px; nothing is computed for it.

    UserError for an unknown name, and for a size that the backbone can't take, with those that it can.
    """
    require_known(name)
    network = None
    try:
        network = meta_network(name, size)
        features = _features(network, size)
    except UserError:
        raise
    except Exception as error:  # each architecture fails in its own way
        raise UserError(_wrong_size(name, size, network, first_line(error))) from error
    if features.ndim != 2:
        raise UserError(f"`backbone` must give one row of features a picture, but {name!r} gives {features.ndim} axes.")
    return int(features.shape[1])


def takes_pictures(name: str, size: int) -> bool:
    """Whether there is such a backbone, and it gives features of pictures of `size` px."""
    try:
        count_features(name, size)
    except UserError:
        return False
    return True


def meta_network(name: str, size: int) -> nn.Module:
    """The backbone without memory for its weights."""
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                network = whole_network(name, size, initialize=False)
        except NotImplementedError:  # RegNet computes its widths with tensors, which need values
            network = whole_network(name, size, initialize=False).to("meta")
    drop_classifier(network, name)
    return network


@torch.no_grad()
def _features(network: nn.Module, size: int) -> Tensor:
    """Features of two pictures, in training as there the networks are most particular: shapes alone, no values."""
    with torch.device("meta"):
        found: Tensor = network.train()(torch.zeros(2, 3, size, size))
    return found


def _wrong_size(name: str, size: int, network: nn.Module | None, reason: str) -> str:
    """What to say of a backbone that fails with `reason`; `network`: the one that was built, None where none could."""
    if network is None and not takes_size(name):
        return f"`backbone` must be one that can be built, but {name!r} can't be: {reason}"
    fits = _fits(name, None if takes_size(name) else network)
    if not takes_size(name):
        from_here_on = SIZES.start + bisect_left(SIZES, True, key=fits)
        if size < from_here_on < SIZES.stop:  # too small: what the network can't halve often enough
            return _advised(name, size, reason, f"{from_here_on} or more")
    smallest = next(filter(fits, SIZES), None)
    if smallest is None:
        return f"`backbone` must give features of pictures, but {name!r} gives none at any size ({reason})."
    below = next(filter(fits, range(size, smallest, -1)), smallest)
    above = next(filter(fits, range(max(size, smallest + 1), SIZES.stop)), None) if size > smallest else None
    nearest = f"{below}" if above is None else f"{below} or {above}"
    return _advised(name, size, reason, f"{nearest} (the nearest that work; the smallest is {smallest})")


def _advised(name: str, size: int, reason: str, advice: str) -> str:
    return (
        f"`size` must suit the backbone, but {name} can't take pictures of {size} px ({reason}): set it to {advice}, "
        f"or take another backbone."
    )


def _fits(name: str, network: nn.Module | None) -> Callable[[int], bool]:
    """Whether the backbone takes a size; `network`: None where it is built anew for each."""

    def fits(size: int) -> bool:
        try:
            _features(meta_network(name, size) if network is None else network, size)
        except Exception:  # as above: this size isn't one of those that work
            return False
        return True

    return fits
