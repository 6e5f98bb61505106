"""Heads on texts' n-grams and frozen features, from the trial's dict to a checkpoint that predicts the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
