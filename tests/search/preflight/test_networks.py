"""Networks are built once before the first trial; texts that are cut are counted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from search_fakes import study

from search.preflight.checks import Checks
from search.preflight.data import read_data
from search.preflight.inputs import plan_inputs
from search.preflight.networks import largest_network
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.samples import Split
from trainables.errors import UserError


def largest(config: StudyConfig) -> dict[str, int]:
    """The largest network of each modality; every fault in one error."""
    checks, splits = Checks(), read_data(config)
    found = {name: checks.run(partial(largest_network, config, name, splits)) for name in config.modalities}
    if checks.faults:
        raise UserError("\n".join(checks.faults))
    return {name: size for name, size in found.items() if size is not None}


def cut_lines(config: StudyConfig, splits: Mapping[str, Split]) -> list[str]:
    """What is said of the texts."""
    checks = Checks()
    plans = plan_inputs(config, splits, Layout.of(config), checks)
    checks.raise_faults()
    return list(plans["text"].lines) if "text" in plans else []


class Weights:
    """Stands for `check_network`; keeps what it was asked, and may not find a backbone."""

    def __init__(self, missing: str = "") -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.missing = missing

    def __call__(self, modality: str, hyperparameters: Mapping[str, Any], train: Split) -> int:
        """Keep the call; a network of so many bytes as its name has letters."""
        assert train.classes == ("Blue", "Green")
        self.asked.append((modality, hyperparameters["backbone"], hyperparameters["weights"]))
        if hyperparameters["backbone"] == self.missing:
            raise UserError(f"no weights of {self.missing}")
        return len(hyperparameters["backbone"])


def with_backbones(data: Path, **more: Any) -> StudyConfig:
    """A study that searches two backbones, with a point at a third."""
    space = {"backbone": {"type": "choice", "choices": ["mobilenet_v3_large", "resnet18"]}, **more}
    points = [{"backbone": "resnet50"}, {"backbone": "resnet18"}, {"weights": "none"}, {"size": 64}]
    return study(data, image={"search": {"space": space, "points": points}})


def test_each_backbone_is_tried_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every distinct backbone with its weights, of the space and of the points, once; for both modalities."""
    weights = Weights()
    monkeypatch.setattr("trainables.build.check_network", weights)
    config = with_backbones(data)
    assert largest(config) == {
        "image": len("mobilenet_v3_large"),
        "text": max(len(b) for m, b, _ in weights.asked if m == "text"),
    }
    assert sorted(weights.asked) == [
        ("image", "mobilenet_v3_large", "imagenet"),
        ("image", "mobilenet_v3_large", "none"),
        ("image", "resnet18", "imagenet"),
        ("image", "resnet50", "imagenet"),
        ("text", "distilbert-base-uncased", "pretrained"),
    ]


def test_every_size_is_tried_with_every_backbone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair of backbone and size that a trial may draw, and those of the points, once."""
    tried = []
    monkeypatch.setattr("trainables.build.check_network", Weights())
    monkeypatch.setattr(
        "trainables.image.backbones.count_features", lambda backbone, size: tried.append((backbone, size))
    )
    config = with_backbones(data, size={"type": "choice", "choices": [64, 224]})
    largest(config)
    drawn = {(backbone, size) for backbone in ("mobilenet_v3_large", "resnet18") for size in (64, 224)}
    assert sorted(tried) == sorted(drawn | {("resnet50", 224)})


def test_a_size_that_a_backbone_cant_take_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first trial, by the backbone's name, the size, and the smallest that works; nothing is downloaded."""
    monkeypatch.setattr("trainables.build.check_network", Weights())
    config = study(data, image={"backbone": "alexnet", "size": 64, "search": {"points": [{"size": 48}]}})
    with pytest.raises(UserError, match=r"alexnet can't take pictures of 48 px.*63 or more"):
        largest(config)


def test_texts_are_checked_at_their_longest(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest `max_length` of the space is the one that the backbone must have places for, and a point's own."""
    tried = []

    def keep(modality: str, given: Mapping[str, Any], train: Split) -> int:
        tried.append(given.get("max_length"))
        return 1

    monkeypatch.setattr("trainables.build.check_network", keep)
    space = {"max_length": {"type": "int", "low": 16, "high": 128, "step": 16}}
    search = {"space": space, "points": [{"max_length": 256}]}
    config = study(data, modalities=["text"], text={"search": search})
    largest(config)
    assert sorted(tried) == [64, 128, 256]


def test_cut_texts_are_said(data: Path) -> None:
    """A line for each split with longer texts, at the section's length and the space's smallest; none otherwise."""
    text = {"weights": "none", "vocabulary_size": 100, "max_length": 60}
    space = {"max_length": {"type": "choice", "choices": [4, 60]}}
    searched = study(data, text={**text, "search": {"space": space}})
    splits = read_data(searched)
    assert cut_lines(searched, splits) == [
        "text: 4 of 4 train texts are longer than 4 tokens and are cut",
        "text: 2 of 2 val texts are longer than 4 tokens and are cut",
    ]
    roomy = study(data, text=text)
    assert cut_lines(roomy, splits) == []
    pictures_alone = study(data, modalities=["image"])
    assert cut_lines(pictures_alone, splits) == []


def test_searched_weights_are_tried_with_each_backbone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the weights are searched too, every pair that a trial may draw is tried."""
    weights = Weights()
    monkeypatch.setattr("trainables.build.check_network", weights)
    config = with_backbones(data, weights={"type": "choice", "choices": ["imagenet", "none"]})
    largest(config)
    pairs = {(backbone, name) for modality, backbone, name in weights.asked if modality == "image"}
    assert pairs >= {(b, w) for b in ("mobilenet_v3_large", "resnet18") for w in ("imagenet", "none")}


def test_missing_weights_are_passed_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backbone without weights ends the preflight with its own message."""
    monkeypatch.setattr("trainables.build.check_network", Weights(missing="resnet50"))
    config = with_backbones(data)
    with pytest.raises(UserError, match="no weights of resnet50"):
        largest(config)


def test_every_missing_backbone_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them in one message, of both modalities."""

    def none(modality: str, given: Mapping[str, Any], train: Split) -> int:
        raise UserError(f"no weights of {given['backbone']}")

    monkeypatch.setattr("trainables.build.check_network", none)
    config = with_backbones(data)
    with pytest.raises(UserError) as error:
        largest(config)
    assert sorted(str(error.value).splitlines()) == [
        f"no weights of {name}" for name in ("distilbert-base-uncased", "mobilenet_v3_large", "resnet18", "resnet50")
    ]
