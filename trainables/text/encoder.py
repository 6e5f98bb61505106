"""Frozen encoders of texts: the mean of a text's token states, as sentence encoders are meant to be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from trainables.errors import UserError
from trainables.text.network import pretrained_text_model

# Keys of a config that say nothing of how features come about: places, versions, the head that isn't asked.
_NO_ARCHITECTURE = ("_name_or_path", "transformers_version", "id2label", "label2id", "dtype", "torch_dtype")


class Encoder(nn.Module):
    """Token ids and mask (N, L) -> the mean of the last states over the tokens (N, D)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Features of padded token ids; mask is 1 where a token is."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        mean: Tensor = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)
        return mean

    def told_apart(self) -> dict[str, Tensor]:
        """The tensors that make the features: a pooler, which some checkpoints lack, isn't asked."""
        return {key: value for key, value in self.body.state_dict().items() if not _is_pooler(key)}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Put these tensors in their places. RuntimeError where one that is told apart is missing, or is too many."""
        own = self.body.state_dict()
        poolers = {key: value for key, value in own.items() if _is_pooler(key)}
        self.body.load_state_dict({**poolers, **weights})

    def architecture(self) -> str:
        """Digest of the config: what the tensors' shapes don't tell, such as heads and activations."""
        told = {key: value for key, value in self.body.config.to_dict().items() if key not in _NO_ARCHITECTURE}  # type: ignore[operator, union-attr]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _is_pooler(key: str) -> bool:
    return "pooler." in key


def pretrained_encoder(backbone: str) -> tuple[Encoder, Any]:
    """The frozen encoder and its tokenizer. UserError where they can't be had, or it gives no state a token."""
    with torch.random.fork_rng(devices=[]):  # a head that nobody uses is drawn at random
        network, tokenizer = pretrained_text_model(backbone, 2, None)
    encoder = Encoder(network.classifier.base_model).eval().requires_grad_(False)  # type: ignore[arg-type]
    _check(encoder, tokenizer, backbone)
    return encoder, tokenizer


@torch.inference_mode()
def _check(encoder: Encoder, tokenizer: Any, backbone: str) -> None:
    ids = torch.tensor([tokenizer("a text", add_special_tokens=True)["input_ids"] or [tokenizer.pad_token_id]])
    try:
        features = encoder(ids, torch.ones_like(ids))
    except Exception as error:  # each architecture fails in its own way
        raise UserError(
            f"A head needs an encoder that gives a state for each token, but {backbone!r} gives none ({error}): take "
            "another backbone, or set `heads: none`."
        ) from error
    if features.ndim != 2 or not bool(torch.isfinite(features).all()):
        raise UserError(
            f"An encoder must give finite features of a text, but {backbone!r} doesn't: take another backbone, or set "
            "`heads: none`."
        )


def save_encoder(encoder: Encoder, tokenizer: Any, folder: Path) -> None:
    """Config and tokenizer, in Hugging Face's own layout; the weights lie beside them."""
    encoder.body.config.save_pretrained(folder)  # type: ignore[operator, union-attr]
    tokenizer.save_pretrained(folder)


def saved_encoder(folder: Path) -> tuple[Encoder, Any]:
    """The encoder whose config lies in `folder`, its weights still to be loaded, and its tokenizer."""
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    classifier = transformers.AutoModelForSequenceClassification.from_config(config)
    encoder = Encoder(classifier.base_model).eval().requires_grad_(False)
    return encoder, transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
