"""A backbone as its stages in a row, so that the lower ones can stay as they are while the upper ones learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainables.errors import UserError
from trainables.image.backbones import meta_network

_LAYERS = ("layer1", "layer2", "layer3", "layer4")  # a ResNet's


@dataclass(frozen=True)
class Stages:
    """The modules that a backbone applies one after the other; none of them is a copy."""

    stem: nn.Sequential
    stages: tuple[nn.Module, ...]
    rest: nn.Sequential  # what makes features (N, F) of the last stage's map

    def below(self, count: int) -> nn.Sequential:
        """The stem and the first `count` stages."""
        return nn.Sequential(self.stem, *self.stages[:count])

    def above(self, count: int) -> nn.Sequential:
        """All that comes after them."""
        return nn.Sequential(*self.stages[count:], self.rest)


class _TimmRest(nn.Module):
    """What timm applies after the last stage: its own last layers, then `forward_head`, which pools."""

    def __init__(self, layers: Sequence[nn.Module], network: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self._network: Any = (network,)  # in a tuple: its modules aren't this one's

    def forward(self, found: torch.Tensor) -> torch.Tensor:
        """The map of the last stage -> features (N, F)."""
        features: torch.Tensor = self._network[0].forward_head(self.layers(found))
        return features


def require_stages(name: str, size: int, frozen: int) -> None:
    """UserError where the named backbone has no stages that are known, or fewer than are to be frozen."""
    if frozen:
        _require(stages_of(meta_network(name, size)), name, frozen)


def split_stages(backbone: nn.Module, name: str, size: int, frozen: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The backbone's lower part, of the stem and `frozen` stages, and its upper part; both share its modules.

    Raises UserError as `require_stages`, and where the two, one after the other, aren't the backbone.
    """
    found = _require(stages_of(backbone), name, frozen)
    lower, upper = found.below(frozen), found.above(frozen)
    if not _equal(backbone, lower, upper, size):
        raise _unknown(name)
    return lower, upper


def stages_of(network: Any) -> Stages | None:
    """The stages of a network of timm's or torchvision's whose layers have the names that are known; None of others."""
    if hasattr(network, "forward_head"):
        return _of_timm(network)
    if _has(network, "conv1", "bn1", "relu", "maxpool", *_LAYERS, "avgpool", "fc"):
        stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
        return Stages(stem, _layers(network), nn.Sequential(network.avgpool, nn.Flatten(1), network.fc))
    if _has(network, "features", "avgpool", "classifier") and isinstance(network.features, nn.Sequential):
        first, *stages = network.features
        # ConvNeXt's classifier flattens behind a norm that wants a map; the others' are nothing by now.
        flatten = [] if _flattens(network.classifier) else [nn.Flatten(1)]
        rest = nn.Sequential(network.avgpool, *flatten, network.classifier)
        return Stages(nn.Sequential(first), tuple(stages), rest)
    return None


def _of_timm(network: Any) -> Stages | None:
    if _has(network, "conv_stem", "bn1", "blocks"):  # EfficientNets and their kin; MobileNetV3 has its last ones behind
        last = [network.conv_head, network.bn2] if _has(network, "conv_head", "bn2") else []
        stem, rest = nn.Sequential(network.conv_stem, network.bn1), nn.Sequential(_TimmRest(last, network))
        return Stages(stem, _parts(network.blocks), rest)
    if _has(network, "conv1", "bn1", "act1", "maxpool", *_LAYERS):
        stem = nn.Sequential(network.conv1, network.bn1, network.act1, network.maxpool)
        return Stages(stem, _layers(network), nn.Sequential(_TimmRest([], network)))
    return None


def _layers(network: Any) -> tuple[nn.Module, ...]:
    return tuple(getattr(network, name) for name in _LAYERS)


def _has(network: nn.Module, *names: str) -> bool:
    return all(isinstance(getattr(network, name, None), nn.Module) for name in names)


def _parts(blocks: object) -> tuple[nn.Module, ...]:
    return tuple(blocks.children()) if isinstance(blocks, nn.Module) else ()


def _flattens(classifier: object) -> bool:
    return isinstance(classifier, nn.Module) and any(isinstance(one, nn.Flatten) for one in classifier.modules())


def _require(found: Stages | None, name: str, frozen: int) -> Stages:
    if found is None:
        raise _unknown(name)
    if frozen > len(found.stages):
        raise UserError(
            f"`frozen_stages` must be at most the backbone's stages, but got {frozen} and {name!r} has "
            f"{len(found.stages)}: set it to {len(found.stages)} or less, 0 to train all of it."
        )
    return found


def _unknown(name: str) -> UserError:
    return UserError(
        f"`frozen_stages` must be 0 for a backbone whose stages aren't known, and those of {name!r} aren't: known are "
        "ResNets, EfficientNets and MobileNetV3 of torchvision and timm, and torchvision's ConvNeXt."
    )


@torch.no_grad()
def _equal(backbone: nn.Module, lower: nn.Module, upper: nn.Module, size: int) -> bool:
    """Whether the parts make what the whole makes of a picture of noise."""
    device = next(backbone.parameters()).device
    picture = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    training = [module for module in backbone.modules() if module.training]
    backbone.eval()
    try:
        return torch.equal(backbone(picture), upper(lower(picture)))
    finally:
        for module in training:
            module.training = True
