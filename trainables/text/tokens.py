"""Texts -> token ids: cleaning, tokenizers with and without a hub, padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from trainables.runtime.texts import clean

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
Ids = NDArray[np.integer[Any]]  # one text's token ids


@dataclass(frozen=True, eq=False)
class TokenSequences(Sequence[NDArray[np.int32]]):
    """Token ids of many texts as one flat array: the text in row r has those from offsets[r] to offsets[r + 1].

    A row's number gives its ids; an array of row numbers, or a slice, gives these rows as such a value again.
    """

    ids: NDArray[np.int32]  # all texts', one after the other
    offsets: NDArray[np.int64]  # (N + 1,), from 0 to the number of ids

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int] | Ids]) -> TokenSequences:
        """The same sequences in one array."""
        if isinstance(sequences, TokenSequences):
            return cls(sequences.ids, sequences.offsets)
        offsets = np.zeros(len(sequences) + 1, dtype=np.int64)
        np.cumsum([len(sequence) for sequence in sequences], out=offsets[1:])
        if offsets[-1] == 0:
            return cls(np.zeros(0, dtype=np.int32), offsets)
        return cls(np.concatenate(sequences, dtype=np.int32, casting="unsafe"), offsets)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) how many tokens each text has."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, rows: int | np.integer[Any]) -> NDArray[np.int32]: ...
    @overload
    def __getitem__(self, rows: slice | NDArray[np.int64]) -> TokenSequences: ...
    def __getitem__(
        self, rows: int | np.integer[Any] | slice | NDArray[np.int64]
    ) -> NDArray[np.int32] | TokenSequences:
        if isinstance(rows, (int, np.integer)):
            row = range(len(self))[int(rows)]  # IndexError ends an iteration
            return self.ids[self.offsets[row] : self.offsets[row + 1]]
        chosen = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        lengths = self.offsets[chosen + 1] - self.offsets[chosen]
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return TokenSequences(self.ids[places], offsets)


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


def encode(tokenizer: Any, texts: Sequence[str], max_length: int, cleaning: str) -> TokenSequences:
    """Token ids of each text, the special tokens included, cut to `max_length`; at least one token a text."""
    cleaned = [clean(text, cleaning) for text in texts]
    if not cleaned:
        return TokenSequences.of([])
    encoded = tokenizer(cleaned, truncation=True, max_length=max_length, add_special_tokens=True)
    # A tokenizer without special tokens may find nothing that it knows in a text.
    return TokenSequences.of([ids or [tokenizer.pad_token_id] for ids in encoded["input_ids"]])


def count_cut(
    tokenizer: Any, texts: Sequence[str], sequences: TokenSequences, *, max_length: int, cleaning: str
) -> int:
    """How many of the texts, encoded as `sequences`, are longer than `max_length` tokens, and were cut."""
    full = np.flatnonzero(sequences.lengths >= max_length)
    if len(full) == 0:
        return 0
    whole = tokenizer([clean(texts[int(row)], cleaning) for row in full], truncation=False, add_special_tokens=True)
    return sum(len(ids) > max_length for ids in whole["input_ids"])


def pad(sequences: Sequence[Ids], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and mask, both (N, L): L is the longest of these sequences."""
    flat = TokenSequences.of(sequences)
    mask = np.arange(flat.lengths.max()) < flat.lengths[:, None]
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask] = flat.ids
    return ids, mask.astype(np.int64)


def by_length(sequences: Sequence[Ids], batch_size: int, token_budget: int) -> Iterator[NDArray[np.int64]]:
    """Rows by batch, short sequences together: for predictions, where the order doesn't matter.

    A batch has at most `batch_size` rows, and at most `token_budget` tokens once it is padded (or a single row).
    """
    lengths = TokenSequences.of(sequences).lengths
    order = np.argsort(-lengths, kind="stable")  # the longest first: memory that doesn't suffice is known at once
    start = 0
    while start < len(order):
        count = max(1, min(batch_size, token_budget // int(lengths[order[start]])))
        yield order[start : start + count]
        start += count
