"""Which parameters learn at which rate: the optimizer's groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import AdamW

# How the architectures of Hugging Face number their layers: `encoder.layer.3.`, `h.3.`, `layers.3.`, `block.3.`.
_LAYER = re.compile(r"\.(?:layer|layers|h|block|blocks)\.(\d+)\.")
ALL = "all"
MATRICES = "matrices"


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate and a weight decay."""

    parameters: tuple[nn.Parameter, ...]
    learning_rate: float
    weight_decay: float


def adamw(groups: Sequence[Group], *, beta1: float, beta2: float, epsilon: float, weight_decay_on: str = ALL) -> AdamW:
    """AdamW over the groups; with `matrices`, biases and norms (one dimension) go into groups without decay.

    Fused: one kernel for all parameters, several times faster on CPUs too.
    """
    parts = [part for group in groups for part in (_split(group) if weight_decay_on == MATRICES else (group,))]
    settings = [
        {"params": list(part.parameters), "lr": part.learning_rate, "weight_decay": part.weight_decay}
        for part in parts
        if part.parameters
    ]
    return AdamW(settings, betas=(beta1, beta2), eps=epsilon, fused=True)


def _split(group: Group) -> tuple[Group, Group]:
    matrices = tuple(p for p in group.parameters if p.ndim > 1)
    others = tuple(p for p in group.parameters if p.ndim <= 1)
    return Group(matrices, group.learning_rate, group.weight_decay), Group(others, group.learning_rate, 0.0)


def layers_of(classifier: nn.Module) -> list[tuple[nn.Parameter, ...]]:
    """A Hugging Face classifier's parameters from the bottom up: embeddings, each layer, and all above the layers.

    The last one is the head with what it stands on (pooler, last norm). An architecture that shares one layer, or
    names its layers in no known way, has embeddings and head only.
    """
    named = list(classifier.named_parameters())
    numbers = {name: int(found[1]) for name, _ in named if (found := _LAYER.search(name))}
    count = max(numbers.values(), default=-1) + 1
    body = f"{getattr(classifier, 'base_model_prefix', '')}."
    layers: list[list[nn.Parameter]] = [[] for _ in range(count + 2)]
    above = False  # parameters are named in the order in which they were made: from the bottom up
    for name, parameter in named:
        above = above or name in numbers
        if name in numbers:
            place = numbers[name] + 1
        elif name.startswith(body) and ("embed" in name or not above):
            place = 0
        else:
            place = count + 1
        layers[place].append(parameter)
    return [tuple(layer) for layer in layers]


def decayed_groups(
    layers: Sequence[tuple[nn.Parameter, ...]], *, learning_rate: float, weight_decay: float, layer_decay: float
) -> list[Group]:
    """The top layer learns at the full rate, each one below at `layer_decay` of that above; 1: one group of all."""
    if layer_decay == 1:
        return [Group(tuple(p for layer in layers for p in layer), learning_rate, weight_decay)]
    top = len(layers) - 1
    return [
        Group(layer, learning_rate * layer_decay ** (top - depth), weight_decay) for depth, layer in enumerate(layers)
    ]


def set_learning(parameters: Iterable[Tensor], learning: bool) -> None:
    """Whether gradients reach these parameters; without, AdamW leaves them as they are."""
    for parameter in parameters:
        parameter.requires_grad_(learning)
