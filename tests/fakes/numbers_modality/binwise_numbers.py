"""A modality of one's own: a CSV column of numbers (`weight;length;...`), and a network of two layers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from trainables.checkpoint import Checkpoint
from trainables.config import Count, HeadConfig, NotNegative, Rate, Schedule, Share, TrialConfig
from trainables.data.samples import Split
from trainables.heads.fitting import FittedHead
from trainables.heads.inputs import HeadInputs
from trainables.heads.learner import HeadLearner, HeadTask, read_head
from trainables.learning.groups import Group
from trainables.learning.learner import TorchLearner
from trainables.learning.loop import Learner
from trainables.learning.steps import Batch, Stepper, batch_rows, pick_device, predict_logits
from trainables.linear_baseline import linear_predictions
from trainables.modality import Companions, DataAccess, HeadWish, Modality, SearchedValues, head_trials
from trainables.names import TRAIN, VAL
from trainables.records import Predictions
from trainables.train_setup import make_stepper


class NumbersTrialConfig(TrialConfig):
    """The hyperparameters of a trial; those of `TrialConfig` that have no default get one here."""

    max_epochs: Count = 30
    patience: Count = 10
    batch_size: Annotated[int, Field(ge=2, strict=True)] = 32
    class_weights: Literal["balanced", "none"] = "none"
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    schedule: Schedule = "constant"
    warmup_share: Share = 0.0
    minimum_learning_rate: NotNegative = 0.0

    hidden: Count = 16  # units of the layer in the middle
    learning_rate: Rate = 1e-2
    weight_decay: NotNegative = 0.0


class NumbersHeadConfig(HeadConfig):
    """A head on the numbers as they are."""


class NumbersNetwork(nn.Module):
    """Numbers (N, F) -> logits (N, C). What it needs to bring numbers to one scale is among its tensors."""

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, numbers: Tensor) -> Tensor:
        """Logits of numbers."""
        logits: Tensor = self.layers((numbers - self.mean) / self.scale)
        return logits


class NumbersLearner(TorchLearner):
    """Such a network in training: whole splits lie on the device."""

    def __init__(self, network: NumbersNetwork, stepper: Stepper, train: Split, val: Split, batch_size: int, seed: int):
        super().__init__(stepper, val_labels=val.labels, seed=seed)
        self.network, self._batch_size = network, batch_size
        self._train = array_of(train).to(stepper.device), torch.from_numpy(train.labels).to(stepper.device)
        self._val = array_of(val).to(stepper.device)

    def plan_epoch(self) -> list[Tensor]:
        """Every sample once, in random order."""
        return list(batch_rows(torch.randperm(len(self._train[1]), generator=self.generator), self._batch_size))

    def batches(self, plan: Sequence[Tensor]) -> Iterator[Batch]:
        """The rows of each batch."""
        numbers, labels = self._train
        return (((numbers[rows],), labels[rows]) for rows in plan)

    def val_logits(self) -> NDArray[np.float32]:
        """Logits (N, C) on val."""
        return predict_logits(self.network, [(self._val,)], self._stepper.device)


class NumbersModel:
    """A trained network."""

    def __init__(self, network: NumbersNetwork, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self._device = pick_device()
        self._network = network.to(self._device)

    def logits(self, items: Sequence[tuple[float, ...]]) -> NDArray[np.float32]:
        """Logits (N, C) of rows of numbers."""
        return self.timed_logits(items, batch_size=1024)[0]

    def timed_logits(self, items: Sequence[tuple[float, ...]], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C), and the network's seconds."""
        parts = torch.split(torch.tensor(items, dtype=torch.float32, device=self._device), batch_size)
        began = time.perf_counter()
        logits = predict_logits(self._network, ((part,) for part in parts), self._device)
        return logits, time.perf_counter() - began


class NumbersHeadModel:
    """A fitted head."""

    def __init__(self, head: FittedHead, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self._head = head

    def logits(self, items: Sequence[tuple[float, ...]]) -> NDArray[np.float32]:
        """Logits (N, C) of rows of numbers."""
        return self._head.logits(HeadInputs((np.array(items, dtype=np.float32),)))

    def timed_logits(self, items: Sequence[tuple[float, ...]], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C), and the head's seconds."""
        began = time.perf_counter()
        return self.logits(items), time.perf_counter() - began


class NumbersModality(Modality):
    """An item is a tuple of numbers, as many for every sample."""

    name: ClassVar[str] = "numbers"
    column: ClassVar[str] = "numbers"
    config_type: ClassVar[type[TrialConfig]] = NumbersTrialConfig
    network: ClassVar[tuple[str, ...]] = ("hidden",)
    baseline_note: ClassVar[str] = "the numbers as they are"
    head_config_type: ClassVar[type[HeadConfig] | None] = NumbersHeadConfig

    def from_cell(self, cell: str, root: Path) -> tuple[float, ...]:
        """`1.5;2;0.25`."""
        try:
            found = tuple(float(part) for part in cell.split(";"))
        except ValueError:
            raise ValueError(f'"{cell}" isn\'t a list of numbers such as 1.5;2;0.25') from None
        if not np.isfinite(found).all():
            raise ValueError(f'"{cell}" has numbers that aren\'t finite')
        return found

    def to_json(self, item: tuple[float, ...]) -> list[float]:
        """A list."""
        return list(item)

    def from_json(self, value: Any) -> tuple[float, ...]:
        """The numbers of a list."""
        return tuple(float(one) for one in value)

    def shown(self, item: tuple[float, ...]) -> str:
        """As in the CSV."""
        return ";".join(f"{one:g}" for one in item)

    def check(self, config: NumbersTrialConfig | NumbersHeadConfig, train: Split) -> int:
        """Build the network; a head has none."""
        if isinstance(config, NumbersHeadConfig):
            return 0
        network = network_of(config, train)
        return sum(tensor.nbytes for tensor in network.state_dict().values())

    def heads(self, values: SearchedValues, wish: HeadWish) -> list[dict[str, Any]]:
        """One a family."""
        return [NumbersHeadConfig(head=one["head"]).model_dump() for one in head_trials(wish, [None])]

    def build(
        self, config: NumbersTrialConfig | NumbersHeadConfig, data: DataAccess, seed: int
    ) -> tuple[Learner, Companions | None]:
        """A network in training, or a head."""
        if isinstance(config, NumbersHeadConfig):
            return head_learner(config, data, seed)
        device, train = pick_device(), data.splits[TRAIN]
        network = network_of(config, train).to(device)
        numbers = array_of(train)
        network.mean.copy_(numbers.mean(dim=0))
        network.scale.copy_(numbers.std(dim=0).clamp_min(1e-6))
        groups = [Group(tuple(network.parameters()), config.learning_rate, config.weight_decay)]
        stepper = make_stepper(config, network, groups, train, device)
        return NumbersLearner(network, stepper, train, data.splits[VAL], config.batch_size, seed), None

    def load(self, folder: Path, checkpoint: Checkpoint) -> NumbersModel | NumbersHeadModel:
        """The model of a checkpoint."""
        if "head" in checkpoint.meta["config"]:
            return NumbersHeadModel(read_head(folder, checkpoint.weights), tuple(checkpoint.meta["classes"]))
        classes, weights = tuple(checkpoint.meta["classes"]), checkpoint.weights
        hidden, features = weights["layers.0.weight"].shape
        network = NumbersNetwork(features, hidden, len(classes))
        network.load_state_dict(weights)
        return NumbersModel(network, classes)

    def baseline(self, checkpoint: Path, train: Split, evaluate: Mapping[str, Split]) -> dict[str, Predictions]:
        """Logistic regression on the numbers."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(array_of(train).numpy(), train.labels)
        return {name: linear_predictions(model, array_of(split).numpy(), split) for name, split in evaluate.items()}


def head_learner(config: NumbersHeadConfig, data: DataAccess, seed: int) -> tuple[Learner, Companions]:
    """A head that isn't fitted yet."""
    train, val = data.splits[TRAIN], data.splits[VAL]
    task = HeadTask(config.head, train.labels, np.arange(len(train)), val.labels, len(train.classes), seed)
    inputs = {name: HeadInputs((array_of(split).numpy(),)) for name, split in data.splits.items()}
    learner = HeadLearner(task, lambda between: inputs[TRAIN], lambda between: inputs[VAL])
    return learner, learner.write_companions


def network_of(config: NumbersTrialConfig, train: Split) -> NumbersNetwork:
    """The network for as many numbers as the samples of train have."""
    return NumbersNetwork(array_of(train).shape[1], config.hidden, len(train.classes))


def array_of(split: Split) -> Tensor:
    """(N, F) float32."""
    return torch.tensor(split.items("numbers"), dtype=torch.float32)


MODALITY = NumbersModality()
