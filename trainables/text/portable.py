"""A text model for a bundle: its network as a graph, and how texts are made into token ids and n-grams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainables.checkpoint import Checkpoint
from trainables.heads.learner import SETTINGS_FILE
from trainables.names import HEAD
from trainables.portable import Graph, Portable, head_files
from trainables.runtime.captions import TextItem
from trainables.runtime.members import CAPTIONS
from trainables.text.config import TextHeadConfig
from trainables.text.head import load_encoder
from trainables.text.model import load_network
from trainables.text.ngrams import NGRAMS_FILE

TOKENS = 7  # of the example: any number above 1, which a trace would take for a constant


def portable_texts(folder: Path, checkpoint: Checkpoint) -> Portable:
    """The model of a checkpoint folder that was read and checked, be it a network or a head."""
    if HEAD not in checkpoint.meta["config"]:
        network, tokenizer, config = load_network(folder, checkpoint)
        told = _told(config.cleaning, config.max_length, tokenizer, ngrams=None)
        return Portable(told, (_graph(network, tokenizer),), None, odd_texts)
    head = TextHeadConfig.model_validate(checkpoint.meta["config"])
    encoder = load_encoder(folder, head)
    ngrams = NGRAMS_FILE if (folder / NGRAMS_FILE).is_file() else None
    told = _told(head.cleaning, head.max_length, encoder and encoder.tokenizer, ngrams=ngrams)
    graphs = () if encoder is None else (_graph(encoder.encoder, encoder.tokenizer),)
    return Portable(told, graphs, head_files(SETTINGS_FILE), odd_texts)


def _told(cleaning: str, max_length: int, tokenizer: Any, *, ngrams: str | None) -> dict[str, Any]:
    pad_id = None if tokenizer is None else tokenizer.pad_token_id
    return {
        "kind": CAPTIONS,
        "cleaning": cleaning,
        "max_length": max_length,
        "pad_id": pad_id,
        "ngrams": ngrams,
    }


def _graph(network: nn.Module, tokenizer: Any) -> Graph:
    ids = torch.full((2, TOKENS), tokenizer.pad_token_id)
    ids[:, :-1] = torch.tensor(tokenizer("a text 1")["input_ids"] or [tokenizer.pad_token_id]).repeat(TOKENS)[
        : TOKENS - 1
    ]
    mask = torch.ones_like(ids)
    mask[0, -1] = 0
    both = (0, 1)
    return Graph(network, {"ids": ids, "mask": mask}, {"ids": both, "mask": both})


def odd_texts(_: Path) -> list[TextItem]:
    """Texts of many kinds: short, longer than any model reads, numbered, of other scripts, several captions."""
    return [
        "a",
        "empty_plastic_yogurt_bottle_3200",
        "Old  BOTTLE - green.glass 7",
        "1234",
        "Größe 42 ÅÄÖ ß İ",
        "бутылка из стекла",
        "玻璃瓶 照片",
        "♻️ ???",
        "word " * 600,
        ("old bottle", "green glass of wine", "3"),
    ]
