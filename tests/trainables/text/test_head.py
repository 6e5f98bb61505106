"""Heads on texts' n-grams and frozen features, from the trial's dict to a checkpoint that predicts the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from modality_names import TEXT
from trainables_fakes import make_data

from trainables.build import build_trial, check_network
from trainables.checkpoint import write_checkpoint
from trainables.errors import UserError
from trainables.inference import predict_split
from trainables.modalities import modality_of
from trainables.modality import DataAccess, HeadWish, SearchedValues
from trainables.names import HEAD, TRAIN, VAL
from trainables.text.config import TextTrialConfig
from trainables.text.encoder import Encoder
from trainables.text.network import pretrained_tokenizer
from trainables.text.ngrams import NGRAMS_FILE

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TRIAL: dict[str, Any] = {HEAD: "kernel_ridge", "backbone": MINILM}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataAccess:
    """Twenty texts to learn from, ten to be judged by."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("backbone", [MINILM, None])
@pytest.mark.parametrize("family", ["kernel_ridge", "logistic", "neighbours"])
def test_a_checkpoint_predicts_what_its_trial_did(
    data: DataAccess, tmp_path: Path, family: str, backbone: str | None
) -> None:
    """With an encoder and on n-grams alone; the folder may be moved."""
    built = build_trial(TEXT, {**TRIAL, HEAD: family, "backbone": backbone}, data, seed=3)
    built.learner.train_epoch()
    evaluation = built.learner.evaluate()
    write_checkpoint(tmp_path / "best", built.learner.weights(), built.meta, companions=built.companions)
    folder = (tmp_path / "best").rename(tmp_path / "moved")
    predicted = predict_split(folder, data.splits[VAL])
    assert np.allclose(predicted.logits, evaluation.logits, atol=1e-4)
    assert evaluation.accuracy >= 0.8
    assert (folder / NGRAMS_FILE).is_file()


def test_a_sample_with_several_captions_has_one_prediction(data: DataAccess) -> None:
    """Features are their mean, n-grams are of all of them."""
    texts = data.splits[TRAIN].inputs[TEXT]
    doubled = replace(data.splits[TRAIN], inputs={**data.splits[TRAIN].inputs, TEXT: [(text, text) for text in texts]})
    built = build_trial(TEXT, TRIAL, replace(data, splits={**data.splits, TRAIN: doubled}), seed=3)
    assert built.learner.train_epoch().samples == len(texts)


def test_texts_that_say_nothing_are_refused_without_an_encoder(data: DataAccess) -> None:
    """There would be nothing to fit."""
    blank = replace(data.splits[TRAIN], inputs={**data.splits[TRAIN].inputs, TEXT: [" "] * len(data.splits[TRAIN])})
    with pytest.raises(UserError, match="needs an encoder or texts with letters"):
        build_trial(
            TEXT,
            {**TRIAL, "backbone": None, "cleaning": "words"},
            replace(data, splits={**data.splits, TRAIN: blank}),
            3,
        )


def test_an_encoder_for_shorter_texts_is_refused(data: DataAccess) -> None:
    """Before the first trial; n-grams alone need no network."""
    with pytest.raises(UserError, match="must be at most 512 tokens"):
        check_network(TEXT, {**TRIAL, "max_length": 600}, data.splits[TRAIN])
    assert check_network(TEXT, {**TRIAL, "backbone": None}, data.splits[TRAIN]) == 0


def test_each_cleaning_of_the_search_has_a_head() -> None:
    """The section's own first; the other families read as the section says."""
    own = TextTrialConfig.parsed({"backbone": MINILM}).model_dump()
    values = SearchedValues(own, {**{key: [value] for key, value in own.items()}, "cleaning": ["words", "raw"]}, [own])
    found = [(one[HEAD], one["cleaning"]) for one in modality_of(TEXT).heads(values, HeadWish())]
    assert found == [("kernel_ridge", "raw"), ("kernel_ridge", "words"), ("logistic", "raw"), ("neighbours", "raw")]


class _Failing:
    """An encoder's forward pass that fails on the texts that have a word."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, word: str, *, silently: bool) -> None:
        real = Encoder.forward
        tokens = set(pretrained_tokenizer(MINILM)(word, add_special_tokens=False)["input_ids"])

        def forward(encoder: Encoder, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            found = [row for row, own in enumerate(ids.tolist()) if tokens & set(own)]
            if found and not silently:
                raise IndexError("index out of range in self")
            features = real(encoder, ids, mask).clone()
            features[found] = torch.nan
            return features

        monkeypatch.setattr(Encoder, "forward", forward)


def with_texts(data: DataAccess, texts: list[str]) -> DataAccess:
    """The same samples with other texts to learn from."""
    train = data.splits[TRAIN]
    return replace(data, splits={**data.splits, TRAIN: replace(train, inputs={**train.inputs, TEXT: tuple(texts)})})


@pytest.mark.parametrize(("silently", "reason"), [(False, "index out of range"), (True, "aren't finite")])
def test_an_encoder_that_fails_on_a_later_text_names_it(
    data: DataAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silently: bool, reason: str
) -> None:
    """Whether it raises or makes no numbers: the text, the encoder, and what to do; no features are kept."""
    texts = [f"a long text of many words, number {number}" for number in range(20)]
    texts[17] = "umbrella"
    broken = replace(with_texts(data, texts), caches=tmp_path)
    _Failing(monkeypatch, "umbrella", silently=silently)
    assert check_network(TEXT, TRIAL, broken.splits[TRAIN]) > 0  # the longest text is sound
    with pytest.raises(UserError, match=reason) as caught:
        build_trial(TEXT, TRIAL, broken, seed=3).learner.train_epoch()
    for part in ("fails on 'umbrella'", MINILM, "`heads: none`"):
        assert part in str(caught.value)
    assert not list(tmp_path.rglob("features.npy"))


def test_an_encoder_that_fails_on_the_longest_text_is_refused_before_a_trial(
    data: DataAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried on it."""
    broken = with_texts(data, [*["a box"] * 19, "an umbrella that is much longer than the other ones"])
    _Failing(monkeypatch, "umbrella", silently=False)
    with pytest.raises(UserError, match="fails on 'an umbrella that is"):
        check_network(TEXT, TRIAL, broken.splits[TRAIN])


@pytest.mark.parametrize("family", ["kernel_ridge", "logistic", "neighbours"])
@pytest.mark.parametrize("rows", [[0, 1, 3], [0, 1, 3, 5, 7, 9, 11]], ids=["three samples", "a class of one"])
def test_fewer_samples_than_folds_and_a_class_in_one_fold_alone(
    data: DataAccess, tmp_path: Path, family: str, rows: list[int]
) -> None:
    """The head is fitted, and its checkpoint predicts finite numbers."""
    small = data.splits[TRAIN].rows(np.array(rows))
    access = replace(data, splits={**data.splits, TRAIN: small})
    built = build_trial(TEXT, {**TRIAL, HEAD: family, "backbone": None}, access, seed=3)
    assert np.isfinite(built.learner.train_epoch().loss)
    built.learner.evaluate()
    write_checkpoint(tmp_path / "best", built.learner.weights(), built.meta, companions=built.companions)
    assert np.isfinite(predict_split(tmp_path / "best", data.splits[VAL]).logits).all()
