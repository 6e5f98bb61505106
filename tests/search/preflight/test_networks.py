"""Networks are built once before the first trial; texts that are cut are counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from search_fakes import study

from search.preflight.checks import Checks
from search.preflight.data import read_data
from search.preflight.networks import Looked, Looking, Reading, Remote
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.samples import Split
from trainables.errors import UserError

TEXT = {"weights": "none", "vocabulary_size": 100}


def here(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """In this process, as soon as someone waits for it."""
    return lambda: function(*args)


def looked(config: StudyConfig, splits: Mapping[str, Split] | None = None) -> dict[str, Looked]:
    """What is known of each modality."""
    return seen(config, here, splits, again=False)


class Once:
    """Looks in this process, and counts how often."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, function: Callable[..., Any], name: str, *args: Any) -> Callable[[], Any]:
        """As `ray_cluster.on_worker`."""
        self.names.append(name)
        return here(function, name, *args)


def seen(
    config: StudyConfig, remote: Remote, splits: Mapping[str, Split] | None = None, *, again: bool
) -> dict[str, Looked]:
    """What is known of each modality, taken over where it may be."""
    given = read_data(config) if splits is None else splits
    looking = Looking(config, given, Reading.of(config, Layout.of(config).caches), lambda line: None, again=again)
    looking.begin(remote)
    looking.begin(remote)  # nothing is begun twice
    return looking.found(Checks())


def largest(config: StudyConfig) -> dict[str, int | None]:
    """The largest network of each modality; every fault of the networks in one error."""
    found = looked(config)
    if faults := [fault for one in found.values() if one.network_bytes is None for fault in one.faults]:
        raise UserError("\n".join(faults))
    return {name: one.network_bytes for name, one in found.items()}


def cut_lines(config: StudyConfig, splits: Mapping[str, Split]) -> list[str]:
    """What is said of the texts."""
    plan = looked(config, splits)["text"].plan
    assert plan is not None
    return list(plan.lines)


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
    lines = [line for line in str(error.value).splitlines() if line.startswith("no weights")]
    assert sorted(lines) == [
        f"no weights of {name}" for name in ("distilbert-base-uncased", "mobilenet_v3_large", "resnet18", "resnet50")
    ]


def test_every_misspelt_backbone_of_a_list_is_said_at_once(data: Path) -> None:
    """Before anything is built, each with the name that was meant; the sound one isn't blamed."""
    names = ["mobilenet_v3_small", "resnet81", "vit_base_patch32_clip_224.openay"]
    space = {"backbone": {"type": "choice", "choices": names}}
    config = study(data, image={"backbone": names[0], "weights": "none", "search": {"space": space, "heads": "none"}})
    with pytest.raises(UserError) as caught:
        largest(config)
    lines = [line for line in str(caught.value).splitlines() if "torchvision or timm" in line]
    assert ["resnet81" in lines[0], "vit_base_patch32_clip_224.openai" in lines[1], len(lines)] == [True, True, 2]


def test_a_study_that_goes_on_builds_no_network_anew(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen is taken over whole, and only there: a new study's networks are built each time."""
    monkeypatch.setattr("trainables.build.check_network", Weights())
    remote, config = Once(), study(data, text=TEXT)
    first = seen(config, remote, again=True)
    assert remote.names == ["image", "text"], "nothing was seen before"
    assert seen(config, remote, again=True) == first
    assert len(remote.names) == 2
    assert seen(config, remote, again=False) == first
    assert len(remote.names) == 4
    other = study(data, image={"size": 48}, text=TEXT)
    assert seen(other, remote, again=True)["text"] == first["text"]
    assert remote.names[4:] == ["image"]


def test_what_inputs_take_on_the_disk_is_seen_anew(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk's room is another one by now."""
    monkeypatch.setattr("trainables.build.check_network", Weights())
    remote, config = Once(), study(data, text=TEXT)
    seen(config, remote, again=True)
    monkeypatch.setattr("trainables.image.prepare.human_bytes", lambda count: "as much as now")
    plan = seen(config, remote, again=True)["image"].plan
    assert plan is not None
    assert "as much as now free" in plan.lines[0]
    assert remote.names == ["image", "text"]


def test_a_fault_isn_t_kept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be mended outside of the config."""
    monkeypatch.setattr("trainables.build.check_network", Weights(missing="mobilenet_v3_large"))
    remote, config = Once(), study(data, text=TEXT)
    assert seen(config, remote, again=True)["image"].faults
    assert seen(config, remote, again=True)["image"].faults
    assert remote.names == ["image", "text", "image"]
