"""Samples with several captions: one row of logits a sample, and nothing changes for those with one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modality_names import TEXT
from split_fakes import with_inputs
from trainables_fakes import assert_same_tensors, build, train

from trainables.checkpoint import write_checkpoint
from trainables.data.samples import Split, split_digest
from trainables.data.study_data import packed, read_study_data
from trainables.inference import predict_split
from trainables.modalities import modality_of
from trainables.modality import DataAccess
from trainables.names import DATA_FILE, TRAIN, VAL
from trainables.runtime.captions import CaptionRows, TextItem, captions_of, flattened, text_item
from trainables.text.config import TextTrialConfig
from trainables.text.model import count_cut_texts

ITEMS = st.lists(st.lists(st.text(max_size=3), min_size=1, max_size=4).map(text_item), min_size=1, max_size=12)
KIND = modality_of(TEXT)


def captioned(data: DataAccess, items: dict[str, Sequence[TextItem]]) -> DataAccess:
    """The same data with other texts, by split."""
    splits = {name: with_inputs(split, text=items.get(name, split.inputs[TEXT])) for name, split in data.splits.items()}
    return DataAccess(splits, data.caches, data.pixel_limit)


def several(split: Split) -> tuple[TextItem, ...]:
    """Every second sample's text three times over."""
    return tuple((text,) * 3 if row % 2 else text for row, text in enumerate(split.inputs[TEXT]))


@settings(max_examples=50)
@given(ITEMS, st.integers(0, 5), st.integers(0, 99))
def test_each_caption_has_its_place(items: list[TextItem], epoch: int, seed: int) -> None:
    """In a row they stand sample after sample; what is drawn is each sample's own; a mean is over its own."""
    rows, texts = CaptionRows.of(items), flattened(items)
    own = [texts[start:end] for start, end in zip(rows.first[:-1], rows.first[1:], strict=True)]
    assert [tuple(captions) for captions in own] == [captions_of(item) for item in items]
    drawn = rows.drawn(seed, epoch)
    assert all(start <= row < end for row, start, end in zip(drawn, rows.first[:-1], rows.first[1:], strict=True))
    assert np.array_equal(drawn, rows.drawn(seed, epoch))
    values = np.arange(len(texts) * 2, dtype=np.float32).reshape(-1, 2)
    means = rows.mean(values)
    assert means.dtype == np.float32
    assert means == pytest.approx(
        np.array([values[start:end].mean(axis=0) for start, end in zip(rows.first[:-1], rows.first[1:], strict=True)])
    )
    if len(texts) == len(items):
        assert means is values


def test_epochs_see_all_captions_in_time() -> None:
    """Over a few epochs each caption is drawn; no epoch draws all samples' first ones alone."""
    rows = CaptionRows.of([("a", "b", "c")] * 40)
    drawn = [rows.drawn(7, epoch) for epoch in range(1, 6)]
    assert len({row for one in drawn for row in one.tolist()}) > 100
    assert not any(np.array_equal(one, rows.first[:-1]) for one in drawn)


@settings(max_examples=50)
@given(ITEMS)
def test_items_as_json(items: list[TextItem]) -> None:
    """A text is a text in `data.json`, captions are a list, and both come back as they were."""
    raw = json.loads(json.dumps([KIND.to_json(item) for item in items]))
    assert [KIND.from_json(value) for value in raw] == items
    assert [isinstance(value, str) for value in raw] == [isinstance(item, str) for item in items]


def test_what_is_said_of_captions() -> None:
    """Empty where none says a letter; silent where none has a word; shown with dots; equal ones are joined to one."""
    assert KIND.is_empty((" ", "\u200b"))
    assert not KIND.is_empty((" ", "jar"))
    assert KIND.says_nothing(("IMG_1", "0002"))
    assert not KIND.says_nothing(("IMG_1", "jar"))
    assert KIND.shown(("a jar", "glass")) == "a jar · glass"
    assert KIND.joined(["jar", ("jar", "glass"), "jar"]) == ("jar", "glass")
    assert KIND.joined(["jar", "jar"]) == "jar"
    with pytest.raises(ValueError, match="a sample has one image, but 2 are given"):
        modality_of("image").joined([Path("a.jpg"), Path("b.jpg")])
    with pytest.raises(ValueError, match="must have a caption"):
        KIND.from_json([])


def test_undecodable_names_become_texts() -> None:
    """Half characters, which stand for the bytes of a file's name, are replaced: no tokenizer takes them."""
    assert KIND.from_file(Path("caf\udce9 cup.jpg")) == "caf\N{REPLACEMENT CHARACTER} cup"
    assert KIND.from_cell("\ud800", Path()) == "\N{REPLACEMENT CHARACTER}"


def test_a_split_with_captions_is_kept_whole(data: DataAccess, tmp_path: Path) -> None:
    """Through the study's table and back; the digest knows captions from one text, and their order."""
    splits = captioned(data, {TRAIN: several(data.splits[TRAIN])}).splits
    (tmp_path / DATA_FILE).write_bytes(packed(splits[TRAIN], splits[VAL]))
    back = read_study_data(tmp_path / DATA_FILE)
    assert back[TRAIN].inputs[TEXT] == splits[TRAIN].inputs[TEXT]
    one = with_inputs(splits[VAL].rows(np.arange(2)), text=(("a", "b"), "c"))
    digests = {split_digest(with_inputs(one, text=texts)) for texts in (("a b", "c"), (("b", "a"), "c"))}
    assert len({split_digest(one), *digests}) == 3


def test_equal_captions_learn_as_one(data: DataAccess) -> None:
    """Samples whose captions are all alike: the same batches, so the same weights, bit for bit, as with one text."""
    alike = captioned(data, {TRAIN: [(text,) * 3 for text in data.splits[TRAIN].inputs[TEXT]]})
    first = build(TEXT, data)
    train(first, 2)
    other = build(TEXT, alike)
    train(other, 2)
    assert_same_tensors(first.learner.weights(), other.learner.weights())


def test_val_has_one_row_of_logits_a_sample(data: DataAccess, tmp_path: Path) -> None:
    """Means over a sample's captions, in the split's order: k equal ones as one, and the model predicts the same."""
    texts = data.splits[VAL].inputs[TEXT]
    mixed = captioned(data, {VAL: [(text, texts[0], text) for text in texts]})
    alike = captioned(data, {VAL: several(data.splits[VAL])})
    one, same, mean = (build(TEXT, given) for given in (data, alike, mixed))
    single = one.learner.val_logits()
    assert same.learner.val_logits() == pytest.approx(single, abs=1e-6)
    expected = (2 * single + single[:1]) / 3
    assert mean.learner.val_logits() == pytest.approx(expected, abs=1e-6)
    write_checkpoint(tmp_path / "best", mean.learner.weights(), mean.meta, companions=mean.companions)
    found = predict_split(tmp_path / "best", mixed.splits[VAL])
    assert found.logits == pytest.approx(expected, abs=1e-5)
    assert found.ids == data.splits[VAL].ids


def test_a_trial_of_captions_learns(data: DataAccess) -> None:
    """An epoch has as many samples as the split; broken off and taken up again it ends as if it hadn't been."""
    texts = data.splits[TRAIN].inputs[TEXT]
    items = [(text, f"a {text}", "a long caption of many words") for text in texts]
    both = captioned(data, {TRAIN: items, VAL: several(data.splits[VAL])})
    whole = build(TEXT, both).learner
    assert whole.train_epoch().samples == len(texts)
    broken = build(TEXT, both).learner

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken.train_epoch(after_step=stop)
    weights, state = broken.weights(), broken.state_dict()
    again = build(TEXT, both).learner
    again.load_weights(weights)
    again.load_state_dict(state)
    again.train_epoch()
    assert_same_tensors(whole.weights(), again.weights())


def test_the_longest_caption_is_probed(data: DataAccess) -> None:
    """A probe's batches are of each sample's longest caption, which the sizes are of, too."""
    split = with_inputs(data.splits[TRAIN].rows(np.arange(2)), text=(("a", "abc"), "ab"))
    probed = KIND.probe_train(split, TextTrialConfig())
    assert probed.inputs[TEXT] == ("abc", "ab")
    assert KIND.sizes(split).tolist() == KIND.sizes(probed).tolist() == [3, 2]


def test_every_caption_is_a_text_that_may_be_cut(data: DataAccess) -> None:
    """How many are cut, of how many captions."""
    items = [("jar", " ".join(["word"] * 30))] * len(data.splits[VAL])
    given_trial = {"weights": "none", "vocabulary_size": 200, "max_length": 8}
    cut = count_cut_texts(TextTrialConfig.parsed(given_trial), captioned(data, {VAL: items}).splits, data.caches)
    assert cut[VAL] == (10, 20)


def test_the_linear_baseline_reads_all_captions(data: DataAccess) -> None:
    """A word that stands in the second caption alone tells the class."""
    items = {
        name: [("thing", "glass" if label else "nappy") for label in split.labels]
        for name, split in data.splits.items()
    }
    splits = captioned(data, items).splits
    found = KIND.baseline(Path("unused"), splits[TRAIN], {VAL: splits[VAL]})
    assert found is not None
    assert (found[VAL].logits.argmax(axis=1) == splits[VAL].labels).all()
