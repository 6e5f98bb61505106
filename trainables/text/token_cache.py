"""Texts tokenized once: one file of token ids per texts x tokenizer, read by every trial of a node.

Several processes may make the same file at once: each writes the same content, and the last rename wins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tokenizers import Tokenizer

from trainables.data.files import replace_file
from trainables.text.tokens import TokenSequences, encode, train_wordpiece

FORMAT = 1  # a change of what is written makes old files useless
LIBRARIES = ("tokenizers", "transformers")  # another version may tokenize otherwise
DIGEST = "sha256"  # the key of the content's digest, in the file's metadata


def encoded_texts(
    tokenizer: Any, texts: Sequence[str], *, max_length: int, cleaning: str, folder: Path
) -> TokenSequences:
    """Token ids of each text as `encode` gives them, from the cache in `folder` or written into it now."""
    key = _key([cleaning, str(max_length), tokenizer_digest(tokenizer)], texts)
    target = folder / f"{key}.safetensors"
    cached = _read(target, len(texts))
    if cached is not None:
        return cached
    sequences = encode(tokenizer, texts, max_length, cleaning)
    arrays = {"ids": sequences.ids, "offsets": sequences.offsets}
    replace_file(target, save(arrays, metadata={DIGEST: _content_digest(sequences)}))
    return sequences


def trained_wordpiece(texts: Sequence[str], vocabulary_size: int, folder: Path | None) -> Tokenizer:
    """The tokenizer that `train_wordpiece` gives, from the cache in `folder` or written into it now; None: no cache."""
    if folder is None:
        return train_wordpiece(texts, vocabulary_size)
    target = folder / f"{_key([str(vocabulary_size)], sorted(texts))}.tokenizer.json"
    try:
        return Tokenizer.from_file(str(target))
    except Exception:  # not there, or damaged: tokenizers raises nothing more exact
        tokenizer = train_wordpiece(texts, vocabulary_size)
    replace_file(target, tokenizer.to_str().encode())
    return tokenizer


def tokenizer_digest(tokenizer: Any) -> str:
    """Changes when the tokenizer gives a text other ids: its vocabulary, its rules, its special tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = {
        "kind": type(tokenizer).__name__,
        "special": {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        "sides": [tokenizer.truncation_side, tokenizer.padding_side],
        # Padding and truncation are set anew by each call: they are no part of what the tokenizer is.
        "rules": {**json.loads(backend.to_str()), "padding": None, "truncation": None}
        if backend is not None
        else [tokenizer.get_vocab(), tokenizer.init_kwargs],
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True, default=str).encode()).hexdigest()


def _key(settings: Sequence[str], texts: Iterable[str]) -> str:
    """Changes when a text, their order or a setting changes."""
    digest = hashlib.sha256(json.dumps([FORMAT, *map(version, LIBRARIES), *settings]).encode())
    for text in texts:
        digest.update(b"\n" + json.dumps(text).encode())  # in one line: "a", "b" isn't "a\nb"
    return digest.hexdigest()[:32]


def _read(target: Path, count: int) -> TokenSequences | None:
    """What a file holds; None where there is none, or its content isn't what was written."""
    try:
        with safe_open(target, framework="numpy") as stored:
            found = TokenSequences(stored.get_tensor("ids"), stored.get_tensor("offsets"))
            digest = (stored.metadata() or {}).get(DIGEST)
    except (OSError, SafetensorError):
        return None
    return found if len(found) == count and digest == _content_digest(found) else None


def _content_digest(sequences: TokenSequences) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(sequences.ids).tobytes())
    digest.update(np.ascontiguousarray(sequences.offsets).tobytes())
    return digest.hexdigest()
