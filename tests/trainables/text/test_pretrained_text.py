"""Pretrained text models of several families: each trains and predicts, or is refused with one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from modality_names import TEXT
from text_folders import FAMILIES, TEXTS, make_model, save_family, tokenizer_of
from trainables_fakes import build, train

from trainables.errors import UserError
from trainables.learning.steps import pick_device
from trainables.modality import DataAccess
from trainables.names import TRAIN
from trainables.text.config import TextTrialConfig
from trainables.text.model import build_network as build_text_network
from trainables.text.network import (
    check_max_length,
    fresh_text_model,
    position_limit,
    predict_sequences,
    pretrained_text_model,
    save_text_model,
    saved_text_model,
)
from trainables.text.tokens import encode

CPU = torch.device("cpu")


def message(folder: Path) -> str:
    """The one line of the UserError."""
    with pytest.raises(UserError) as caught:
        pretrained_text_model(str(folder), 2, None)
    found = str(caught.value)
    assert "\n" not in found
    assert str(folder) in found
    return found


@pytest.mark.parametrize("model_type", FAMILIES)
def test_a_family_is_loaded_trains_and_comes_back(model_type: str, data: DataAccess, tmp_path: Path) -> None:
    """Two epochs from a folder with a head for other classes; the checkpoint predicts what the learner does."""
    save_family(tmp_path / "model", model_type)
    changes = {"backbone": str(tmp_path / "model"), "weights": "pretrained", "architecture": {}}
    built = build(TEXT, data, **changes)
    assert all(result.train_loss > 0 for result in train(built, 2))
    assert built.companions is not None
    built.companions(tmp_path)
    network, tokenizer = saved_text_model(tmp_path, 2)
    network.load_state_dict(built.learner.weights())
    sequences = encode(tokenizer, data.splits["val"].inputs["text"], 16, "raw")
    device = pick_device()
    found = predict_sequences(network.to(device), sequences, tokenizer.pad_token_id, 3, device)
    rounding = 1e-5 if device == CPU else 0.03  # a GPU computes in half precision
    assert found == pytest.approx(built.learner.evaluate().logits, abs=rounding)


@pytest.mark.parametrize("model_type", FAMILIES)
def test_padding_changes_nothing(model_type: str, tmp_path: Path) -> None:
    """In a batch with longer texts or alone, a text has the same logits: padding's number and positions are right."""
    save_family(tmp_path, model_type)
    network, tokenizer = pretrained_text_model(str(tmp_path), 2, None)
    sequences = encode(tokenizer, TEXTS, 12, "raw")
    assert len(set(sequences.lengths.tolist())) > 1
    alone, together = (predict_sequences(network, sequences, tokenizer.pad_token_id, n, CPU) for n in (1, 9))
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("model_type", FAMILIES)
def test_the_body_is_the_files(model_type: str, tmp_path: Path) -> None:
    """Every tensor of the body is the file's, while the head is new where the classes are others."""
    own = save_family(tmp_path, model_type).state_dict()
    network, _ = pretrained_text_model(str(tmp_path), 2, None)
    prefix = f"{network.classifier.base_model_prefix}."
    loaded = network.classifier.state_dict()
    body = [name for name in loaded if name.startswith(prefix)]
    assert len(body) > 5
    assert all(torch.equal(loaded[name], own[name]) for name in body)
    assert network.classifier.config.num_labels == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("model_type", FAMILIES)
def test_a_fresh_family_gives_logits_that_padding_doesnt_change(model_type: str) -> None:
    """With `weights: none`: the architecture's own numbers for special tokens are replaced by the tokenizer's."""
    sizes = FAMILIES[model_type][0]
    network, tokenizer = fresh_text_model(model_type, 2, None, architecture={**sizes}, vocabulary_size=200, texts=TEXTS)
    sequences = encode(tokenizer, TEXTS, 12, "raw")
    alone, together = (predict_sequences(network, sequences, tokenizer.pad_token_id, n, CPU) for n in (1, 9))
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(("model_type", "limit"), [(name, limit) for name, (_, limit) in FAMILIES.items()])
def test_texts_as_long_as_the_limit_run_and_longer_ones_are_refused(
    model_type: str, limit: int | None, tmp_path: Path
) -> None:
    """The limit is what the network really has places for, RoBERTa's offset counted; relative positions have none."""
    save_family(tmp_path, model_type)
    network, tokenizer = pretrained_text_model(str(tmp_path), 2, None)
    assert position_limit(network) == limit
    long = encode(tokenizer, ["bottle " * 200], limit or 90, "raw")
    predict_sequences(network, long, tokenizer.pad_token_id, 1, CPU)
    check_max_length(network, model_type, limit or 8192)
    if limit is not None:
        beyond = encode(tokenizer, ["bottle " * 200], limit + 1, "raw")
        with pytest.raises((IndexError, RuntimeError)):
            predict_sequences(network, beyond, tokenizer.pad_token_id, 1, CPU)
        with pytest.raises(UserError, match=rf"at most {limit} tokens.*'{model_type}'.*got {limit + 1}"):
            check_max_length(network, model_type, limit + 1)


@pytest.mark.parametrize(("weights", "limit"), [("none", 39), ("pretrained", 38)])
def test_max_length_is_checked_when_the_network_is_built(
    weights: str, limit: int, tmp_path: Path, data: DataAccess
) -> None:
    """Both numbers are named, before the first step. A tokenizer trained here pads with 0, RoBERTa's with 1."""
    save_family(tmp_path / "roberta", "roberta")
    given = {"backbone": str(tmp_path / "roberta"), "weights": weights, "max_length": limit + 1}
    if weights == "none":
        given |= {"backbone": "roberta-base", "architecture": FAMILIES["roberta"][0], "vocabulary_size": 200}
    with pytest.raises(UserError, match=rf"at most {limit} tokens.*got {limit + 1}"):
        build_text_network(TextTrialConfig.model_validate(given), data.splits[TRAIN])


def test_a_decoder_pads_with_its_end_token(tmp_path: Path) -> None:
    """GPT-2 has no token for padding: its end token is taken, in the tokenizer and in the config."""
    save_family(tmp_path, "gpt2")
    network, tokenizer = pretrained_text_model(str(tmp_path), 2, None)
    assert tokenizer.pad_token == "<end>"  # noqa: S105
    assert network.classifier.config.pad_token_id == tokenizer.pad_token_id  # type: ignore[union-attr]


def test_a_text_that_gives_no_token_has_one_all_the_same(tmp_path: Path) -> None:
    """A tokenizer without a frame finds nothing in an empty text; the network still gets a row."""
    save_family(tmp_path, "gpt2")
    network, tokenizer = pretrained_text_model(str(tmp_path), 2, None)
    sequences = encode(tokenizer, ["", "box"], 12, "raw")
    assert sequences.lengths.tolist()[0] == 1
    assert predict_sequences(network, sequences, tokenizer.pad_token_id, 2, CPU).shape == (2, 2)


def test_half_precision_weights_are_trained_in_full(tmp_path: Path) -> None:
    """A file in bfloat16, as decoders have it, becomes float32, and stays so in the checkpoint's config."""
    make_model("llama").to(torch.bfloat16).save_pretrained(tmp_path)
    tokenizer_of("llama").save_pretrained(tmp_path)
    network, tokenizer = pretrained_text_model(str(tmp_path), 2, None)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    save_text_model(network, tokenizer, tmp_path)
    assert {parameter.dtype for parameter in saved_text_model(tmp_path, 2)[0].parameters()} == {torch.float32}


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    """A config of one family with another's weights would train from random numbers: how many are missing is said."""
    save_family(tmp_path, "bert")
    make_model("distilbert").save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "model.safetensors")
    found = message(tmp_path)
    assert "its file of weights lacks" in found
    assert "tensors, bert." in found


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    """Tensors of other shapes would be made anew in silence: how many they are is said, with the first by name."""
    save_family(tmp_path, "bert")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    assert "has in another shape 3 of the network's tensors, bert.encoder" in message(tmp_path)


def test_weights_with_fewer_layers_are_refused(tmp_path: Path) -> None:
    """A layer that the file lacks isn't left random."""
    save_family(tmp_path, "roberta")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    assert "lacks 16 of the network's tensors, roberta.encoder.layer.1" in message(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """Numbers that the network has no row for would end in the middle of training: both counts are named."""
    save_family(tmp_path, "bert", vocab_size=20)
    assert "but the network knows 20" in message(tmp_path)


@pytest.mark.parametrize(
    "given", [{"backbone": "bert", "architecture": {"hidden_size": 17}}, {"backbone": "clip", "architecture": {}}]
)
def test_a_fresh_network_that_cant_be(given: dict[str, object]) -> None:
    """Sizes that don't fit each other, and an architecture that classifies no texts, are the user's to know."""
    with pytest.raises(UserError, match="With `weights: none`"):
        fresh_text_model(classes=2, dropout=None, vocabulary_size=200, texts=TEXTS, **given)  # type: ignore[arg-type]


def test_a_dropout_reaches_every_family(tmp_path: Path) -> None:
    """GPT-2's and ALBERT's names for it are known."""
    for model_type, names in (("gpt2", ("resid_pdrop", "attn_pdrop")), ("albert", ("classifier_dropout_prob",))):
        save_family(tmp_path / model_type, model_type)
        network, _ = pretrained_text_model(str(tmp_path / model_type), 2, 0.45)
        config: transformers.PretrainedConfig = network.classifier.config  # type: ignore[assignment]
        assert [getattr(config, name) for name in names] == [0.45] * len(names)
