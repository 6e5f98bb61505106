"""Which parameters learn at which rate."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from torch import nn

from trainables.learning.groups import Group, adamw, decayed_groups, layers_of, set_learning

TINY = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 50}
SIZES: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 16, "vocab_size": 50},
    "bert": TINY,
    "roberta": TINY,
    "electra": {**TINY, "embedding_size": 8},
    "mpnet": TINY,
    "gpt2": {"n_embd": 16, "n_layer": 3, "n_head": 2, "vocab_size": 50, "bos_token_id": 0, "eos_token_id": 0},
}


def classifier(model_type: str) -> nn.Module:
    """A tiny classifier of three layers of that architecture."""
    config = transformers.AutoConfig.for_model(model_type, num_labels=2, **SIZES[model_type])
    network: nn.Module = transformers.AutoModelForSequenceClassification.from_config(config)
    return network


@pytest.mark.parametrize("model_type", list(SIZES))
def test_layers_go_from_the_embeddings_to_the_head(model_type: str) -> None:
    """Embeddings, three layers, and what is above: each parameter once, the classifier's in the last one."""
    network = classifier(model_type)
    layers = layers_of(network)
    assert len(layers) == 5
    assert sorted(id(p) for layer in layers for p in layer) == sorted(id(p) for p in network.parameters())
    named = {id(parameter): name for name, parameter in network.named_parameters()}
    assert all("emb" in named[id(p)] or "wte" in named[id(p)] or "wpe" in named[id(p)] for p in layers[0])
    assert {name for name in named.values() if name.startswith(("classifier", "score", "pre_classifier"))} <= {
        named[id(p)] for p in layers[-1]
    }
    assert all(f".{depth - 1}." in named[id(p)] for depth in (1, 2, 3) for p in layers[depth])


def test_an_architecture_without_numbered_layers_has_two() -> None:
    """Below and above: a plain module is all head."""
    layers = layers_of(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    assert [len(layer) for layer in layers] == [0, 4]


def test_each_layer_learns_by_the_decay_of_the_one_above() -> None:
    """The top at the full rate, the next one at half of it, and so on; without decay, one group of all."""
    layers = [(nn.Parameter(torch.zeros(1)),) for _ in range(3)]
    decayed = decayed_groups(layers, learning_rate=0.8, weight_decay=0.1, layer_decay=0.5)
    assert [group.learning_rate for group in decayed] == [0.2, 0.4, 0.8]
    (one,) = decayed_groups(layers, learning_rate=0.8, weight_decay=0.1, layer_decay=1.0)
    assert (len(one.parameters), one.learning_rate, one.weight_decay) == (3, 0.8, 0.1)


def test_biases_and_norms_can_be_spared_the_decay() -> None:
    """`matrices` makes two groups of one, the second without decay; `all` leaves one; settings are handed on."""
    network = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    group = Group(tuple(network.parameters()), 0.1, 0.01)
    whole = adamw([group], beta1=0.8, beta2=0.9, epsilon=1e-6)
    split = adamw([group], beta1=0.8, beta2=0.9, epsilon=1e-6, weight_decay_on="matrices")
    assert [(len(g["params"]), g["weight_decay"]) for g in whole.param_groups] == [(4, 0.01)]
    assert [(len(g["params"]), g["weight_decay"]) for g in split.param_groups] == [(1, 0.01), (3, 0.0)]
    assert (split.defaults["betas"], split.defaults["eps"], split.param_groups[1]["lr"]) == ((0.8, 0.9), 1e-6, 0.1)


def test_what_doesnt_learn_stays_as_it_is() -> None:
    """Frozen parameters get no gradient and no decay; released, they learn."""
    network = nn.Linear(2, 2)
    optimizer = adamw([Group(tuple(network.parameters()), 0.1, 0.5)], beta1=0.9, beta2=0.999, epsilon=1e-8)
    for learning in (False, True):
        set_learning([network.weight], learning)
        before = network.weight.detach().clone()
        optimizer.zero_grad()
        network(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        assert torch.equal(network.weight, before) is not learning
