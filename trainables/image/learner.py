"""The learner that trains an image network: augmented pictures in random order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.pictures.source import PictureSource
from trainables.image.augment import augment
from trainables.image.network import ImageNetwork, predict_pictures
from trainables.learning.learner import TorchLearner
from trainables.learning.steps import Batch, Stepper, batch_rows


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
