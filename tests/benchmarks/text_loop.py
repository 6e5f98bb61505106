"""The text loop: an epoch beside the reference's, and whether both learn alike."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ours
import reference
import torch
from harness import main
from made_data import make_text_split
from measure import Bound, Findings, at_least, at_most, interleaved, mean_difference, ratio, summary
from numpy.typing import NDArray

from trainables.data.pictures.load import PIXEL_LIMIT
from trainables.learning.steps import pick_device
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL

BATCH = 64
LONGEST = 64  # tokens: where sequences are cut, and what the second reference pads to
SMALL = {"dim": 128, "n_layers": 2, "n_heads": 4, "hidden_dim": 256}
TINY = {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
CURVE_NETWORK: dict[str, Any] = {"architecture": TINY, "vocabulary_size": 1000}
CURVE_RATE = 2e-3  # learning rate at which the tiny network learns within a few epochs
CURVE_EPOCHS = 4


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    train: int
    val: int
    repeats: int
    architecture: dict[str, int]  # of the timed network; empty: DistilBERT's own
    curve_texts: int
    seeds: int


AMOUNTS = {
    ("cpu", True): Amount(512, 64, 2, SMALL, 1024, 4),
    ("cpu", False): Amount(384, 64, 2, {}, 1024, 10),
    ("cuda", True): Amount(1024, 128, 2, {}, 1024, 4),
    ("cuda", False): Amount(2048, 256, 3, {}, 1024, 10),
}


def benchmark(folder: Path, quick: bool) -> Findings:
    """Speed with DistilBERT's architecture, then loss curves with a tiny one."""
    device = pick_device()
    amount = AMOUNTS[device.type, quick]
    data = text_data(folder, amount.train, amount.val)
    speed, speed_bounds = whole_epochs(data, amount, device)
    curves, curve_bounds = loss_curves(text_data(folder, amount.curve_texts, amount.val), amount.seeds, device)
    return Findings({**speed, "loss curves": curves}, [*speed_bounds, *curve_bounds], _NOTES)


_NOTES = (
    "A whole epoch is training and evaluation. All three have batches of 64 sequences and the same token ids.",
    "Loss curves: a tiny network, each seed's start weights the same for the reference and ours; batches and dropout "
    "differ. The standard error is that of the difference of the two means over the seeds.",
)


def text_data(folder: Path, train: int, val: int) -> DataAccess:
    """Made texts; no pictures."""
    return DataAccess({TRAIN: make_text_split(train, 1), VAL: make_text_split(val, 2)}, folder / "cache", PIXEL_LIMIT)


def whole_epochs(data: DataAccess, amount: Amount, device: torch.device) -> tuple[dict[str, Any], list[Bound]]:
    """Training and evaluation: ours, the reference padded to the split's longest, and padded to 64."""
    learner = ours.text_learner(data, architecture=amount.architecture)
    sequences = ours.token_sequences(data, architecture=amount.architecture)
    start = learner.network.classifier

    def epoch_at(length: int) -> Callable[[], None]:
        trained = ReferenceRun(copy.deepcopy(start), sequences, data, length, device, 3e-5, 15)
        return trained.whole_epoch

    longest = min(max(map(len, sequences[TRAIN])), LONGEST)
    actions = {
        "ours": lambda: ours.whole_epoch(learner),
        "reference, longest": epoch_at(longest),
        "reference, 64": epoch_at(LONGEST),
    }
    seconds = interleaved(actions, amount.repeats)
    by_longest = ratio(seconds["reference, longest"], seconds["ours"])
    by_64 = ratio(seconds["reference, 64"], seconds["ours"])
    figures = {
        "train texts": amount.train,
        "val texts": amount.val,
        "parameters": sum(parameter.numel() for parameter in learner.network.parameters()),
        "tokens per text": length_figures(sequences[TRAIN]),
        "seconds per text": {name: summary(values, amount.train + amount.val) for name, values in seconds.items()},
        "reference padded to the longest / ours": by_longest,
        "reference padded to 64 / ours": by_64,
    }
    name = f"text epoch with evaluation, {device.type}"
    return figures, [
        at_least(f"{name}: reference padded to the split's longest / ours", 1.5, by_longest["median"]),
        at_least(f"{name}: reference padded to 64 / ours", 4, by_64["median"]),
    ]


def length_figures(sequences: Sequence[Sequence[int]]) -> dict[str, float]:
    """How long token sequences are, the special tokens included."""
    lengths = [len(sequence) for sequence in sequences]
    return {"mean": float(np.mean(lengths)), "95th percentile": float(np.percentile(lengths, 95)), "max": max(lengths)}


class ReferenceRun:
    """The reference's training of one classifier."""

    def __init__(
        self,
        classifier: torch.nn.Module,
        sequences: dict[str, list[list[int]]],
        data: DataAccess,
        length: int,
        device: torch.device,
        learning_rate: float,
        max_epochs: int,
    ) -> None:
        self.classifier, self.device = classifier, device
        self.train, self.val = (
            reference.text_loader(
                sequences[name], data.splits[name].labels.tolist(), length, shuffle=name == TRAIN, batch_size=BATCH
            )
            for name in (TRAIN, VAL)
        )
        steps = max_epochs * len(self.train)
        self.optimizer, self.scheduler = reference.text_optimizer(classifier, learning_rate, steps)

    def train_epoch(self) -> float:
        """Mean loss of one epoch."""
        loss, _ = reference.train_text_epoch(self.classifier, self.train, self.optimizer, self.scheduler, self.device)
        return loss

    def whole_epoch(self) -> None:
        """Training and evaluation."""
        self.train_epoch()
        reference.evaluate_texts(self.classifier, self.val, self.device)


def loss_curves(data: DataAccess, seeds: int, device: torch.device) -> tuple[dict[str, Any], list[Bound]]:
    """Mean training loss of each epoch, ours and the reference's, from the same start weights.

    The bound is on the mean over the epochs: one in each epoch would be missed by chance in every fifth run.
    """
    pairs = [curve_pair(data, seed, device) for seed in range(seeds)]
    own, other = (np.array([pair[side] for pair in pairs]) for side in (0, 1))  # (seeds, epochs)
    figures: dict[str, Any] = {"seeds": seeds, "texts": len(data.splits[TRAIN])}
    for epoch in range(CURVE_EPOCHS):
        figures[f"epoch {epoch + 1}"] = difference_figures(own[:, epoch], other[:, epoch])
    figures["mean of all epochs"] = overall = difference_figures(own.mean(axis=1), other.mean(axis=1))
    what = f"text loss over {CURVE_EPOCHS} epochs, {seeds} seeds: absolute mean difference / standard error"
    return figures, [at_most(what, 2, abs(overall["mean difference"]) / overall["standard error"], "standard errors")]


def difference_figures(own: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    """Losses by seed (seeds,), compared."""
    mean, error = mean_difference(own.tolist(), other.tolist())
    return {
        "ours": float(own.mean()),
        "reference": float(other.mean()),
        "spread between seeds, ours": float(own.std(ddof=1)),
        "spread between seeds, reference": float(other.std(ddof=1)),
        "mean difference": mean,
        "standard error": error,
    }


def curve_pair(data: DataAccess, seed: int, device: torch.device) -> tuple[list[float], list[float]]:
    """Training losses by epoch: ours, and the reference's from a copy of our start weights."""
    learner = ours.text_learner(
        data, seed, **CURVE_NETWORK, learning_rate=CURVE_RATE, max_epochs=CURVE_EPOCHS, batch_size=BATCH
    )
    sequences = ours.token_sequences(data, **CURVE_NETWORK)
    longest = max(map(len, sequences[TRAIN]))
    other = ReferenceRun(
        copy.deepcopy(learner.network.classifier), sequences, data, longest, device, CURVE_RATE, CURVE_EPOCHS
    )
    own = [learner.train_epoch().loss for _ in range(CURVE_EPOCHS)]
    torch.manual_seed(seed)
    return own, [other.train_epoch() for _ in range(CURVE_EPOCHS)]


if __name__ == "__main__":
    main("text_loop", benchmark)
