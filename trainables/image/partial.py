"""Partial fine-tuning: the stem and the lower stages stay as they are, so what they make of pictures is computed once.

Of each training picture some augmented copies are made and kept; an epoch takes one of them of each picture. The upper
stages and the head learn as ever, from batches that cost them alone. A checkpoint has the whole network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.pictures.digests import common_folder
from trainables.features.networks import weights_digest
from trainables.features.store import Between, Features, Recipe, cached_features
from trainables.image.augment import augment
from trainables.image.backbones import Backbone
from trainables.image.kept_rows import Opened, Prepared
from trainables.image.network import ImageNetwork
from trainables.image.stages import split_stages
from trainables.learning.groups import set_learning
from trainables.learning.learner import TorchLearner
from trainables.learning.precision import EXACT
from trainables.learning.steps import Batch, Stepper, batch_rows, predict_logits

CHUNK = 32  # pictures that are augmented at a time: what is drawn for each follows from it
REMEDY = "set fewer `augmented_copies`, smaller pictures, or `frozen_stages: 0`"


class PartlyFrozen(ImageNetwork):
    """What the frozen stages make of pictures -> logits (N, C). Its tensors are those of the whole network."""

    def __init__(self, backbone: Backbone, head: nn.Sequential, name: str, size: int, frozen_stages: int) -> None:
        """UserError where the backbone can't be divided there."""
        super().__init__(backbone, head)
        # In a tuple: their modules are the backbone's, and have its names.
        self._parts = split_stages(self.backbone, name, size, frozen_stages)
        self._parts[0].requires_grad_(False).eval()

    @property
    def lower(self) -> nn.Sequential:
        """The frozen stages."""
        return self._parts[0]

    def learning(self) -> list[nn.Parameter]:
        """What of the backbone may learn: all that the frozen stages haven't."""
        frozen = {id(parameter) for parameter in self.lower.parameters()}
        return [parameter for parameter in self.backbone.parameters() if id(parameter) not in frozen]

    def forward(self, found: Tensor) -> Tensor:
        """What `lower` made of pictures -> logits (N, C)."""
        logits: Tensor = self.head(self._parts[1](found))
        return logits

    def train(self, mode: bool = True) -> PartlyFrozen:
        """All but the frozen stages, whose BatchNorms keep their statistics."""
        super().train(mode)
        self.lower.eval()
        return self


class _Lower(nn.Module):
    """Pictures (N, 3, S, S) in 0 to 1 -> what the frozen stages make of them, a row each, channels last."""

    def __init__(self, network: PartlyFrozen) -> None:
        super().__init__()
        self._network = (network,)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, H * W * C)."""
        network = self._network[0]
        found: Tensor = network.lower(network.normalised(pictures))
        return found.permute(0, 2, 3, 1).flatten(1)


@dataclass(frozen=True)
class Activations:
    """What the frozen stages make of a split's pictures, from the cache; computed where it isn't there."""

    network: PartlyFrozen
    prepared: Prepared
    name: str  # the backbone's
    frozen_stages: int
    copies: int  # of each picture; 0: the picture as it is
    strength: float  # of the copies' augmentation
    device: torch.device

    def __len__(self) -> int:
        return len(self.prepared.data.splits[self.prepared.split])

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one picture's."""
        picture = torch.zeros(1, 3, self.prepared.size, self.prepared.size, device=self.device)
        with torch.inference_mode():
            channels, height, width = self.network.lower(self.network.normalised(picture)).shape[1:]
        return height, width, channels

    def maps(self, between: Between) -> list[Features]:
        """Of each copy (N, H * W * C); one where there are none. `between` is called between parts of the work.

        Raises UserError where the disk has no room for them, or the pictures have changed.
        """
        content = self.prepared.content()
        digest = weights_digest(self.network.lower.state_dict())
        opened = Opened(self.prepared, content)
        return [self._map(opened, content, digest, copy, between) for copy in range(max(self.copies, 1))]

    def _map(self, opened: Opened, content: str, digest: str, copy: int, between: Between) -> Features:
        items = self.prepared.data.splits[self.prepared.split].items("image")
        settings: dict[str, object] = {
            "network": self.name,
            "size": self.prepared.size,
            "fit": self.prepared.fit,
            "normalised": [channel.tolist() for channel in (self.network.scale, self.network.shift)],
            "frozen_stages": self.frozen_stages,
        }
        what = f"{common_folder(items)}, {self.name}, {self.frozen_stages} frozen stages"
        if self.copies:
            settings |= {"copy": copy, "augmentation_strength": self.strength}
            what += f", copy {copy + 1}"

        def compute(rows: slice) -> Features:
            generator = torch.Generator().manual_seed(copy * len(items) + rows.start)
            few = opened.rows(rows, between)
            plan = torch.split(torch.arange(len(few)), CHUNK)
            strength = self.strength if self.copies else 0.0
            pictures = ((augment(batch, strength, generator),) for batch in few.batches(plan, self.device))
            return predict_logits(_Lower(self.network), pictures, self.device, EXACT)

        recipe = Recipe(self.prepared.key(content), digest, settings, what, REMEDY)
        return cached_features(self.prepared.data.caches, recipe, len(items), compute, between)

    def batch(self, maps: Sequence[Features], rows: Tensor) -> Tensor:
        """(len(rows), C, H, W) on the device; `rows`: a picture's plus N times the copy's number."""
        copies, pictures = np.divmod(rows.numpy(), len(self))
        found = np.empty((len(rows), maps[0].shape[1]), dtype=np.float32)
        for copy in np.unique(copies):
            mine = copies == copy
            found[mine] = maps[copy][pictures[mine]]
        here = torch.from_numpy(found).to(self.device, non_blocking=True)
        return here.view(len(rows), *self.shape).permute(0, 3, 1, 2)


class PartialLearner(TorchLearner):
    """The upper stages and the head of an image network in training."""

    def __init__(
        self,
        network: PartlyFrozen,
        stepper: Stepper,
        *,
        train: tuple[Activations, NDArray[np.int64]],
        val: tuple[Activations, NDArray[np.int64]],
        batch_size: int,
        evaluation_batch_size: int,
        frozen_epochs: int,
        seed: int,
    ) -> None:
        super().__init__(stepper, val_labels=val[1], seed=seed)
        self.network = network
        self._train, self._labels = train
        self._val = val[0]
        self._batch_size, self._evaluation_batch_size = batch_size, evaluation_batch_size
        self._frozen_epochs = frozen_epochs
        self._maps: dict[str, list[Features]] = {}  # by split

    def before_epoch(self) -> None:
        """In the first `frozen_epochs` only the head learns."""
        set_learning(self.network.learning(), self.epoch > self._frozen_epochs)

    def plan_epoch(self) -> list[Tensor]:
        """Every sample once, in random order, each as one of its copies."""
        count, copies = len(self._labels), max(self._train.copies, 1)
        order = torch.randperm(count, generator=self.generator)
        chosen = torch.randint(copies, (count,), generator=self.generator)
        return list(batch_rows(order + count * chosen, self._batch_size))

    def batches(self, plan: Sequence[Tensor]) -> Iterator[Batch]:
        """What the frozen stages made of the copies, with their labels."""
        maps, device = self._kept(self._train), self._stepper.device
        for rows in plan:
            labels = torch.from_numpy(self._labels[rows.numpy() % len(self._labels)])
            yield (self._train.batch(maps, rows),), labels.to(device, non_blocking=True)

    def val_logits(self) -> NDArray[np.float32]:
        """Logits on the val pictures, not augmented."""
        maps = self._kept(self._val)
        plan = torch.split(torch.arange(len(self._val)), self._evaluation_batch_size)
        inputs = ((self._val.batch(maps, rows),) for rows in plan)
        return predict_logits(self.network, inputs, self._stepper.device, self._stepper.precision.name)

    def _kept(self, activations: Activations) -> list[Features]:
        split = activations.prepared.split
        if split not in self._maps:
            self._maps[split] = activations.maps(self.between)
        return self._maps[split]
