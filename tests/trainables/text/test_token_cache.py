"""Texts tokenized once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modality_names import TEXT
from trainables_fakes import build

from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL
from trainables.text import token_cache as module
from trainables.text.config import TextTrialConfig
from trainables.text.model import count_cut_texts
from trainables.text.network import fresh_tokenizer
from trainables.text.token_cache import encoded_texts, tokenizer_digest, trained_wordpiece
from trainables.text.tokens import TokenSequences, encode

TEXTS = ["empty_plastic_yogurt_bottle_3200", "Expired_Garlic_3168", "beer bottle_241", "Übergroße Dose", "plastic box"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """One trained on the texts."""
    return fresh_tokenizer(TEXTS, 200)


@pytest.fixture
def tokenized(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were tokenized, call by call."""
    calls: list[int] = []

    def spy(tokenizer: Any, texts: list[str], max_length: int, cleaning: str) -> TokenSequences:
        calls.append(len(texts))
        return encode(tokenizer, texts, max_length, cleaning)

    monkeypatch.setattr(module, "encode", spy)
    return calls


def cached(tokenizer: Any, folder: Path, texts: list[str] | None = None, **changes: Any) -> TokenSequences:
    """The texts' tokens from the cache."""
    given = {"max_length": 12, "cleaning": "raw", **changes}
    return encoded_texts(tokenizer, TEXTS if texts is None else texts, folder=folder, **given)


def rows(sequences: TokenSequences) -> list[list[int]]:
    """All ids."""
    return [row.tolist() for row in sequences]


@given(texts=st.lists(st.text(max_size=30), max_size=12))
def test_the_cache_gives_what_the_tokenizer_gives(texts: list[str], tokenizer: Any, tmp_path_factory: Any) -> None:
    """Written and read back, every text has its own tokens, whatever its characters are."""
    folder = tmp_path_factory.mktemp("cache")
    whole = [text.encode(errors="replace").decode() for text in texts]
    first, second = cached(tokenizer, folder, whole), cached(tokenizer, folder, whole)
    assert rows(first) == rows(second) == rows(encode(tokenizer, whole, 12, "raw"))
    assert (second.ids.dtype, second.offsets.dtype) == (np.int32, np.int64)
    assert len(list(folder.iterdir())) == 1


def test_texts_are_tokenized_once(tokenizer: Any, tmp_path: Path, tokenized: list[int]) -> None:
    """The second time the file is read; it has no other beside it."""
    assert rows(cached(tokenizer, tmp_path)) == rows(cached(tokenizer, tmp_path))
    assert tokenized == [len(TEXTS)]
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_what_changes_the_tokens_changes_the_file(tokenizer: Any, tmp_path: Path) -> None:
    """Other texts, another order, length, cleaning, tokenizer or library has a file of its own."""
    cached(tokenizer, tmp_path)
    cached(tokenizer, tmp_path, TEXTS[::-1])
    cached(tokenizer, tmp_path, [*TEXTS[:-2], "\n".join(TEXTS[-2:])])
    cached(tokenizer, tmp_path, max_length=8)
    cached(tokenizer, tmp_path, cleaning="words")
    cached(fresh_tokenizer(TEXTS[:-1], 200), tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


def test_another_version_of_a_library_makes_old_files_useless(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenized: list[int]
) -> None:
    """A new version of tokenizers may tokenize otherwise."""
    cached(tokenizer, tmp_path)
    monkeypatch.setattr(module, "version", lambda name: "999")
    cached(tokenizer, tmp_path)
    assert len(tokenized) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "other"])
def test_a_damaged_file_is_made_anew(tokenizer: Any, tmp_path: Path, damage: str, tokenized: list[int]) -> None:
    """A file that is cut, empty, has a changed byte, or holds something else is replaced by a whole one."""
    whole = rows(cached(tokenizer, tmp_path))
    (target,) = tmp_path.iterdir()
    content = target.read_bytes()
    changed = {"cut": content[:-5], "empty": b"", "flipped": content[:-1] + bytes([content[-1] ^ 1]), "other": b"text"}
    target.write_bytes(changed[damage])
    assert rows(cached(tokenizer, tmp_path)) == whole
    assert target.read_bytes() == content
    assert len(tokenized) == 2


def test_several_at_once_leave_one_whole_file(tokenizer: Any, tmp_path: Path) -> None:
    """Each gets the tokens, and no temporary file is left."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: rows(cached(fresh_tokenizer(TEXTS, 200), tmp_path)), range(8)))
    assert found == [rows(encode(tokenizer, TEXTS, 12, "raw"))] * 8
    assert len(list(tmp_path.iterdir())) == 1


def test_using_a_tokenizer_doesnt_change_its_digest(tokenizer: Any) -> None:
    """A tokenizer keeps the last call's truncation in itself: that is no part of what it is."""
    before = tokenizer_digest(tokenizer)
    encode(tokenizer, TEXTS, 5, "raw")
    assert tokenizer_digest(tokenizer) == before == tokenizer_digest(fresh_tokenizer(TEXTS[::-1], 200))
    assert tokenizer_digest(fresh_tokenizer(TEXTS, 100)) != before


def test_a_trained_tokenizer_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained once for the same texts in any order; the kept one has the same rules; another size is another one."""
    first = trained_wordpiece(TEXTS, 200, tmp_path)
    monkeypatch.setattr(module, "train_wordpiece", lambda *_: pytest.fail("trained again"))
    assert trained_wordpiece(TEXTS[::-1], 200, tmp_path).to_str() == first.to_str()
    monkeypatch.undo()
    trained_wordpiece(TEXTS, 150, tmp_path)
    assert len(list(tmp_path.glob("*.tokenizer.json"))) == 2


def test_a_damaged_tokenizer_is_trained_anew(tmp_path: Path) -> None:
    """A file that is cut off is replaced by a whole one."""
    whole = trained_wordpiece(TEXTS, 200, tmp_path).to_str()
    (target,) = tmp_path.iterdir()
    target.write_text(whole[:100])
    assert trained_wordpiece(TEXTS, 200, tmp_path).to_str() == target.read_text() == whole


def test_trials_share_the_cache(data: DataAccess, tokenized: list[int]) -> None:
    """The first trial writes tokens of train and val, and its tokenizer; the next one reads them."""
    build(TEXT, data, max_length=11)
    made = set((data.caches / "tokens").iterdir())
    build(TEXT, data, max_length=11, learning_rate=0.1)
    assert set((data.caches / "tokens").iterdir()) == made
    assert tokenized == [20, 10]


def cut(trial: dict[str, Any], data: DataAccess) -> dict[str, tuple[int, int]]:
    """How many texts of each split the trial cuts, of how many."""
    return count_cut_texts(TextTrialConfig.parsed(trial), data.splits, data.caches)


def test_cut_texts_of_a_trial_are_counted(data: DataAccess) -> None:
    """By split; with room for every text there are none."""
    trial = {"backbone": "distilbert", "weights": "none", "vocabulary_size": 200}
    assert cut({**trial, "max_length": 4}, data) == {TRAIN: (20, 20), VAL: (10, 10)}
    assert cut({**trial, "max_length": 60}, data) == {TRAIN: (0, 20), VAL: (0, 10)}
