"""A text model: built from a trial's hyperparameters, trained, loaded from its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.checkpoint import Checkpoint
from trainables.data.samples import Split
from trainables.learning.groups import decayed_groups, layers_of
from trainables.learning.steps import pick_device
from trainables.modality import Companions, DataAccess
from trainables.names import TRAIN, VAL
from trainables.runtime.captions import CaptionRows, TextItem, flattened
from trainables.text.config import TextTrialConfig
from trainables.text.learner import TextLearner, TokenizedSplit
from trainables.text.network import (
    TextNetwork,
    check_max_length,
    fresh_text_model,
    fresh_tokenizer,
    predict_sequences,
    pretrained_text_model,
    pretrained_tokenizer,
    save_text_model,
    saved_text_model,
)
from trainables.text.token_cache import encoded_texts
from trainables.text.tokens import TokenSequences, count_cut, encode
from trainables.train_setup import make_stepper

TOKENS = "tokens"  # folder of tokenized texts among the caches


def build_network(config: TextTrialConfig, train: Split, token_folder: Path | None = None) -> tuple[TextNetwork, Any]:
    """The configured network and its tokenizer; one trained on the texts is kept in `token_folder`."""
    if config.weights == "none":
        network, tokenizer = fresh_text_model(
            config.backbone,
            len(train.classes),
            config.dropout,
            architecture=config.architecture,
            vocabulary_size=config.vocabulary_size,
            texts=flattened(train.items("text")),
            token_folder=token_folder,
        )
    else:
        network, tokenizer = pretrained_text_model(config.backbone, len(train.classes), config.dropout)
    check_max_length(network, config.backbone, config.max_length)
    return network, tokenizer


def build_learner(config: TextTrialConfig, data: DataAccess, seed: int) -> tuple[TextLearner, Companions]:
    """A text network at the beginning of its training, and what writes its tokenizer and config."""
    network, tokenizer = build_network(config, data.splits[TRAIN], data.caches / TOKENS)
    tokenized = {name: _tokenized(tokenizer, split, config, data.caches) for name, split in data.splits.items()}
    device = pick_device()
    network.to(device)
    groups = decayed_groups(
        layers_of(network.classifier),
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        layer_decay=config.layer_decay,
    )
    learner = TextLearner(
        network,
        make_stepper(config, network, groups, data.splits[TRAIN], device, config.token_budget),
        train=tokenized[TRAIN],
        val=tokenized[VAL],
        pad_id=tokenizer.pad_token_id,
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        token_budget=config.token_budget,
        frozen_epochs=config.frozen_epochs,
        layers_per_epoch=config.layers_per_epoch,
        seed=seed,
    )
    return learner, lambda folder: save_text_model(network, tokenizer, folder)


def _tokenized(tokenizer: Any, split: Split, config: TextTrialConfig, caches: Path) -> TokenizedSplit:
    items = split.items("text")
    return TokenizedSplit(_encoded(tokenizer, flattened(items), config, caches), CaptionRows.of(items), split.labels)


def _encoded(tokenizer: Any, texts: Sequence[str], config: TextTrialConfig, caches: Path) -> TokenSequences:
    return encoded_texts(
        tokenizer,
        texts,
        max_length=config.max_length,
        cleaning=config.cleaning,
        folder=caches / TOKENS,
    )


def count_cut_texts(config: TextTrialConfig, splits: Mapping[str, Split], caches: Path) -> dict[str, tuple[int, int]]:
    """How many texts of each split a text trial cuts to its `max_length`, and of how many (every caption is a text).

    Its tokens lie in `caches` afterwards. Raises UserError where the tokenizer can't be had.
    """
    texts = {name: flattened(split.items("text")) for name, split in splits.items()}
    if config.weights == "none":
        tokenizer = fresh_tokenizer(texts[TRAIN], config.vocabulary_size, caches / TOKENS)
    else:
        tokenizer = pretrained_tokenizer(config.backbone)
    return {name: (_count_cut(tokenizer, own, config, caches), len(own)) for name, own in texts.items()}


def _count_cut(tokenizer: Any, texts: Sequence[str], config: TextTrialConfig, caches: Path) -> int:
    sequences = _encoded(tokenizer, texts, config, caches)
    return count_cut(tokenizer, texts, sequences, max_length=config.max_length, cleaning=config.cleaning)


class TextModel:
    """A trained text network: tokenizes texts as they were tokenized in training, and predicts them."""

    def __init__(
        self, network: TextNetwork, tokenizer: Any, classes: tuple[str, ...], max_length: int, cleaning: str
    ) -> None:
        self.classes = classes
        self._tokenizer, self._max_length, self._cleaning = tokenizer, max_length, cleaning
        self._device = pick_device()
        self._network = network.to(self._device)

    def logits(self, items: Sequence[TextItem]) -> NDArray[np.float32]:
        """Logits (N, C) of texts; of several captions their mean."""
        return self.timed_logits(items, batch_size=256)[0]

    def timed_logits(self, items: Sequence[TextItem], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C) of texts, and the network's seconds; tokenizing isn't counted."""
        sequences = encode(self._tokenizer, flattened(items), self._max_length, self._cleaning)
        began = time.perf_counter()
        logits = predict_sequences(self._network, sequences, self._tokenizer.pad_token_id, batch_size, self._device)
        seconds = time.perf_counter() - began
        return CaptionRows.of(items).mean(logits), seconds


def load_network(folder: Path, checkpoint: Checkpoint) -> tuple[TextNetwork, Any, TextTrialConfig]:
    """The trained network of a checkpoint that was read and checked, its tokenizer, and its trial's config."""
    config = TextTrialConfig.model_validate(checkpoint.meta["config"])
    network, tokenizer = saved_text_model(folder, len(checkpoint.meta["classes"]))
    network.load_state_dict(checkpoint.weights)
    return network, tokenizer, config


def load_model(folder: Path, checkpoint: Checkpoint) -> TextModel:
    """The model of a checkpoint that was read and checked; its tokenizer lies in the folder."""
    network, tokenizer, config = load_network(folder, checkpoint)
    classes = tuple(checkpoint.meta["classes"])
    return TextModel(network, tokenizer, classes, config.max_length, config.cleaning)
