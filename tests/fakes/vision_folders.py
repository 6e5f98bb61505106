"""Tiny image networks of several families, as Hugging Face saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
PICTURES: dict[str, Any] = {**SMALL, "image_size": 32, "patch_size": 8}
STATISTICS = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}
FAMILIES = ("clip", "siglip", "dinov2", "vit", "convnext")


def made(family: str) -> Any:
    """A whole one with random weights, as it is published: with a text side, or with a classifier."""
    words = {**SMALL, "vocab_size": 20, "max_position_embeddings": 8}
    torch.manual_seed(11)
    if family == "clip":
        return transformers.CLIPModel(
            transformers.CLIPConfig(vision_config=PICTURES, text_config=words, projection_dim=8)
        )
    if family == "siglip":
        return transformers.SiglipModel(transformers.SiglipConfig(vision_config=PICTURES, text_config=words))
    if family == "dinov2":
        return transformers.Dinov2ForImageClassification(transformers.Dinov2Config(**PICTURES))
    if family == "vit":
        return transformers.ViTForImageClassification(transformers.ViTConfig(**PICTURES))
    stages = {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}
    return transformers.ConvNextForImageClassification(transformers.ConvNextConfig(**stages))


def save_vision(folder: Path, family: str) -> Any:
    """The family's network in a folder, with what its pictures are normalised with; the network."""
    network = made(family).eval()
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if (
                "position" in name or "token" in name
            ):  # fresh ones are zeros or nearly so: nothing would be seen of them
                tensor.normal_()
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(STATISTICS))
    return network
