"""Texts -> token ids."""

from __future__ import annotations

import re

import numpy as np
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from trainables.runtime.texts import clean
from trainables.text.network import fresh_text_model
from trainables.text.tokens import TokenSequences, by_length, count_cut, encode, pad, train_wordpiece

TEXTS = ["empty_plastic_yogurt_bottle_3200", "Expired_Garlic_3168", "beer bottle_241", "Übergroße Dose", "plastic box"]
LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("empty_plastic_yogurt_bottle_3200", "empty plastic yogurt bottle"),
        ("Expired_Garlic_3168", "expired garlic"),
        ("plastic food box", "plastic food box"),
        ("  a--b..c__12  ", "a b c"),
        ("beer 7up can", "beer 7up can"),
        ("GROSSE Straße_1", "grosse strasse"),
        ("4711", "4711"),
        (" 12_", " 12_"),
        ("__", "__"),
    ],
)
def test_words_cleaning(text: str, words: str) -> None:
    """Separators become spaces, the closing counter goes, the case is folded; `raw` leaves a text as it is.

    What is nothing but these stays as it is.
    """
    assert clean(text, "words") == words
    assert clean(text, "raw") == text


@given(st.text(alphabet="aBß1٣² \t\n\x1f\u3000_-.", max_size=30))
def test_words_cleaning_is_what_it_says(text: str) -> None:
    """Separators and spaces become one space, the number at the end goes with the space before it, case is folded."""
    spaced = re.sub(r"[\s_\-.]+", " ", text).strip()
    assert clean(text, "words") == (re.sub(r"\s*\d+$", "", spaced).casefold() or text)


@pytest.mark.timeout(20)  # milliseconds; hours where each digit is tried as the counter's first
@pytest.mark.parametrize("part", ["1", "_", " 1", "1_", "a "])
def test_cleaning_a_megabyte_takes_no_time(part: str) -> None:
    """Whatever a text is made of, it is gone through once."""
    text = part * (1_000_000 // len(part)) + "x"
    assert clean(text, "words").endswith("x")
    assert clean(f"b{text[:-1]}1", "words").startswith("b")


def test_wordpiece_is_the_same_from_the_same_texts_in_any_order() -> None:
    """Trained twice, and on the reversed list, the vocabulary is the same, token by number."""
    texts = [f"{a} {b} {number}" for number, (a, b) in enumerate(zip(TEXTS * 8, TEXTS[::-1] * 8, strict=True))]
    first = train_wordpiece(texts, 120).get_vocab()
    assert len(first) == 120
    for again in (texts, texts[::-1], texts[7:] + texts[:7]):
        assert train_wordpiece(again, 120).get_vocab() == first


def test_wordpiece_frames_and_folds() -> None:
    """[CLS] and [SEP] frame each text, case and accents are folded, unseen letters are [UNK], and [PAD] is 0."""
    tokenizer = train_wordpiece(TEXTS, 200)
    assert tokenizer.token_to_id("[PAD]") == 0
    assert tokenizer.encode("BOTTLE").ids == tokenizer.encode("bottle").ids
    framed = tokenizer.encode("plastic 日").tokens
    assert framed[0] == "[CLS]"
    assert framed[-2:] == ["[UNK]", "[SEP]"]


def test_only_the_special_tokens_are_special() -> None:
    """A text that holds `##e` isn't read as a token's name; the frame can be left out of what is decoded."""
    tokenizer = train_wordpiece([*TEXTS, "a ##e"], 200)
    assert tokenizer.encode("##e").tokens == ["[CLS]", "#", "#", "e", "[SEP]"]
    assert tokenizer.decode(tokenizer.encode("##e").ids) == "# # e"
    assert tokenizer.encode("[MASK]").tokens == ["[CLS]", "[MASK]", "[SEP]"]


def tiny_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """The tokenizer of a tiny network."""
    sizes = {"dim": 8, "n_layers": 1, "n_heads": 1, "hidden_dim": 8}
    return fresh_text_model("distilbert", 2, None, architecture=sizes, vocabulary_size=200, texts=TEXTS)[1]


def test_encode_cuts_and_keeps_the_frame() -> None:
    """No text is longer than `max_length`, and a cut one still ends with [SEP]; a blank text is its frame alone."""
    tokenizer = tiny_tokenizer()
    found = encode(tokenizer, [*TEXTS, " "], 6, "words")
    assert [len(ids) for ids in found][-1] == 2
    assert max(len(ids) for ids in found) == 6
    assert all(ids[0] == tokenizer.cls_token_id and ids[-1] == tokenizer.sep_token_id for ids in found)
    assert all(ids.dtype == np.int32 for ids in found)
    assert len(encode(tokenizer, [], 6, "words")) == 0


def test_encode_cleans_first() -> None:
    """With `words`, a counter and the separators make no difference; with `raw` they do."""
    tokenizer = tiny_tokenizer()
    one, other = encode(tokenizer, ["Beer_bottle_7", "beer bottle 12"], 32, "words")
    assert one.tolist() == other.tolist()
    one, other = encode(tokenizer, ["beer_bottle_7", "beer bottle 12"], 32, "raw")
    assert one.tolist() != other.tolist()


@pytest.mark.parametrize("max_length", [4, 5, 7, 64])
def test_cut_texts_are_counted(max_length: int) -> None:
    """As many as have more tokens than fit; one that fits exactly isn't cut."""
    tokenizer = tiny_tokenizer()
    whole = encode(tokenizer, TEXTS, 512, "raw").lengths
    cut = encode(tokenizer, TEXTS, max_length, "raw")
    found = count_cut(tokenizer, TEXTS, cut, max_length=max_length, cleaning="raw")
    assert found == int((whole > max_length).sum())
    assert count_cut(tokenizer, TEXTS, cut, max_length=int(whole.max()), cleaning="raw") == 0


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=9), max_size=20), st.data())
def test_sequences_in_one_array_are_a_sequence(sequences: list[list[int]], data: st.DataObject) -> None:
    """Length, rows, slices and chosen rows are those of the list that it was made of."""
    flat = TokenSequences.of(sequences)
    assert [row.tolist() for row in flat] == [row.tolist() for row in TokenSequences.of(flat)] == sequences
    assert (len(flat), flat.lengths.tolist()) == (len(sequences), [len(row) for row in sequences])
    rows = data.draw(st.lists(st.integers(0, len(sequences) - 1), max_size=30)) if sequences else []
    chosen = flat[np.array(rows, dtype=np.int64)]
    assert [row.tolist() for row in chosen] == [sequences[row] for row in rows]
    assert chosen.offsets[-1] == len(chosen.ids)
    assert [row.tolist() for row in flat[1:-1]] == sequences[1:-1]


def test_a_row_that_isnt_there() -> None:
    """As in a list: the last row is -1, and one beyond the end is an IndexError."""
    flat = TokenSequences.of([[1], [2, 3]])
    assert flat[-1].tolist() == [2, 3]
    with pytest.raises(IndexError):
        flat[2]


def test_padding_chosen_rows_is_padding_their_list() -> None:
    """Rows taken by an array give what a list of them gives."""
    flat = TokenSequences.of([[5, 6, 7], [8], [9, 10]])
    rows = np.array([2, 0, 2])
    for one, other in zip(pad(flat[rows], 3), pad([flat[int(row)] for row in rows], 3), strict=True):
        assert one.tolist() == other.tolist()
        assert one.dtype == other.dtype == np.int64


@given(LENGTHS)
def test_padding(lengths: list[int]) -> None:
    """Ids stand left, padding right, as long as the longest; the mask is 1 exactly where a token is."""
    sequences = [np.arange(5, 5 + length, dtype=np.int64) for length in lengths]
    ids, mask = pad(sequences, pad_id=3)
    assert ids.shape == mask.shape == (len(lengths), max(lengths))
    assert mask.sum(axis=1).tolist() == lengths
    for row, sequence in enumerate(sequences):
        assert ids[row, mask[row] == 1].tolist() == sequence.tolist()
        assert set(ids[row, mask[row] == 0].tolist()) <= {3}


@given(LENGTHS, st.integers(1, 7), st.integers(1, 60))
def test_by_length_has_each_row_once_and_long_ones_first(lengths: list[int], batch_size: int, budget: int) -> None:
    """Every row comes once, no batch has too many rows or padded tokens, and lengths never rise."""
    sequences = [np.zeros(length, dtype=np.int64) for length in lengths]
    batches = list(by_length(sequences, batch_size, budget))
    order = np.concatenate(batches).tolist()
    assert sorted(order) == list(range(len(lengths)))
    assert max(len(rows) for rows in batches) <= batch_size
    assert all(len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= budget for rows in batches)
    assert [lengths[row] for row in order] == sorted(lengths, reverse=True)
