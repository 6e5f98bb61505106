"""The learner that trains a text network: batches of texts of about one length, layers that join from the top.

Of a sample with several captions each epoch sees one, drawn anew: every sample weighs the same, and an epoch has as
many steps as the samples make. Val's logits are the means over a sample's captions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.learning.groups import layers_of, set_learning
from trainables.learning.learner import TorchLearner
from trainables.learning.steps import Batch, Stepper
from trainables.runtime.captions import CaptionRows
from trainables.text.network import TextNetwork, predict_sequences
from trainables.text.tokens import TokenSequences, pad

WINDOW = 50  # batches whose texts are put by length together


@dataclass(frozen=True)
class TokenizedSplit:
    """One split's samples, tokenized."""

    sequences: TokenSequences  # (M,) of all captions
    captions: CaptionRows  # of N samples
    labels: NDArray[np.int64]  # (N,)


class TextLearner(TorchLearner):
    """A text network in training."""

    def __init__(
        self,
        network: TextNetwork,
        stepper: Stepper,
        *,
        train: TokenizedSplit,
        val: TokenizedSplit,
        pad_id: int,
        batch_size: int,
        evaluation_batch_size: int,
        token_budget: int,
        frozen_epochs: int,
        layers_per_epoch: int | None,
        seed: int,
    ) -> None:
        super().__init__(stepper, val_labels=val.labels, seed=seed)
        self.network = network
        self._train, self._val, self._pad_id, self._seed = train, val, pad_id, seed
        self._batch_size = batch_size
        self._evaluation_batch_size, self._token_budget = evaluation_batch_size, token_budget
        self._layers = layers_of(network.classifier)
        self._frozen_epochs, self._layers_per_epoch = frozen_epochs, layers_per_epoch

    def before_epoch(self) -> None:
        """First only the head learns; then all layers, or some more in each epoch from the top."""
        learning = learning_layers(self.epoch, len(self._layers), self._frozen_epochs, self._layers_per_epoch)
        for depth, layer in enumerate(reversed(self._layers)):
            set_learning(layer, depth < learning)

    def plan_epoch(self) -> list[Tensor]:
        """Every sample once, in random order; a batch's texts are of about one length, so that little is padding."""
        lengths = torch.from_numpy(self._train.sequences.lengths[self._drawn()])
        return length_batches(lengths, self._batch_size, self.generator)

    def batches(self, plan: Sequence[Tensor]) -> Iterator[Batch]:
        """Token ids and masks, each batch as long as its longest text, with labels."""
        train, drawn = self._train, self._drawn()
        device = self._stepper.device
        for rows in plan:
            chosen = rows.numpy()
            ids, mask = pad(train.sequences[drawn[chosen]], self._pad_id)
            inputs = tuple(torch.from_numpy(array).to(device, non_blocking=True) for array in (ids, mask))
            yield inputs, torch.from_numpy(train.labels[chosen]).to(device, non_blocking=True)

    def _drawn(self) -> NDArray[np.int64]:
        """(N,) which caption of each sample the epoch sees."""
        return self._train.captions.drawn(self._seed, self.epoch)

    def val_logits(self) -> NDArray[np.float32]:
        """Logits on the val texts, one row a sample."""
        logits = predict_sequences(
            self.network,
            self._val.sequences,
            self._pad_id,
            self._evaluation_batch_size,
            self._stepper.device,
            token_budget=self._token_budget,
            precision=self._stepper.precision.name,
        )
        return self._val.captions.mean(logits)


def learning_layers(epoch: int, layers: int, frozen_epochs: int, layers_per_epoch: int | None) -> int:
    """How many layers learn in an epoch (counted from 1), from the top; the head always does."""
    if epoch <= frozen_epochs:
        return 1
    if layers_per_epoch is None:
        return layers
    return min(layers, 1 + (epoch - frozen_epochs) * layers_per_epoch)


def length_batches(lengths: Tensor, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """One epoch's batches of rows in random order, each of texts of about one length.

    A random order is cut into windows of 50 batches, and only within a window rows are put by length (equal lengths
    stay in random order): a batch still holds other samples in each epoch. A last row that would be alone is left out.
    """
    order = torch.randperm(len(lengths), generator=generator)
    if len(order) > 1 and len(order) % batch_size == 1:
        order = order[:-1]
    windows = torch.split(order, WINDOW * batch_size)
    batches = [rows for window in windows for rows in torch.split(_by_length(window, lengths), batch_size)]
    return [batches[place] for place in torch.randperm(len(batches), generator=generator)]


def _by_length(rows: Tensor, lengths: Tensor) -> Tensor:
    return rows[torch.argsort(lengths[rows], stable=True)]
