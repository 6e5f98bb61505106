"""The moving average of weights."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from trainables.learning.average import WeightAverage


def network() -> nn.Module:
    """A layer, a norm with statistics and a counter, and a layer whose weight is the first one's."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    return net


def shift(net: nn.Module, by: float) -> None:
    """Move every tensor."""
    with torch.no_grad():
        for tensor in {id(tensor): tensor for tensor in net.state_dict(keep_vars=True).values()}.values():
            tensor.add_(int(by) if not tensor.is_floating_point() else by)


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))],
)
def test_it_is_the_exponential_average_by_hand(device: str) -> None:
    """d is (1 + step) / (10 + step) until it reaches the decay; statistics are averaged too, counters are copied."""
    net = network().to(device)
    average = WeightAverage(net, decay=0.2)
    expected = copy.deepcopy(net.state_dict())
    for step in (1, 2, 3):
        shift(net, 1.0)
        average.update()
        decay = min(0.2, (1 + step) / (10 + step))
        for name, own in net.state_dict().items():
            floating = own.is_floating_point()
            expected[name] = decay * expected[name] + (1 - decay) * own if floating else own.clone()
    for name, tensor in average.weights().items():
        torch.testing.assert_close(tensor, expected[name])
    assert average.weights().keys() == net.state_dict().keys()


def test_within_the_block_the_network_has_it_and_after_it_its_own() -> None:
    """Predictions within the block are the average's; after it, and after an error in it, bit for bit the network's."""
    net = network().eval()
    average = WeightAverage(net, decay=0.9)
    shift(net, 1.0)
    own = copy.deepcopy(net.state_dict())
    inputs = torch.ones(2, 3)
    before = net(inputs)
    with average.applied():
        assert not torch.equal(net(inputs), before)
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert torch.equal(net(inputs), before)
    assert all(torch.equal(tensor, own[name]) for name, tensor in net.state_dict().items())


def test_an_optimizer_goes_on_with_the_same_parameters() -> None:
    """After a block the optimizer still moves the network's own weights, and not the average's."""
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    average = WeightAverage(net, decay=0.9)
    kept = average.weights()
    with average.applied():
        pass
    net(torch.randn(4, 3)).sum().backward()
    before = net[2].bias.detach().clone()
    optimizer.step()
    assert not torch.equal(net[2].bias, before)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in average.weights().items())


def test_a_loaded_average_is_the_saved_one() -> None:
    """Weights and count of steps: the next update is the same."""
    net, other = network(), network()
    first, second = WeightAverage(net, 0.5), WeightAverage(other, 0.5)
    for average, its in ((first, net), (second, other)):
        shift(its, 1.0)
        average.update()
    third = WeightAverage(other, 0.5)
    third.load(second.weights())
    third.steps = second.steps
    for average, its in ((first, net), (third, other)):
        shift(its, 1.0)
        average.update()
    assert all(torch.equal(tensor, third.weights()[name]) for name, tensor in first.weights().items())
