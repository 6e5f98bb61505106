"""Steps over batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainables.loop import Diverged
from trainables.steps import (
    Batch,
    batch_rows,
    class_weights,
    count_batches,
    cross_entropy,
    evaluation_of,
    predict_logits,
    train_steps,
)

CPU = torch.device("cpu")


def linear_network() -> nn.Linear:
    """Two inputs, two classes, always the same weights."""
    network = nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        network.bias.zero_()
    return network


def batches(*sizes: int, scale: float = 1.0) -> list[Batch]:
    """Batches of class 0 whose logits are right, of these sizes."""
    return [((torch.tensor([[scale, 0.0]]).repeat(size, 1),), torch.zeros(size, dtype=torch.long)) for size in sizes]


@given(st.integers(1, 200), st.integers(2, 40))
def test_batches_are_as_many_as_were_counted_and_lack_a_last_one_alone(samples: int, batch_size: int) -> None:
    """`count_batches` is what `batch_rows` gives; every row comes once, save a last one that would be alone."""
    rows = list(batch_rows(torch.arange(samples), batch_size))
    assert len(rows) == count_batches(samples, batch_size)
    left_out = 1 if samples % batch_size == 1 and samples > 1 else 0
    assert torch.cat(rows).tolist() == list(range(samples - left_out))


def test_a_last_batch_of_one_is_left_out() -> None:
    """9 samples in batches of 4 are 4 and 4; 10 are 4, 4 and 2."""
    assert [len(rows) for rows in batch_rows(torch.arange(9), 4)] == [4, 4]
    assert [len(rows) for rows in batch_rows(torch.arange(10), 4)] == [4, 4, 2]


def test_class_weights_are_the_published_ones() -> None:
    """n / (k n_c) of the garbage data's training counts, to the published digits."""
    labels = np.repeat(np.arange(4), [2382, 4856, 2331, 2116])
    assert class_weights(labels, 4).tolist() == pytest.approx([1.2264, 0.6016, 1.2532, 1.3806], abs=5e-5)


def test_a_class_without_samples_weighs_one() -> None:
    """No division by zero for a class that can't be learnt anyway."""
    assert class_weights(np.array([0, 0, 2, 2]), 3).tolist() == pytest.approx([2 / 3, 1.0, 2 / 3])


def test_cross_entropy_is_weighted_and_smoothed_as_asked() -> None:
    """`balanced` takes the class weights, `none` takes none, smoothing is handed on."""
    labels = np.array([0, 0, 0, 1])
    plain = cross_entropy(labels, "ab", weighting="none", label_smoothing=0.1, device=CPU)
    balanced = cross_entropy(labels, "ab", weighting="balanced", label_smoothing=0.0, device=CPU)
    assert plain.weight is None
    assert plain.label_smoothing == 0.1
    assert balanced.weight is not None
    assert balanced.weight.tolist() == pytest.approx([2 / 3, 2.0])


def test_the_summary_is_a_mean_over_samples() -> None:
    """Unequal batches count by their samples, and the rate is the fastest group's."""
    network = linear_network()
    groups = [{"params": [network.weight], "lr": 0.0}, {"params": [network.bias], "lr": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.0)
    optimizer.param_groups[1]["lr"] = 1e-30
    wrong = ((torch.tensor([[0.0, 1.0]]),), torch.zeros(1, dtype=torch.long))
    summary = train_steps(
        network, [*batches(3), wrong], optimizer=optimizer, loss_function=nn.CrossEntropyLoss(), device=CPU
    )
    right_loss, wrong_loss = np.log(1 + np.exp(-1)), np.log(1 + np.exp(1))
    assert summary.loss == pytest.approx((3 * right_loss + wrong_loss) / 4)
    assert (summary.accuracy, summary.samples, summary.learning_rate) == (0.75, 4, 1e-30)


def test_after_step_is_called_once_a_batch_and_the_network_learns() -> None:
    """One update and one call a batch; the network is left in training mode with changed weights."""
    network, calls = linear_network().eval(), []
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    train_steps(
        network,
        batches(2, 2, 2),
        optimizer=optimizer,
        loss_function=nn.CrossEntropyLoss(),
        device=CPU,
        after_step=lambda: calls.append(network.weight[0, 0].item()),
    )
    assert len(set(calls)) == 3
    assert calls == sorted(calls)
    assert network.training


def test_gradients_are_clipped() -> None:
    """With a limit of 0.01 and a rate of 1, no update is longer than 0.01; without one it is."""

    def update(gradient_clip: float | None) -> float:
        network = linear_network()
        before = [parameter.detach().clone() for parameter in network.parameters()]
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        train_steps(
            network,
            batches(4),
            optimizer=optimizer,
            loss_function=nn.CrossEntropyLoss(),
            device=CPU,
            gradient_clip=gradient_clip,
        )
        pairs = zip(before, network.parameters(), strict=True)
        return float(torch.cat([(a - b.detach()).flatten() for a, b in pairs]).norm())

    assert update(0.01) == pytest.approx(0.01, rel=1e-3)
    assert update(None) > 0.1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_isnt_finite_is_a_divergence(bad: float) -> None:
    """One bad batch among good ones is enough."""
    network = linear_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    mixed = [*batches(4), *batches(4, scale=bad), *batches(4)]
    with pytest.raises(Diverged, match="training loss"):
        train_steps(network, mixed, optimizer=optimizer, loss_function=nn.CrossEntropyLoss(), device=CPU)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_val_logits_that_arent_finite_are_a_divergence(bad: float) -> None:
    """A NaN or an infinity anywhere in the logits, whatever the loss."""
    logits = np.array([[0.0, 1.0], [bad, 1.0]], dtype=np.float32)
    with pytest.raises(Diverged, match="logits"):
        evaluation_of(logits, np.array([1, 1]), nn.CrossEntropyLoss())


def test_a_val_loss_that_isnt_finite_is_a_divergence() -> None:
    """Finite logits so far apart that their loss overflows."""
    logits = np.array([[-3e38, 3e38]], dtype=np.float32)
    with pytest.raises(Diverged, match="val"):
        evaluation_of(logits, np.array([0]), nn.CrossEntropyLoss())


def test_evaluation_has_the_weighted_loss() -> None:
    """Val loss is the loss function's, class weights included."""
    logits = np.array([[2.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    found = evaluation_of(logits, np.array([0, 1]), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0])))
    assert found.loss == pytest.approx((np.log(1 + np.exp(-2)) + 3 * np.log(2)) / 4)


def test_predicting_keeps_the_order_and_the_weights() -> None:
    """Logits of all batches one after the other, in evaluation mode, without gradients."""
    network = nn.Sequential(nn.Dropout(0.9), linear_network())
    inputs = [(torch.tensor([[float(i), -float(i)]]),) for i in range(5)]
    logits = predict_logits(network, inputs, CPU)
    assert logits.tolist() == [[i, -i] for i in range(5)]
    assert logits.dtype == np.float32
    assert not network.training
