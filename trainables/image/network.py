"""The image side: a backbone with a head of three layers, and the learner that trains them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.pictures.source import PictureSource
from trainables.image.augment import augment
from trainables.image.backbones import Backbone
from trainables.learning.learner import TorchLearner
from trainables.learning.precision import AUTO
from trainables.learning.steps import Batch, Stepper, batch_rows, predict_logits


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
        """Logits of pictures."""
        logits: Tensor = self.head(self.features(pictures))
        return logits


def set_batchnorm_momentum(network: nn.Module, momentum: float | None) -> None:
    """One momentum for every BatchNorm of the backbone; None leaves each its own.

    torchvision's MobileNetV3 has 0.01: after a few hundred steps its running statistics still lag far behind.
    """
    for module in network.modules():
        if momentum is not None and isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum


class ImageLearner(TorchLearner):
    """An image network in training. Pictures stay uint8 until they are on the device."""

    def __init__(
        self,
        network: ImageNetwork,
        stepper: Stepper,
        *,
        train: tuple[PictureSource, NDArray[np.int64]],
        val: tuple[PictureSource, NDArray[np.int64]],
        batch_size: int,
        evaluation_batch_size: int,
        augmentation_strength: float,
        frozen_epochs: int,
        seed: int,
    ) -> None:
        super().__init__(stepper, val_labels=val[1], seed=seed)
        self.network = network
        self._train, self._val_pictures = train, val[0]
        self._batch_size, self._evaluation_batch_size = batch_size, evaluation_batch_size
        self._strength, self._frozen_epochs = augmentation_strength, frozen_epochs

    def before_epoch(self) -> None:
        """In the first `frozen_epochs` only the head learns."""
        self.network.backbone.requires_grad_(self.epoch > self._frozen_epochs)

    def plan_epoch(self) -> list[Tensor]:
        """Every sample once, in random order."""
        order = torch.randperm(len(self._train[1]), generator=self.generator)
        return list(batch_rows(order, self._batch_size))

    def batches(self, plan: Sequence[Tensor]) -> Iterator[Batch]:
        """Augmented pictures with their labels."""
        source, labels = self._train
        device = self._stepper.device
        for rows, pictures in zip(plan, source.batches(plan, device), strict=True):
            yield (
                (augment(pictures, self._strength, self.generator),),
                torch.from_numpy(labels[rows.numpy()]).to(device, non_blocking=True),
            )

    def val_logits(self) -> NDArray[np.float32]:
        """Logits on the val pictures, not augmented."""
        return predict_pictures(
            self.network,
            self._val_pictures,
            self._evaluation_batch_size,
            self._stepper.device,
            self._stepper.precision.name,
        )


def predict_pictures(
    network: nn.Module, pictures: PictureSource, batch_size: int, device: torch.device, precision: str = AUTO
) -> NDArray[np.float32]:
    """What a network makes of all pictures, (N, C), in their order."""
    plan = torch.split(torch.arange(len(pictures)), batch_size)
    units = ((batch.float().div_(255),) for batch in pictures.batches(plan, device))
    return predict_logits(network, units, device, precision)
