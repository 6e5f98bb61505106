"""The network of an image trial: a backbone with a head of a few layers, and what it makes of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.pictures.source import PictureSource
from trainables.image.backbones import Backbone, build_backbone
from trainables.image.vision_models import Described
from trainables.learning.precision import AUTO
from trainables.learning.steps import predict_logits


def build_head(features: int, classes: int, widths: Sequence[int], dropouts: Sequence[float]) -> nn.Sequential:
    """Linear, BatchNorm, ReLU and Dropout for each width, then a Linear onto the classes."""
    layers: list[nn.Module] = []
    for width, dropout in zip(widths, dropouts, strict=True):
        layers += [nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, classes))


class ImageNetwork(nn.Module):
    """Pictures (N, 3, S, S) float in 0 to 1 -> logits (N, C)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, backbone: Backbone, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone = backbone.network
        self.head = head
        mean, std = torch.tensor(backbone.mean), torch.tensor(backbone.std)
        self.register_buffer("scale", 1 / std, persistent=False)
        self.register_buffer("shift", -mean / std, persistent=False)

    def normalised(self, pictures: Tensor) -> Tensor:
        """(x - mean) / std by channel, in one pass over the memory; channels_last.

        Whole rows of pixels at a time: a CPU is slow where the innermost dimension has but three numbers.
        """
        pixels = pictures.permute(0, 2, 3, 1).contiguous()
        count, height, width, channels = pixels.shape
        rows = pixels.view(count * height, width * channels)
        normal = torch.addcmul(self.shift.repeat(width), rows, self.scale.repeat(width))
        return normal.view(count, height, width, channels).permute(0, 3, 1, 2)

    def features(self, pictures: Tensor) -> Tensor:
        """What the backbone sees in the pictures: (N, F)."""
        found: Tensor = self.backbone(self.normalised(pictures))
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (N, 3, S, S) in 0 to 1 -> logits (N, C)."""
        logits: Tensor = self.head(self.features(pictures))
        return logits


def frozen_network(name: str, weights: str, size: int, kept: Described | None = None) -> ImageNetwork:
    """The named backbone without a head, that no longer learns; `kept`: see `build_backbone`.

    UserError where its weights can't be had.
    """
    return ImageNetwork(build_backbone(name, weights, size, kept), nn.Sequential()).eval().requires_grad_(False)


class FeatureExtractor(nn.Module):
    """Pictures (N, 3, S, S) in 0 to 1 -> features (N, F) of an image network."""

    def __init__(self, network: ImageNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """What the network's backbone sees in the pictures."""
        return self.network.features(pictures)


def set_batchnorm_momentum(network: nn.Module, momentum: float | None) -> None:
    """One momentum for every BatchNorm of the backbone; None leaves each its own.

    torchvision's MobileNetV3 has 0.01: after a few hundred steps its running statistics still lag far behind.
    """
    for module in network.modules():
        if momentum is not None and isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum


def predict_pictures(
    network: nn.Module, pictures: PictureSource, batch_size: int, device: torch.device, precision: str = AUTO
) -> NDArray[np.float32]:
    """What a network makes of all pictures, (N, C), in their order."""
    plan = torch.split(torch.arange(len(pictures)), batch_size)
    units = ((batch.float().div_(255),) for batch in pictures.batches(plan, device))
    return predict_logits(network, units, device, precision)
