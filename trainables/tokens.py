"""Texts -> token ids: cleaning, tokenizers with and without a hub, padding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
RAW = "raw"
WORDS = "words"


def clean(text: str, cleaning: str) -> str:
    """`raw` leaves a text as it is; `words` makes separators spaces, drops the closing counter and folds the case."""
    if cleaning == RAW:
        return text
    spaced = re.sub(r"[\s_\-.]+", " ", text).strip()
    return re.sub(r"\s*\d+$", "", spaced).casefold()


def train_wordpiece(texts: Sequence[str], vocabulary_size: int) -> Tokenizer:
    """A lower-casing WordPiece tokenizer of these texts' own words, with at most that many tokens.

    The same texts give the same numbers to the same tokens, in every process: a resumed trial trains it anew. Left to
    itself, the trainer numbers the letters inside words in a random order (its issue 1794), so they are named to it as
    special tokens, and its vocabulary is then put into a tokenizer where only the special ones are special.
    """
    trained = _bert_like(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[*SPECIAL_TOKENS, *_continuing_letters(trained, texts)],
        show_progress=False,
    )
    trained.train_from_iterator(sorted(texts), trainer)
    tokenizer = _bert_like(models.WordPiece(vocab=trained.get_vocab(), unk_token="[UNK]"))  # noqa: S106
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    first, last = SPECIAL_TOKENS.index("[CLS]"), SPECIAL_TOKENS.index("[SEP]")  # the trainer numbers them in order
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", last), ("[CLS]", first))
    return tokenizer


def _bert_like(model: models.WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _continuing_letters(tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """`##x` for each letter that some word of the texts has after its first, sorted."""
    normal = (tokenizer.normalizer.normalize_str(text) for text in texts)
    words = {word for text in normal for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)}
    return sorted({f"##{letter}" for word in words for letter in word[1:]})


def encode(tokenizer: Any, texts: Sequence[str], max_length: int, cleaning: str) -> list[NDArray[np.int64]]:
    """Token ids of each text, the special tokens included, cut to `max_length`."""
    cleaned = [clean(text, cleaning) for text in texts]
    encoded = tokenizer(cleaned, truncation=True, max_length=max_length, add_special_tokens=True)
    return [np.asarray(ids, dtype=np.int64) for ids in encoded["input_ids"]]


def pad(sequences: Sequence[NDArray[np.int64]], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask, both (N, L): L is the longest of these sequences."""
    shape = (len(sequences), max(len(sequence) for sequence in sequences))
    ids, mask = np.full(shape, pad_id, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return ids, mask


def by_length(
    sequences: Sequence[NDArray[np.int64]], batch_size: int, token_budget: int
) -> Iterator[NDArray[np.int64]]:
    """Rows by batch, short sequences together: for predictions, where the order doesn't matter.

    A batch has at most `batch_size` rows, and at most `token_budget` tokens once it is padded (or a single row).
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")  # the longest first: memory that doesn't suffice is known at once
    start = 0
    while start < len(order):
        count = max(1, min(batch_size, token_budget // int(lengths[order[start]])))
        yield order[start : start + count]
        start += count
