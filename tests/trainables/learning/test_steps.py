"""Steps over batches."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainables.learning.loop import Diverged, OutOfMemory
from trainables.learning.precision import Precision
from trainables.learning.schedules import Schedule
from trainables.learning.steps import (
    Batch,
    Stepper,
    batch_rows,
    class_weights,
    count_batches,
    cross_entropy,
    evaluation_of,
    predict_logits,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


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


def stepper(
    network: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    weight: torch.Tensor | None = None,
    device: torch.device = CPU,
    **options: Any,
) -> Stepper:
    """A stepper of plain SGD over such a network."""
    optimizer = optimizer or torch.optim.SGD(network.parameters(), lr=0.1)
    return Stepper(
        network,
        optimizer=optimizer,
        schedule=Schedule("constant", optimizer, total_steps=10),
        loss_function=nn.CrossEntropyLoss(weight=weight),
        device=device,
        precision=Precision(options.pop("precision", "fp32"), device),
        **options,
    )


class Small(nn.Module):
    """A linear network on a device that holds `limit` samples: the error is the one that torch raises on a GPU."""

    def __init__(self, limit: int, norm: bool = False) -> None:
        super().__init__()
        self.inner = linear_network()
        self.norm = nn.BatchNorm1d(2) if norm else nn.Identity()
        self.limit = limit
        self.seen: list[int] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits, if memory allows."""
        if len(inputs) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.seen.append(len(inputs))
        logits: torch.Tensor = self.inner(self.norm(inputs))
        return logits


def noise(count: int, seed: int = 0) -> Batch:
    """A batch of noise with labels of both classes."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, 2, generator=generator),), torch.arange(count) % 2


def test_the_summary_is_a_mean_over_samples() -> None:
    """Unequal batches count by their samples, and the rate is the fastest group's."""
    network = linear_network()
    groups = [{"params": [network.weight], "lr": 0.0}, {"params": [network.bias], "lr": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.0)
    optimizer.param_groups[1]["lr"] = 1e-30
    wrong = ((torch.tensor([[0.0, 1.0]]),), torch.zeros(1, dtype=torch.long))
    own = stepper(network, optimizer)
    for batch in (*batches(3), wrong):
        own.step(batch)
    summary = own.summary(seconds=2.5)
    right_loss, wrong_loss = np.log(1 + np.exp(-1)), np.log(1 + np.exp(1))
    assert summary.loss == pytest.approx((3 * right_loss + wrong_loss) / 4)
    assert (summary.accuracy, summary.samples, summary.learning_rate) == (0.75, 4, 1e-30)
    assert (summary.seconds, summary.micro_batch_size) == (2.5, 0)


def test_an_epoch_begins_with_empty_sums() -> None:
    """What the epoch before summed up isn't in the next one's means."""
    own = stepper(linear_network())
    own.step(batches(7)[0])
    own.begin_epoch(2)
    own.step(batches(3)[0])
    assert own.summary(1.0).samples == 3


def test_each_batch_is_one_update() -> None:
    """The network learns with every batch, and is left in training mode."""
    network, weights = linear_network().eval(), []
    own = stepper(network)
    for batch in batches(2, 2, 2):
        own.step(batch)
        weights.append(network.weight[0, 0].item())
    assert len(set(weights)) == 3
    assert weights == sorted(weights)
    assert network.training


def test_gradients_are_clipped() -> None:
    """With a limit of 0.01 and a rate of 1, no update is longer than 0.01; without one it is."""

    def update(gradient_clip: float | None) -> float:
        network = linear_network()
        before = [parameter.detach().clone() for parameter in network.parameters()]
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        stepper(network, optimizer, gradient_clip=gradient_clip).step(batches(4)[0])
        pairs = zip(before, network.parameters(), strict=True)
        return float(torch.cat([(a - b.detach()).flatten() for a, b in pairs]).norm())

    assert update(0.01) == pytest.approx(0.01, rel=1e-3)
    assert update(None) > 0.1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_isnt_finite_ends_at_its_step(bad: float) -> None:
    """The bad batch itself raises, naming step and epoch, before any weight is touched; no later batch is needed."""
    network = linear_network()
    own = stepper(network)
    own.begin_epoch(3)
    own.step(batches(4)[0])
    before = network.weight.detach().clone()
    with pytest.raises(Diverged, match="step 2 of epoch 3"):
        own.step(batches(4, scale=bad)[0])
    assert torch.equal(network.weight, before)


@given(st.integers(2, 24), st.integers(1, 30), st.booleans())
def test_parts_of_a_batch_add_up_to_it(count: int, budget: int, weighted: bool) -> None:
    """However a batch is split, loss, hits and the update are those of the whole, class weights included."""
    weight = torch.tensor([0.3, 2.0]) if weighted else None
    whole, split = linear_network(), linear_network()
    one, other = stepper(whole, weight=weight), stepper(split, weight=weight, element_budget=budget)
    for own in (one, other):
        own.step(noise(count))
    torch.testing.assert_close(split.weight, whole.weight)
    torch.testing.assert_close(split.bias, whole.bias)
    assert other.summary(1.0).loss == pytest.approx(one.summary(1.0).loss, rel=1e-5)
    assert other.summary(1.0).accuracy == one.summary(1.0).accuracy


def test_the_element_budget_bounds_what_goes_through_at_once() -> None:
    """12 samples of 2 elements with a budget of 10: parts of 4; a batch within the budget isn't split."""
    network = Small(limit=99)
    own = stepper(network, element_budget=10)
    own.step(noise(12))
    own.step(noise(5))
    assert network.seen == [4, 4, 4, 5]
    assert own.micro_batch_size is None


def test_out_of_memory_halves_the_parts_and_keeps_the_batch() -> None:
    """16 samples on a device for 5: parts of 4, the same update as with room for all; later batches begin there."""
    network, roomy = Small(limit=5), Small(limit=99)
    own, free = stepper(network), stepper(roomy)
    for batch in (noise(16), noise(6, seed=1)):
        own.step(batch)
        free.step(batch)
    assert network.seen == [4, 4, 4, 4, 3, 3]
    torch.testing.assert_close(network.inner.weight, roomy.inner.weight)
    assert own.summary(1.0).micro_batch_size == 4
    assert own.summary(1.0).samples == 22


class Wide(nn.Module):
    """A network whose activations take 33 MB a sample of 128 px, and nothing that depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.wide, self.head = nn.Conv2d(3, 256, 3, padding=1), nn.Linear(256, 2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logits (N, 2)."""
        logits: torch.Tensor = self.head(self.wide(pictures).tanh().mean(dim=(2, 3)))
        return logits


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """Within the block this process gets so many bytes of the GPU beside those that it has."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(GPU).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + count) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


@needs_gpu
def test_a_batch_too_large_for_a_real_gpu_gives_its_whole_gradients() -> None:
    """64 pictures need 2 GB and have 0.6: smaller parts, whose gradients, loss and logits are those of the whole."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(64, 3, 128, 128, generator=generator).to(GPU)
    batch = ((pictures,), (torch.arange(64) % 2).to(GPU))
    networks = [Wide().to(GPU), Wide().to(GPU)]
    weight = torch.tensor([0.3, 2.0], device=GPU)
    whole, split = (stepper(network, weight=weight, device=GPU) for network in networks)
    whole.step(batch)
    logits = predict_logits(networks[1], [(pictures,)], GPU, "fp32")
    with room_for(600_000_000):
        halved = predict_logits(networks[1], [(pictures,)], GPU, "fp32")
        split.step(batch)
    assert split.micro_batch_size is not None
    assert 2 <= split.micro_batch_size < 32
    assert np.abs(halved - logits).max() < 1e-3
    assert split.summary(1.0).loss == pytest.approx(whole.summary(1.0).loss, rel=1e-3)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert float((one.grad - other.grad).norm() / one.grad.norm()) < 1e-2  # 10 bits of mantissa on the way


@pytest.mark.parametrize(("norm", "limit", "floor"), [(False, 0, 1), (True, 1, 2)])
def test_at_the_floor_it_is_out_of_memory(norm: bool, limit: int, floor: int) -> None:
    """One sample at a time, or two where a BatchNorm needs them; below that the trial can't run here."""
    own = stepper(Small(limit, norm=norm))
    with pytest.raises(OutOfMemory, match=f"{floor} samples"):
        own.step(noise(9))


def test_batchnorm_never_gets_a_part_of_one() -> None:
    """5 samples in parts of at most 2 are 3 and 2."""
    network = Small(limit=3, norm=True)
    own = stepper(network)
    own.micro_batch_size = 2
    own.step(noise(5))
    assert network.seen == [3, 2]


def test_an_evaluation_that_doesnt_fit_goes_through_in_halves() -> None:
    """11 samples on a device for 3: the same logits in the same order; a device for none is out of memory."""
    inputs = noise(11)[0]
    expected = predict_logits(Small(limit=99), [inputs], CPU)
    assert predict_logits(Small(limit=3), [inputs], CPU).tolist() == expected.tolist()
    with pytest.raises(OutOfMemory):
        predict_logits(Small(limit=0), [inputs], CPU)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler on a CPU")
def test_a_compiled_network_learns_the_same() -> None:
    """Three steps through torch.compile end with the same weights, within rounding; evaluation isn't compiled."""
    plain, compiled = linear_network(), linear_network()
    for own in (stepper(plain), stepper(compiled, compiled=True)):
        for seed in range(3):
            own.step(noise(8, seed))
    torch.testing.assert_close(compiled.weight, plain.weight)


@pytest.mark.parametrize("device", [CPU, pytest.param(GPU, marks=needs_gpu)], ids=["cpu", "cuda"])
@pytest.mark.parametrize("precision", ["auto", "bf16", "fp16"])
def test_half_precision_learns_like_float32(precision: str, device: torch.device) -> None:
    """Ten steps end near float32's weights, which stay float32; fp16's gradients are scaled and unscaled."""
    half, full = linear_network().to(device), linear_network().to(device)
    one = stepper(half, precision=precision, gradient_clip=1.0, device=device)
    other = stepper(full, gradient_clip=1.0, device=device)
    for seed in range(10):
        (inputs,), labels = noise(8, seed)
        for own in (one, other):
            own.step(((inputs.to(device),), labels.to(device)))
    assert half.weight.dtype == torch.float32
    torch.testing.assert_close(half.weight, full.weight, atol=0.02, rtol=0.02)


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
