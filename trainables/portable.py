"""A trained model as what a bundle's runtime computes it from: the way of its items, its networks, its head."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.names import WEIGHTS_FILE

if TYPE_CHECKING:
    from torch import Tensor, nn

    from trainables.modality import Item

OPSET = 18  # of ONNX
OUTPUT = "outputs"


@dataclass(frozen=True)
class Graph:
    """A network that takes tensors, and what it is written with."""

    network: nn.Module
    examples: Mapping[str, Tensor]  # by input: of two samples
    free: Mapping[str, tuple[int, ...]]  # by input: the dimensions that may have any length, the samples' among them


@dataclass(frozen=True)
class Portable:
    """What a model is beside the files of its checkpoint."""

    input: Mapping[str, Any]  # plain values: the kind of items and their preparation, see trainables.runtime.members
    graphs: tuple[Graph, ...]  # of the whole model; with a head: of the frozen networks that make its features
    head: Mapping[str, str] | None  # the checkpoint's files with a head's `settings` and `tensors`
    probes: Callable[[Path], list[Item]]  # odd items, files among them in that folder: both must say the same of them


def head_files(settings: str) -> dict[str, str]:
    """The files of a head's checkpoint."""
    return {"settings": settings, "tensors": WEIGHTS_FILE}


def write_graph(graph: Graph, file: Path) -> None:
    """Write a network as ONNX. RuntimeError, of torch's many, where it does what a graph can't.

    By torch's older exporter, which traces: 0.2 s and no more packages, where the newer one takes 8 s for an
    EfficientNet and minutes for a text model. What it wrote is compared with the network before a bundle is whole.
    """
    import torch

    names = {name: {place: f"{name}_{place}" for place in free} for name, free in graph.free.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing tells of each size that it takes for a constant
        torch.onnx.export(
            graph.network.cpu().eval(),
            tuple(graph.examples.values()),
            file,
            input_names=list(graph.examples),
            output_names=[OUTPUT],
            dynamic_axes={**names, OUTPUT: {0: "samples"}},
            opset_version=OPSET,
            dynamo=False,
        )
