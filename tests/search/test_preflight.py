"""What is known before the first trial: resources, data, pictures, weights."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from search_fakes import searching, study

from search.layout import Layout
from search.preflight import (
    Node,
    Share,
    TrialPictures,
    check_all_weights,
    cut_text_lines,
    decode_pictures,
    plan_resources,
    read_data,
)
from search.study import StudyConfig
from trainables.data.samples import Split
from trainables.records import TRAIN, VAL, UserError


def plan(nodes: list[Node], *, trials: int = 20, **search: Any) -> Share:
    """The shares of an image search on these machines."""
    config = study(Path("/nowhere"), image=searching(trials=trials, **search))
    return plan_resources("image", config.image, nodes)


@pytest.mark.parametrize(
    ("nodes", "share"),
    [
        ([Node(1, 0)], Share(1, 0, 1)),
        ([Node(2, 0)], Share(1, 0, 2)),
        ([Node(16, 0)], Share(4, 0, 4)),
        ([Node(16, 1)], Share(16, 1, 1)),
        ([Node(32, 8)], Share(4, 1, 8)),
        ([Node(4, 8)], Share(1, 1, 4)),  # fewer CPUs than GPUs: as many trials as CPUs
        ([Node(32, 8), Node(32, 8)], Share(4, 1, 16)),
        ([Node(8, 0), Node(8, 0)], Share(4, 0, 4)),
        ([Node(4, 0), Node(16, 4)], Share(4, 1, 4)),  # the CPUs of a head without GPUs don't count
        ([Node(64, 0), Node(8, 4)], Share(2, 1, 4)),
    ],
)
def test_auto_uses_what_is_there(nodes: list[Node], share: Share) -> None:
    """A GPU a trial where there are some, else a few trials at once, and the CPUs shared among them."""
    assert plan(nodes) == share


def test_auto_runs_no_more_than_there_are_trials() -> None:
    """Two trials share the machine's CPUs between them, but none gets more than a machine has."""
    assert plan([Node(16, 0)], trials=2) == Share(8, 0, 2)
    assert plan([Node(16, 0), Node(16, 0)], trials=1) == Share(16, 0, 1)


def test_fractions_share_a_gpu() -> None:
    """With half a GPU each, two trials run on one; a fraction doesn't reach from one GPU to the next."""
    assert plan([Node(16, 2)], resources={"gpus": 0.5}) == Share(4, 0.5, 4)
    assert plan([Node(16, 1)], resources={"gpus": 0.1}).concurrency == 10
    assert plan([Node(16, 2)], resources={"gpus": 0.4}).concurrency == 4


def test_several_gpus_a_trial() -> None:
    """Three GPUs each on machines of four: one trial a machine, though twelve are enough for four."""
    assert plan([Node(12, 4)] * 3, resources={"gpus": 3}).concurrency == 3


@pytest.mark.parametrize(
    ("nodes", "resources", "expected"),
    [
        ([Node(4, 0)], {"gpus": 1}, ["image.search.resources.gpus is 1", "largest of 1 machine has 0"]),
        ([Node(4, 1), Node(4, 1)], {"gpus": 2}, ["image.search.resources.gpus is 2", "largest of 2 machines has 1"]),
        ([Node(4, 0), Node(4, 0)], {"cpus": 6}, ["image.search.resources.cpus is 6", "has 4"]),
        (
            [Node(64, 0), Node(8, 4)],
            {"cpus": 16, "gpus": 1},
            ["image.search.resources.cpus is 16", "1 machine with enough GPUs has 8"],
        ),
    ],
)
def test_a_trial_must_fit_one_machine(nodes: list[Node], resources: dict[str, Any], expected: list[str]) -> None:
    """What no single machine has is refused at once, with what there is, instead of waiting for ever."""
    with pytest.raises(UserError) as error:
        plan(nodes, resources=resources)
    for text in expected:
        assert text in str(error.value)


def test_above_one_gpu_only_whole_ones() -> None:
    """One and a half GPUs can't be given to a trial."""
    with pytest.raises(UserError, match=r"image\.search\.resources\.gpus.*1\.5"):
        plan([Node(16, 4)], resources={"gpus": 1.5})


def test_explicit_numbers_are_kept() -> None:
    """Given numbers that fit stay as they are."""
    assert plan([Node(16, 4)], concurrency=3, resources={"cpus": 2, "gpus": 1}) == Share(2, 1, 3)
    assert plan([Node(16, 0)], concurrency=8) == Share(2, 0, 8)


@pytest.mark.parametrize(
    ("nodes", "search", "expected"),
    [
        ([Node(4, 2)], {"concurrency": 3, "resources": {"gpus": 1}}, "is 3 with 1 CPUs and 1 GPUs each, and 2 fit"),
        ([Node(2, 0)], {"concurrency": 3}, "is 3 with 1 CPUs and 0 GPUs each, and 2 fit"),
        ([Node(3, 0), Node(3, 0)], {"concurrency": 3, "resources": {"cpus": 2}}, "and 2 fit"),
    ],
)
def test_explicit_concurrency_must_fit(nodes: list[Node], search: dict[str, Any], expected: str) -> None:
    """More trials at once than fit are refused, with how many do."""
    with pytest.raises(UserError, match=expected):
        plan(nodes, **search)


def pictures(folder: Path, classes: Mapping[str, int], seed: int = 0) -> None:
    """A tree of small pictures."""
    rng = np.random.default_rng(seed)
    for name, count in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{folder.name} {name} {number}.jpg")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes in train and val."""
    pictures(tmp_path / "train", {"Blue": 2, "Green": 2})
    pictures(tmp_path / "val", {"Blue": 1, "Green": 1}, seed=1)
    return tmp_path


def test_train_and_val_are_read_and_test_is_not(data: Path) -> None:
    """Both tables with train's classes; a test split that isn't there disturbs nobody."""
    config = study(data, data={"train": str(data / "train"), "val": str(data / "val"), "test": str(data / "gone")})
    splits = read_data(config)
    assert {name: len(split) for name, split in splits.items()} == {TRAIN: 4, VAL: 2}
    assert splits[VAL].classes == ("Blue", "Green")


def test_a_missing_folder_is_named(data: Path) -> None:
    """The message says which folder isn't there."""
    config = study(data, data={"train": str(data / "train"), "val": str(data / "nowhere")})
    with pytest.raises(UserError, match="nowhere doesn't exist"):
        read_data(config)


def test_a_class_of_val_must_be_one_of_trains(data: Path) -> None:
    """A class that train doesn't have is named, with train's."""
    pictures(data / "val" / "more", {"Yellow": 1})
    (data / "val" / "more" / "Yellow").rename(data / "val" / "Yellow")
    (data / "val" / "more").rmdir()
    with pytest.raises(UserError, match=r'"Blue", "Green".*"Yellow"'):
        read_data(study(data))


def prepared(config: StudyConfig) -> tuple[TrialPictures, str]:
    """The study's pictures, ready for trials, and what was said about it."""
    console = Console(file=io.StringIO(), width=40)
    pictures = decode_pictures(config, read_data(config), Layout.of(config), console)
    return pictures, console.file.getvalue()  # type: ignore[attr-defined]


def splits_of(data: Path, **more: str) -> dict[str, str]:
    """A data section."""
    return {"train": str(data / "train"), "val": str(data / "val"), **more}


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the disk have so many bytes free."""
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda _: count)
    monkeypatch.setattr("search.preflight.free_bytes", lambda _: count)


def test_a_text_search_needs_no_pictures(tmp_path: Path) -> None:
    """A CSV without an image column is enough for texts, and refused for images."""
    for name in ("train", "val"):
        (tmp_path / f"{name}.csv").write_text("text,label\nold can,Blue\njar,Green\n", "utf-8")
    given = {"train": str(tmp_path / "train.csv"), "val": str(tmp_path / "val.csv")}
    config = study(tmp_path, data=given, modalities=["text"])
    read_data(config)
    assert prepared(config)[0].content is None
    assert not Layout.of(config).cache.exists()
    with pytest.raises(UserError, match="image"):
        read_data(study(tmp_path, data=given))


def test_pictures_are_decoded_at_every_size_and_fit(data: Path) -> None:
    """One file for each split at each size and fit that a trial may have, those of the points too, and no other."""
    image = {
        "size": 32,
        "search": {
            "space": {
                "size": {"type": "int", "low": 32, "high": 64, "step": 32},
                "fit": {"type": "choice", "choices": ["pad", "crop"]},
            },
            "points": [{"size": 48}],
        },
    }
    config = study(data, image=image)
    _, said = prepared(config)
    assert said.startswith("Decoding 6 pictures to 32, 48, 64 px (crop, pad): ")
    shapes = sorted(np.load(path).shape for path in Layout.of(config).cache.glob("*/pictures.npy"))
    assert shapes == sorted([(count, size, size, 3) for count in (2, 4) for size in (32, 48, 64)] * 2)


def test_what_will_be_decoded_is_said_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many pictures, to what, how much it takes, where, and what is free; nothing when they are there."""
    monkeypatch.chdir(data)
    free(monkeypatch, 66_000_000_000)
    config = study(data, image={"size": 32})
    first, said = prepared(config)
    assert said == "Decoding 6 pictures to 32 px (pad): 19 kB in runs/cache/pictures, 66 GB free\n"
    again, silence = prepared(config)
    assert silence == ""
    assert first == again
    assert first.decode == "auto"
    assert first.content is not None
    assert set(first.content) == {TRAIN, VAL}
    assert all(len(digest) == 64 for digest in first.content.values())
    shutil.rmtree(next(path.parent for path in Layout.of(config).cache.glob("*/meta.json")))
    assert prepared(config)[1].startswith("Decoding ")


def test_streaming_prepares_nothing(data: Path) -> None:
    """Where the study wants to stream, no picture is read and no cache made."""
    config = study(data, image={"size": 32}, data=splits_of(data, decode="stream"))
    assert prepared(config) == (TrialPictures("stream"), "")
    assert not Layout.of(config).cache.exists()


def test_a_small_disk_makes_it_stream(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to itself it streams and says why; a share of the disk stays free."""
    free(monkeypatch, 20_000)
    config = study(data, image={"size": 32})
    pictures, said = prepared(config)
    assert pictures == TrialPictures("stream")
    assert "lacks room to decode 6 pictures to 32 px (pad): 19 kB in" in said
    free(monkeypatch, 24_000)
    assert prepared(config)[0].decode == "auto"


def test_a_small_disk_with_caches_makes_it_stream(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other caches take the room: their bytes leave open whether ours are there, until the pictures are read."""
    prepared(study(data, image={"size": 48}))
    free(monkeypatch, 1000)
    pictures, said = prepared(study(data, image={"size": 32}))
    assert pictures == TrialPictures("stream")
    assert said.startswith("Streaming")
    assert prepared(study(data, image={"size": 48}))[0].decode == "auto"


def test_a_wanted_cache_must_fit(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `decode: cache` too small a disk is an error before anything is decoded; what is there serves."""
    config = study(data, image={"size": 32}, data=splits_of(data, decode="cache"))
    free(monkeypatch, 15_000)
    with pytest.raises(UserError, match=r"need 19 kB and .* has 15 kB free.*data\.decode to stream"):
        prepared(config)
    free(monkeypatch, 20_000)
    assert prepared(config)[0].decode == "cache"
    free(monkeypatch, 0)
    assert prepared(config)[0].decode == "cache"


def test_a_broken_picture_is_named(data: Path) -> None:
    """One damaged JPEG among many is found before the first trial, by its path."""
    broken = next((data / "val" / "Green").glob("*.jpg"))
    broken.write_bytes(broken.read_bytes()[:200])
    config = study(data, image={"size": 32})
    with pytest.raises(UserError, match=broken.name):
        prepared(config)


class Weights:
    """Stands for `check_weights`; keeps what it was asked, and may not find a backbone."""

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
    monkeypatch.setattr("trainables.build.check_weights", weights)
    config = with_backbones(data)
    largest = check_all_weights(config, read_data(config))
    assert largest == {
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
    monkeypatch.setattr("trainables.build.check_weights", Weights())
    monkeypatch.setattr(
        "trainables.build.check_picture_size", lambda given: tried.append((given["backbone"], given["size"]))
    )
    config = with_backbones(data, size={"type": "choice", "choices": [64, 224]})
    check_all_weights(config, read_data(config))
    drawn = {(backbone, size) for backbone in ("mobilenet_v3_large", "resnet18") for size in (64, 224)}
    assert sorted(tried) == sorted(drawn | {("resnet50", 224)})


def test_a_size_that_a_backbone_cant_take_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first trial, by the backbone's name, the size, and the smallest that works; nothing is downloaded."""
    monkeypatch.setattr("trainables.build.check_weights", Weights())
    config = study(data, image={"backbone": "alexnet", "size": 64, "search": {"points": [{"size": 48}]}})
    with pytest.raises(UserError, match=r"alexnet can't take pictures of 48 px.*63 or more"):
        check_all_weights(config, read_data(config))


def test_texts_are_checked_at_their_longest(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest `max_length` of the space is the one that the backbone must have places for, and a point's own."""
    tried = []

    def keep(modality: str, given: Mapping[str, Any], train: Split) -> int:
        tried.append(given.get("max_length"))
        return 1

    monkeypatch.setattr("trainables.build.check_weights", keep)
    space = {"max_length": {"type": "int", "low": 16, "high": 128, "step": 16}}
    search = {"space": space, "points": [{"max_length": 256}]}
    config = study(data, modalities=["text"], text={"search": search})
    check_all_weights(config, read_data(config))
    assert sorted(tried) == [64, 128, 256]


def test_cut_texts_are_said(data: Path) -> None:
    """A line for each split with longer texts, at the section's length and the space's smallest; none otherwise."""
    text = {"weights": "none", "vocabulary_size": 100, "max_length": 60}
    space = {"max_length": {"type": "choice", "choices": [4, 60]}}
    searched = study(data, text={**text, "search": {"space": space}})
    splits = read_data(searched)
    assert cut_text_lines(searched, splits, Layout.of(searched)) == [
        "text: 4 of 4 train texts are longer than 4 tokens and are cut",
        "text: 2 of 2 val texts are longer than 4 tokens and are cut",
    ]
    roomy = study(data, text=text)
    assert cut_text_lines(roomy, splits, Layout.of(roomy)) == []
    pictures_alone = study(data, modalities=["image"])
    assert cut_text_lines(pictures_alone, splits, Layout.of(pictures_alone)) == []


def test_searched_weights_are_tried_with_each_backbone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the weights are searched too, every pair that a trial may draw is tried."""
    weights = Weights()
    monkeypatch.setattr("trainables.build.check_weights", weights)
    config = with_backbones(data, weights={"type": "choice", "choices": ["imagenet", "none"]})
    check_all_weights(config, read_data(config))
    pairs = {(backbone, name) for modality, backbone, name in weights.asked if modality == "image"}
    assert pairs >= {(b, w) for b in ("mobilenet_v3_large", "resnet18") for w in ("imagenet", "none")}


def test_missing_weights_are_passed_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backbone without weights ends the preflight with its own message."""
    monkeypatch.setattr("trainables.build.check_weights", Weights(missing="resnet50"))
    config = with_backbones(data)
    with pytest.raises(UserError, match="no weights of resnet50"):
        check_all_weights(config, read_data(config))
