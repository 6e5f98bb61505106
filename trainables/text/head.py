"""Heads on texts' n-grams and frozen features: the features from the cache, the learner, the model that predicts."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.checkpoint import Checkpoint
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.features.networks import keep_network, link_network, read_network, weights_digest
from trainables.features.store import Between, Features, Recipe, cached_features
from trainables.heads.fitting import FittedHead
from trainables.heads.folds import groups_of
from trainables.heads.inputs import HeadInputs
from trainables.heads.learner import HeadLearner, HeadTask, read_head
from trainables.hub import first_line
from trainables.learning.precision import EXACT
from trainables.learning.steps import pick_device
from trainables.modality import Companions, DataAccess
from trainables.names import TRAIN, VAL
from trainables.runtime.captions import CaptionRows, TextItem, captions_of, flattened
from trainables.text.config import TextHeadConfig
from trainables.text.encoder import Encoder, pretrained_encoder, save_encoder, saved_encoder
from trainables.text.network import check_max_length, predict_sequences
from trainables.text.ngrams import NGrams
from trainables.text.token_cache import tokenizer_digest
from trainables.text.tokens import encode

SHOWN = 60  # characters of a text that an encoder fails on
_FAILURES = (IndexError, ValueError, RuntimeError)


@dataclass(frozen=True)
class NamedEncoder:
    """A frozen encoder, its tokenizer and the name that it was asked for by."""

    name: str
    encoder: Encoder
    tokenizer: Any
    digest: str

    @property
    def bytes(self) -> int:
        """Of the tensors that make the features."""
        return sum(tensor.nbytes for tensor in self.encoder.told_apart().values())

    def features(self, items: Sequence[TextItem], config: TextHeadConfig) -> Features:
        """(N, D) of texts; of several captions their mean. UserError with the first text that the encoder fails on."""
        texts = flattened(items)
        try:
            found = self._encoded(texts, config)
        except _FAILURES as error:  # each architecture fails in its own way
            failing = self._first_failing(texts, config)
            if failing is None:  # not a text's fault
                raise
            raise self._failed(failing, first_line(error)) from error
        faulty = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(faulty):
            raise self._failed(texts[faulty[0]], "its features aren't finite")
        return CaptionRows.of(items).mean(found)

    def _first_failing(self, texts: Sequence[str], config: TextHeadConfig) -> str | None:
        for text in texts:
            try:
                self._encoded([text], config)
            except _FAILURES:
                return text
        return None

    def _failed(self, text: str, reason: str) -> UserError:
        return UserError(
            f"An encoder must make features of every text, but {self.name!r} fails on {text[:SHOWN]!r} ({reason}): "
            f"change or leave out that text, take another backbone, or set `heads: none`."
        )

    def _encoded(self, texts: Sequence[str], config: TextHeadConfig) -> Features:
        sequences = encode(self.tokenizer, texts, config.max_length, config.cleaning)
        device = pick_device()
        return predict_sequences(
            self.encoder.to(device),  # type: ignore[arg-type]
            sequences,
            self.tokenizer.pad_token_id,
            config.evaluation_batch_size,
            device,
            token_budget=config.token_budget,
            precision=EXACT,  # see the pictures' features
        )


def build_encoder(config: TextHeadConfig) -> NamedEncoder | None:
    """The configured frozen encoder; None for n-grams alone.

    UserError where it can't be had, or takes no texts of that length.
    """
    if config.backbone is None:
        return None
    encoder, tokenizer = pretrained_encoder(config.backbone)
    check_max_length(encoder.body, config.backbone, config.max_length)
    return NamedEncoder(config.backbone, encoder, tokenizer, weights_digest(encoder.told_apart()))


def build_head_learner(config: TextHeadConfig, data: DataAccess, seed: int) -> tuple[HeadLearner, Companions]:
    """A head that isn't fitted yet, and what writes n-grams and the frozen encoder beside it.

    UserError where there is neither an encoder nor an n-gram.
    """
    encoder = build_encoder(config)
    train, val = data.splits[TRAIN], data.splits[VAL]
    ngrams = NGrams.of(train.items("text"), config.cleaning)
    if ngrams is None and encoder is None:
        raise UserError("A head needs an encoder or texts with letters, but train's texts have none and there is none.")
    task = HeadTask(config.head, train.labels, groups_of(train), val.labels, len(train.classes), seed)

    def inputs(split: Split, between: Between) -> HeadInputs:
        items = split.items("text")
        dense = () if encoder is None else (_features(encoder, config, items, data.caches, between),)
        return HeadInputs(dense, None if ngrams is None else ngrams.matrix(items))

    learner = HeadLearner(
        task,
        lambda between: inputs(train, between),
        lambda between: inputs(val, between),
        network_bytes=0 if encoder is None else encoder.bytes,
    )

    def companions(folder: Path) -> None:
        learner.write_companions(folder)
        if ngrams is not None:
            ngrams.save(folder)
        if encoder is not None:
            link_network(keep_network(data.caches, encoder.encoder.told_apart(), encoder.digest, encoder.name), folder)
            save_encoder(encoder.encoder, encoder.tokenizer, folder)

    return learner, companions


def _features(
    one: NamedEncoder, config: TextHeadConfig, items: Sequence[TextItem], caches: Path, between: Between
) -> Features:
    """(N, D) of a split's texts, from the cache."""
    settings = {
        "network": one.name,
        "cleaning": config.cleaning,
        "max_length": config.max_length,
        "tokenizer": tokenizer_digest(one.tokenizer),
        "architecture": one.encoder.architecture(),
    }
    recipe = Recipe(_content(items), one.digest, settings, f"texts ({config.cleaning}), {one.name}")
    return cached_features(caches, recipe, len(items), lambda rows: one.features(items[rows], config), between)


def _content(items: Sequence[TextItem]) -> str:
    return hashlib.sha256(json.dumps([captions_of(item) for item in items]).encode()).hexdigest()


class TextHeadModel:
    """N-grams, a frozen encoder and a fitted head."""

    def __init__(
        self,
        encoder: NamedEncoder | None,
        ngrams: NGrams | None,
        head: FittedHead,
        classes: tuple[str, ...],
        config: TextHeadConfig,
    ) -> None:
        self.classes = classes
        self._encoder, self._ngrams, self._head, self._config = encoder, ngrams, head, config

    def logits(self, items: Sequence[TextItem]) -> NDArray[np.float32]:
        """Logits (N, C) of texts."""
        return self.timed_logits(items, self._config.evaluation_batch_size)[0]

    def timed_logits(self, items: Sequence[TextItem], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C) of texts, and the seconds of tokenizing, encoder and head."""
        began = time.perf_counter()
        dense = () if self._encoder is None else (self._encoder.features(items, self._config),)
        inputs = HeadInputs(dense, None if self._ngrams is None else self._ngrams.matrix(items))
        return self._head.logits(inputs), time.perf_counter() - began


def load_encoder(folder: Path, config: TextHeadConfig) -> NamedEncoder | None:
    """The frozen encoder that lies in a head's folder that was read and checked; None for n-grams alone."""
    if config.backbone is None:
        return None
    built, tokenizer = saved_encoder(folder)
    kept = read_network(folder)
    built.load(kept)
    return NamedEncoder(config.backbone, built, tokenizer, weights_digest(kept))


def load_head_model(folder: Path, checkpoint: Checkpoint) -> TextHeadModel:
    """The model of a head's checkpoint that was read and checked; encoder and n-grams lie in the folder."""
    config = TextHeadConfig.model_validate(checkpoint.meta["config"])
    encoder = load_encoder(folder, config)
    classes = tuple(checkpoint.meta["classes"])
    return TextHeadModel(encoder, NGrams.read(folder), read_head(folder, checkpoint.weights), classes, config)


def check_head(config: TextHeadConfig, train: Split) -> int:
    """Build the frozen encoder and forget it: the bytes of its tensors.

    UserError where it can't be had, or makes no features of the longest text.
    """
    encoder = build_encoder(config)
    if encoder is None:
        return 0
    encoder.features([max(flattened(train.items("text")), key=len)], config)
    return encoder.bytes
