"""A moving average of a network's weights (EMA), which often judges val better than the weights of one step.

torch's `AveragedModel` keeps its counter on the device and reads it in every update, which makes the CPU wait there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """`average = d * average + (1 - d) * weights` after each step; BatchNorm's statistics are averaged alike.

    In the first steps d is (1 + step) / (10 + step), so that the random start fades at once; then it is `decay`.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay = network, decay
        self.steps = 0  # that were taken in
        kept = network.state_dict().keys()
        own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        self._own = {name: tensor for name, tensor in own.items() if name in kept}
        self._average = {name: tensor.detach().clone() for name, tensor in self._own.items()}
        self._floats = [name for name, tensor in self._own.items() if tensor.is_floating_point()]
        self._counters = [name for name in self._own if name not in self._floats]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of one more step in."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        average, own = ([tensors[name] for name in self._floats] for tensors in (self._average, self._own))
        torch._foreach_lerp_(average, own, 1 - decay)
        if self._counters:
            average, own = ([tensors[name] for name in self._counters] for tensors in (self._average, self._own))
            torch._foreach_copy_(average, own)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the network has the average's weights; after it its own again, nothing copied."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, tensor in self._own.items():
            tensor.data, self._average[name].data = self._average[name].data, tensor.data

    def weights(self) -> dict[str, Tensor]:
        """The average as the network's state dict: every name, copied."""
        with self.applied():
            return {name: tensor.clone() for name, tensor in self._network.state_dict().items()}

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from an average that `weights` gave."""
        for name, tensor in self._average.items():
            tensor.copy_(weights[name])
