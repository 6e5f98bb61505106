"""The image network and its learner."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from modality_names import IMAGE
from torch import nn
from trainables_fakes import IMAGE_TRIAL, assert_same_tensors, build

from trainables.data.pictures.cache import decoded_pictures
from trainables.data.pictures.source import MappedPictures
from trainables.image.backbones import Backbone
from trainables.image.config import ImageTrialConfig
from trainables.image.learner import ImageLearner
from trainables.image.model import build_network as build_image_network
from trainables.image.network import ImageNetwork, build_head, predict_pictures
from trainables.modality import DataAccess, Decode
from trainables.names import VAL


def learner_of(data: DataAccess, **changes: Any) -> ImageLearner:
    """A tiny image learner."""
    learner = build(IMAGE, data, **changes).learner
    assert isinstance(learner, ImageLearner)
    return learner


def count(module: nn.Module) -> int:
    """Parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_head_has_625_924_parameters() -> None:
    """MobileNetV3-Large by default config, with 4 classes: the published head, to the parameter."""
    network = build_image_network(ImageTrialConfig(size=32, weights="none"), 4)
    assert count(network.head) == 625_924
    kinds = [type(layer).__name__ for layer in network.head]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert [layer.p for layer in network.head if isinstance(layer, nn.Dropout)] == [0.3, 0.2]
    assert network.head[0].in_features == 960


def test_a_head_without_hidden_layers() -> None:
    """No widths: one linear layer."""
    head = build_head(10, 3, (), ())
    assert count(head) == 33


def test_the_default_config_makes_the_published_groups(data: DataAccess) -> None:
    """AdamW: backbone 1e-4 without decay, head 1e-3 with 1e-4; each parameter in exactly one group."""
    rates = ("backbone_learning_rate", "head_learning_rate", "backbone_weight_decay", "head_weight_decay")
    default = ImageTrialConfig().model_dump()
    learner = learner_of(data, **{name: default[name] for name in rates})
    optimizer = learner._stepper.optimizer
    assert isinstance(optimizer, torch.optim.AdamW)
    backbone, head = optimizer.param_groups
    assert (backbone["lr"], backbone["weight_decay"]) == (1e-4, 0.0)
    assert (head["lr"], head["weight_decay"]) == (1e-3, 1e-4)
    for group, part in ((backbone, learner.network.backbone), (head, learner.network.head)):
        assert [id(parameter) for parameter in group["params"]] == [id(own) for own in part.parameters()]


def test_pictures_are_normalised_inside_the_network() -> None:
    """Mean and deviation belong to the network, move with it, and aren't among its weights."""
    identity = Backbone(nn.Flatten(), 3, (0.5, 0.4, 0.3), (0.1, 0.2, 0.4))
    network = ImageNetwork(identity, nn.Sequential(nn.Identity()))
    pixel = torch.tensor([0.6, 0.4, 0.1]).view(1, 3, 1, 1)
    assert network(pixel)[0].tolist() == pytest.approx([1.0, 0.0, -0.5], abs=1e-6)
    assert network.state_dict() == {}


def test_frozen_epochs_leave_the_backbones_parameters(data: DataAccess) -> None:
    """In the frozen epoch the head alone learns; in the next the backbone does too."""
    learner = learner_of(data, frozen_epochs=1)

    def parameters() -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in learner.network.named_parameters()}

    start = parameters()
    learner.train_epoch()
    frozen = parameters()
    backbone = [name for name in start if name.startswith("backbone")]
    assert_same_tensors({name: start[name] for name in backbone}, {name: frozen[name] for name in backbone})
    assert not torch.equal(start["head.0.weight"], frozen["head.0.weight"])
    learner.train_epoch()
    after = parameters()
    assert all(not torch.equal(after[name], frozen[name]) for name in backbone if name.endswith("0.weight"))


@pytest.mark.parametrize(("momentum", "expected"), [(0.25, {0.25}), (None, {0.01})])
def test_batchnorm_momentum(momentum: float | None, expected: set[float]) -> None:
    """One momentum for the backbone's BatchNorms, or torchvision's own 0.01; the head's stays at 0.1."""
    config = ImageTrialConfig.model_validate(
        {**IMAGE_TRIAL, "backbone": "mobilenet_v3_small", "batchnorm_momentum": momentum}
    )
    network = build_image_network(config, 2)
    found = {module.momentum for module in network.backbone.modules() if isinstance(module, nn.BatchNorm2d)}
    assert found == expected
    assert network.head[1].momentum == 0.1


def test_training_batches_hold_each_picture_once_with_its_label(data: DataAccess) -> None:
    """Without augmentation: an epoch has all 20 pictures, floats of 0 to 1, each with its own label, newly mixed."""
    learner = learner_of(data, augmentation_strength=0.0)
    source, labels = learner._train
    (pictures,) = source.batches([torch.arange(20)], learner.stepper.device)
    place = {picture.numpy().tobytes(): int(label) for picture, label in zip(pictures.cpu(), labels, strict=True)}
    orders = []
    for _ in range(2):
        seen = []
        for (batch,), own in learner.batches(learner.plan_epoch()):
            raw = (batch * 255).round().to(torch.uint8).cpu()
            assert [place[picture.numpy().tobytes()] for picture in raw] == own.tolist()
            seen += [picture.numpy().tobytes() for picture in raw]
        assert sorted(seen) == sorted(place)
        orders.append(seen)
    assert orders[0] != orders[1]


def test_streamed_pictures_teach_the_same(data: DataAccess) -> None:
    """Decoded anew for each batch or taken from the cache: the same weights after an epoch, and the same logits."""

    def trained(decode: Decode) -> ImageLearner:
        learner = learner_of(dataclasses.replace(data, decode=decode))  # seeds the dropout as well
        learner.train_epoch()
        return learner

    cached, streamed = trained("cache"), trained("stream")
    assert_same_tensors(cached.weights(), streamed.weights())
    assert np.array_equal(cached.val_logits(), streamed.val_logits())


@pytest.mark.parametrize("decode", ["cache", "stream"])
def test_the_rest_of_a_plan_gives_the_same_batches(data: DataAccess, decode: Decode) -> None:
    """Taken up after its first batch with the generator's state of then, an epoch's rest is augmented alike."""
    learner = learner_of(dataclasses.replace(data, decode=decode))
    plan = learner.plan_epoch()
    batches = learner.batches(plan)
    next(iter(batches))
    state = learner.generator.get_state()
    rest = list(batches)
    learner.generator.set_state(state)
    again = list(learner.batches(plan[1:]))
    assert len(rest) == len(again) == 2
    for ((pictures,), labels), ((others,), other_labels) in zip(rest, again, strict=True):
        assert torch.equal(pictures, others)
        assert torch.equal(labels, other_labels)


def test_predictions_dont_depend_on_the_batch_size(data: DataAccess) -> None:
    """Batches of 3, of 4 and all at once give the same logits in the same order."""
    torch.manual_seed(0)
    flat = Backbone(nn.Flatten(), 3 * 32 * 32, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    network = ImageNetwork(flat, build_head(flat.features, 2, (8,), (0.5,)))
    paths = [path for path in data.splits[VAL].inputs["image"] if path is not None]
    pictures = MappedPictures(
        decoded_pictures(paths, size=32, fit="pad", pixel_limit=10**6, folder=data.caches / "pictures")
    )
    whole, *others = (predict_pictures(network, pictures, size, torch.device("cpu")) for size in (10, 3, 4))
    assert whole.shape == (10, 2)
    assert len(np.unique(whole[:, 0])) == 10
    for other in others:
        assert other == pytest.approx(whole, abs=1e-5)
