"""A backbone as its stages in a row."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.errors import UserError
from trainables.image import stages as module
from trainables.image.backbones import meta_network
from trainables.image.stages import require_stages, split_stages, stages_of

SIZE = 64
NETWORKS = {
    "tf_efficientnet_lite0": 7,
    "mobilenetv3_small_100": 6,
    "resnet18.a1_in1k": 4,
    "resnet18": 4,
    "mobilenet_v3_small": 12,
    "convnext_tiny": 7,
}


def built(name: str) -> nn.Module:
    """The backbone with random weights, in training."""
    from trainables.image.architectures import drop_classifier, whole_network

    torch.manual_seed(0)
    network = whole_network(name, SIZE)
    drop_classifier(network, name)
    return network.train()


@pytest.mark.parametrize(("name", "count"), NETWORKS.items())
def test_the_parts_one_after_the_other_are_the_network(name: str, count: int) -> None:
    """Wherever it is divided; modules are shared, none is in both parts, and all learn as they did before."""
    network = built(name)
    found = stages_of(network)
    assert found is not None
    assert len(found.stages) == count
    pictures = torch.rand(2, 3, SIZE, SIZE)
    for frozen in (1, count):
        lower, upper = split_stages(network, name, SIZE, frozen)
        assert all(one.training for one in network.modules())
        below, above = ({id(p) for p in part.parameters()} for part in (lower, upper))
        assert not below & above
        assert below | above <= {id(p) for p in network.parameters()}
        with torch.no_grad():
            whole = network.eval()(pictures)
            assert torch.equal(upper(lower(pictures)), whole)
        network.train()


def test_more_stages_than_there_are_can_t_be_frozen() -> None:
    """Nor those of a network whose stages aren't known; told before any weights are there."""
    require_stages("tf_efficientnet_lite0", SIZE, 7)
    require_stages("vit_b_16", 224, 0)
    with pytest.raises(UserError, match="at most the backbone's stages, but got 8 and 'tf_efficientnet_lite0' has 7"):
        require_stages("tf_efficientnet_lite0", SIZE, 8)
    with pytest.raises(UserError, match="must be 0 for a backbone whose stages aren't known, and those of 'vit_b_16'"):
        require_stages("vit_b_16", 224, 1)


def test_parts_that_aren_t_the_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a network that only looks like one that is known."""
    network = built("resnet18")
    network.layer3.register_forward_hook(lambda layer, given, found: found + 1)
    split_stages(network, "resnet18", SIZE, 2)  # a layer's own affair
    network.register_forward_hook(lambda layer, given, found: found + 1)
    with pytest.raises(UserError, match="whose stages aren't known"):
        split_stages(network, "resnet18", SIZE, 2)
    assert module.stages_of(meta_network("resnet18", SIZE)) is not None
