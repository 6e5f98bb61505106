"""A study's tokenizers, as a check of data asks them: which tokens aren't known, which texts become equal."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainables.data.check.tokenized import Tokenize, Tokenized
from trainables.modality import SearchedValues
from trainables.runtime.texts import RAW
from trainables.text.source import PACKAGED
from trainables.text.tokens import encode


def packaged_backbone() -> str | None:
    """A backbone whose tokenizer is installed here, for data that no study names one for."""
    return next((name for name, (package, _) in PACKAGED.items() if importlib.util.find_spec(package)), None)


def searched_backbones(values: SearchedValues) -> Mapping[str, int]:
    """The pretrained backbones that a study searches, each with the longest `max_length` of the space."""
    longest = max(values.every("max_length"))
    return {} if values.every("weights") == ["none"] else dict.fromkeys(values.every("backbone"), longest)


def tokenize_with(backbone: str, max_length: int) -> Tokenize:
    """A backbone's own tokenizer, on texts as they stand. UserError where it can't be had."""
    from trainables.text.network import pretrained_tokenizer

    tokenizer = pretrained_tokenizer(backbone)
    return lambda texts: _tokenized(tokenizer, texts, max_length)


def _tokenized(tokenizer: Any, texts: Sequence[str], max_length: int) -> Tokenized:
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    ids = [
        tuple(one for one in own.tolist() if one not in special) for own in encode(tokenizer, texts, max_length, RAW)
    ]
    return Tokenized(
        tokens=np.array([len(own) for own in ids], dtype=np.int64),
        unknown=np.array([own.count(tokenizer.unk_token_id) for own in ids], dtype=np.int64),
        ids=ids,
    )
