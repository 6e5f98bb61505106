"""What a card allows at best: a training step's arithmetic and its traffic against the card's peaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

# Part of the card's name -> (dense bfloat16 FLOP/s, bytes/s), from the makers' data sheets; the first that fits counts.
PEAKS = {
    "H100 PCIe": (756e12, 2.0e12),
    "H100 NVL": (835e12, 3.9e12),
    "H100": (989e12, 3.35e12),
    "H200": (989e12, 4.8e12),
    "A100": (312e12, 2.04e12),
}
ASSUMPTIONS = (
    "FLOPs: convolutions and matrix products of forward and backward as torch.utils.flop_counter counts them, a "
    "multiply-add as two.",
    "Bytes: every convolution and linear layer reads its input and writes its output once forward, and reads both "
    "gradient and input and writes the input's gradient once backward, in bfloat16; everything between these layers is "
    "taken as fused into them; AdamW reads and writes weight, gradient and both moments in float32 once.",
    "Limit: the slower of the two, each at the card's published dense peak; no network reaches it.",
)


def peaks_of(card: str) -> tuple[float, float] | None:
    """FLOP/s and bytes/s of a card by its name; None for one that isn't listed."""
    return next((peaks for name, peaks in PEAKS.items() if name in card), None)


def flops_of(step: Callable[[], object]) -> int:
    """FLOPs of a call."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def bytes_of_step(network: nn.Module, pictures: Tensor) -> int:
    """Estimated bytes that one training step on these pictures must move, by the ASSUMPTIONS."""
    moved = 0

    def count(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal moved
        read, written = inputs[0].numel(), output.numel()
        moved += 2 * ((read + written) + (written + read + read))

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        network(pictures)
    for handle in handles:
        handle.remove()
    weights = sum(parameter.numel() for parameter in network.parameters())
    return moved + weights * 4 * 8  # read and write each of weight, gradient, two moments


def limit_of(card: str, flops: float, moved: float, measured: float) -> dict[str, float]:
    """Samples/s that the card's peaks allow and the share reached; `flops` and `moved` bytes a sample, `measured`
    samples/s. Empty for a card that isn't listed."""
    peaks = peaks_of(card)
    if peaks is None:
        return {}
    by_arithmetic, by_memory = peaks[0] / flops, peaks[1] / moved
    return {
        "limit by arithmetic, samples/s": by_arithmetic,
        "limit by memory bandwidth, samples/s": by_memory,
        "share of the arithmetic's limit": measured / by_arithmetic,
        "share of the memory's limit": measured / by_memory,
        "share of the step's limit": measured / min(by_arithmetic, by_memory),
    }
