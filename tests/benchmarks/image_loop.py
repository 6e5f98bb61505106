"""The image loop: what a whole epoch adds to its bare steps, a whole epoch beside the reference's, a GPU's limit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import ours
import reference
import torch
from harness import main
from made_data import CLASSES, make_picture_splits
from measure import Bound, Findings, at_least, at_most, interleaved, ratio, summary
from physical_limit import ASSUMPTIONS, bytes_of_step, flops_of, limit_of

from trainables.image.learner import ImageLearner
from trainables.learning.steps import pick_device
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL

BATCH = 32
RESIDENT = 8  # float batches that lie on the device for the bare steps
LOOP_BOUND = 1.15
EPOCH_BOUND = {"cpu": 1.5, "cuda": 20.0}


@dataclass(frozen=True)
class Amount:
    """How much is measured; whole batches."""

    train: int
    val: int
    loop_repeats: int
    epoch_repeats: int
    beside_reference: tuple[int, int]  # train and val of the whole epochs: the reference decodes each file anew


AMOUNTS = {
    ("cpu", True): Amount(64, 32, 1, 1, (64, 32)),
    ("cpu", False): Amount(192, 64, 4, 3, (192, 64)),
    ("cuda", True): Amount(512, 64, 1, 1, (64, 32)),
    ("cuda", False): Amount(1024, 128, 3, 1, (192, 64)),
}
LITE = "tf_efficientnet_lite0"  # beside the recipe's network, on a GPU


def benchmark(folder: Path, quick: bool) -> Findings:
    """Efficiency of the loop at 96 and 224 px; at 224 px a whole epoch against the reference's."""
    device = pick_device()
    amount = AMOUNTS[device.type, quick]
    kilobytes = make_picture_splits(folder, amount.train, amount.val)
    data = ours.picture_data(folder)
    backbones = [ours.BACKBONE] if device.type == "cpu" else [ours.BACKBONE, LITE]
    figures: dict[str, Any] = {"train pictures": amount.train, "val pictures": amount.val, "batch": BATCH}
    figures |= {"mean JPEG size, KB": kilobytes, "threads": torch.get_num_threads()}
    bounds = []
    for backbone, size in product(backbones, (96, 224)):
        name = f"loop at {size} px" if backbone == ours.BACKBONE else f"loop at {size} px, {backbone}"
        figures[name], bound = loop_efficiency(data, backbone, size, amount, device)
        bounds.append(bound)
    figures["whole epoch at 224 px"], bound = whole_epochs(folder / "beside the reference", amount, device)
    bounds.append(bound)
    notes = list(_NOTES)
    if device.type == "cuda":
        for backbone in backbones:
            figures[f"physical limit at 224 px, {backbone}"] = gpu_limit(data, backbone, amount, device)
        notes += ASSUMPTIONS
    return Findings(figures, bounds, notes)


_NOTES = (
    "Bare steps: the same network, optimizer, batch shape and precision on float pictures that lie on the device; "
    "forward, loss, backward, update.",
    "A whole epoch is training and evaluation from the second epoch on: ours has its cache of decoded pictures.",
)


def loop_efficiency(
    data: DataAccess, backbone: str, size: int, amount: Amount, device: torch.device
) -> tuple[dict[str, Any], Bound]:
    """Seconds of `train_epoch()` against as many bare steps."""
    learner = ours.image_learner(data, backbone=backbone, size=size, batch_size=BATCH)
    steps = amount.train // BATCH
    seconds = interleaved(
        {"bare steps": bare_steps(learner, data, size, steps, device), "training epoch": learner.train_epoch},
        amount.loop_repeats,
    )
    found = ratio(seconds["training epoch"], seconds["bare steps"])
    figures = {
        "seconds per step": {name: summary(values, steps) for name, values in seconds.items()},
        "pictures per second": {name: amount.train / min(values) for name, values in seconds.items()},
        "training epoch / bare steps": found,
    }
    network = "" if backbone == ours.BACKBONE else f", {backbone}"
    what = f"image loop, {device.type}{network}, {size} px: training epoch / bare steps"
    return figures, at_most(what, LOOP_BOUND, found["median"])


def bare_steps(
    learner: ImageLearner, data: DataAccess, size: int, steps: int, device: torch.device
) -> Callable[[], None]:
    """As many steps as an epoch has, on a copy of the learner's network."""
    network = copy.deepcopy(learner.network).train()
    groups = [
        {"params": list(network.backbone.parameters()), "lr": 1e-4, "weight_decay": 0.0},
        {"params": list(network.head.parameters()), "lr": 1e-3, "weight_decay": 1e-4},
    ]
    optimizer = torch.optim.AdamW(groups, fused=True)
    step = ours.bare_step(network, optimizer, reference.image_loss(data.splits[TRAIN].labels.tolist(), device))
    pictures = torch.rand(min(steps, RESIDENT), BATCH, 3, size, size, device=device)
    labels = torch.randint(len(CLASSES), (BATCH,), device=device)

    def run() -> None:
        for number in range(steps):
            step(pictures[number % len(pictures)], labels)

    return run


def whole_epochs(folder: Path, amount: Amount, device: torch.device) -> tuple[dict[str, Any], Bound]:
    """Training and evaluation at 224 px, the reference's and ours."""
    train, val = amount.beside_reference
    make_picture_splits(folder, train, val)
    data = ours.picture_data(folder)
    learner = ours.image_learner(data, batch_size=BATCH)
    actions = {"reference": reference_epoch(folder, data, device), "ours": lambda: ours.whole_epoch(learner)}
    seconds = interleaved(actions, amount.epoch_repeats)
    found = ratio(seconds["reference"], seconds["ours"])
    samples = train + val
    figures = {
        "pictures": samples,
        "seconds per picture": {name: summary(values, samples) for name, values in seconds.items()},
        "reference / ours": found,
    }
    what = f"image epoch with evaluation, {device.type}, 224 px: reference / ours"
    return figures, at_least(what, EPOCH_BOUND[device.type], found["median"])


def reference_epoch(folder: Path, data: DataAccess, device: torch.device) -> Callable[[], None]:
    """One whole epoch of the reference."""
    network = reference.image_network(len(CLASSES)).to(device)
    optimizer = reference.image_optimizer(network)
    loss = reference.image_loss(data.splits[TRAIN].labels.tolist(), device)
    train = reference.picture_loader(folder / TRAIN, reference.train_transform(224), shuffle=True)
    val = reference.picture_loader(folder / VAL, reference.val_transform(224), shuffle=False)

    def run() -> None:
        reference.train_image_epoch(network, train, optimizer, loss, device)
        reference.evaluate_images(network, val, loss, device)

    return run


def gpu_limit(data: DataAccess, backbone: str, amount: Amount, device: torch.device) -> dict[str, Any]:
    """Pictures per second at the recipe's and at a large batch, their shares of what the card allows, and how much of
    the time kernels run."""
    card = torch.cuda.get_device_name()
    flops, moved = step_cost(data, backbone, device)
    found: dict[str, Any] = {"FLOPs per picture": flops, "bytes per picture": moved}
    for batch in (BATCH, 256):
        learner = ours.image_learner(data, backbone=backbone, batch_size=batch)
        seconds = interleaved({f"batch {batch}": learner.train_epoch}, amount.loop_repeats)[f"batch {batch}"]
        rate = amount.train / min(seconds)
        found[f"batch {batch}"] = {
            "pictures per second": rate,
            "precision": learner.stepper.precision.name,
            "share of the time in which kernels run": ours.kernel_seconds(learner)
            * (amount.train / batch)
            / min(seconds),
            **limit_of(card, flops, moved, rate),
        }
    return found


def step_cost(data: DataAccess, backbone: str, device: torch.device) -> tuple[float, float]:
    """FLOPs and bytes of a training step, a picture."""
    network = ours.image_learner(data, backbone=backbone).network
    optimizer = torch.optim.AdamW(network.parameters())
    pictures = torch.rand(BATCH, 3, 224, 224, device=device)
    labels = torch.zeros(BATCH, dtype=torch.long, device=device)
    step = ours.bare_step(network, optimizer, torch.nn.CrossEntropyLoss())
    return flops_of(lambda: step(pictures, labels)) / BATCH, bytes_of_step(network, pictures) / BATCH


if __name__ == "__main__":
    main("image_loop", benchmark)
