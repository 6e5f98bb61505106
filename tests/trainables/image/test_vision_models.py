"""Image networks of transformers as backbones: their features, their weights, and checkpoints that need no hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hub_server import Hub
from huggingface_hub import constants
from modality_names import IMAGE
from safetensors.torch import load_file, save_file
from torch import Tensor
from trainables_fakes import assert_same_tensors, make_data, saved
from vision_folders import FAMILIES, STATISTICS, save_vision

from trainables.build import build_trial, check_network
from trainables.errors import UserError
from trainables.image.backbones import build_backbone, count_features
from trainables.image.network import frozen_network
from trainables.image.vision_models import PREPROCESSORS, described
from trainables.inference import predict_split
from trainables.modality import DataAccess
from trainables.names import HEAD, TRAIN, VAL

REPOSITORY = "owner/tiny-vit"
TRIAL: dict[str, Any] = {
    "size": 32,
    "max_epochs": 2,
    "patience": 2,
    "batch_size": 8,
    "head_widths": [16],
    "head_dropouts": [0.2],
    "frozen_epochs": 0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataAccess:
    """Twenty pictures to learn from, ten to be judged by."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole ViT to take something away from."""
    save_vision(tmp_path / "vit", "vit")
    return tmp_path / "vit"


def message(name: str, weights: str = "imagenet", size: int = 32) -> str:
    """The one line of the UserError."""
    with pytest.raises(UserError) as caught:
        build_backbone(name, weights, size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def published(network: Any, family: str, pictures: Tensor) -> Tensor:
    """The pooled features by transformers' own way, positions interpolated for each batch."""
    statistics = [torch.tensor(STATISTICS[key])[:, None, None] for key in ("image_mean", "image_std")]
    normal = (pictures - statistics[0]) / statistics[1]
    body: Any = network.vision_model if family in ("clip", "siglip") else network.base_model
    more = {"interpolate_pos_encoding": True} if family in ("clip", "siglip", "vit") else {}
    found = body(pixel_values=normal, **more)
    features: Tensor = found.last_hidden_state[:, 0] if family == "vit" else found.pooler_output
    return features


@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_those_of_transformers(tmp_path: Path, family: str, size: int) -> None:
    """From a folder with the whole network, text side or classifier included; at its own size and at another."""
    network = save_vision(tmp_path / family, family)
    pictures = torch.rand(3, 3, size, size)
    with torch.inference_mode():
        found = frozen_network(str(tmp_path / family), "imagenet", size).features(pictures)
        expected = published(network, family, pictures)
    assert found.shape == (3, count_features(str(tmp_path / family), size))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert float(found.std(dim=0).max()) > 1e-4  # pictures are told apart


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("head", [None, "kernel_ridge"])
def test_a_checkpoint_predicts_without_folder_and_hub(
    data: DataAccess, tmp_path: Path, hub: Hub, family: str, head: str | None
) -> None:
    """Fine-tuned, or a head on frozen features: the checkpoint alone predicts what its trial did."""
    backbone = tmp_path / family
    save_vision(backbone, family)
    own = TRIAL if head is None else {HEAD: head, "size": 32}
    built = build_trial(IMAGE, {**own, "backbone": str(backbone)}, data, seed=3)
    built.learner.train_epoch()
    built.learner.evaluate()
    place = saved(built, tmp_path / "best")
    shutil.rmtree(backbone)
    predicted = predict_split(place, data.splits[VAL])
    assert built.learner.last_val_logits is not None
    assert np.allclose(predicted.logits, built.learner.last_val_logits, atol=1e-4)
    assert hub.asked == []


def test_the_backbone_learns(data: DataAccess, folder: Path) -> None:
    """Fine-tuning changes each of its tensors that makes features; they begin as the file's."""
    own = load_file(folder / "model.safetensors")
    before = build_backbone(str(folder), "imagenet", 32).network.state_dict()
    given = {f"body.{key.removeprefix('vit.')}": tensor for key, tensor in own.items() if "classifier" not in key}
    assert {tuple(tensor.shape) for tensor in before.values()} == {tuple(tensor.shape) for tensor in given.values()}
    built = build_trial(IMAGE, {**TRIAL, "backbone": str(folder)}, data, seed=3)
    built.learner.train_epoch()
    after = built.learner.weights()
    still = [key for key, tensor in before.items() if torch.equal(tensor, after[f"backbone.{key}"])]
    # Softmax takes no notice of what is added to all keys alike.
    assert [key for key in still if "key.bias" not in key and "k_proj.bias" not in key] == []


def test_random_weights_need_the_config_alone(folder: Path) -> None:
    """With `weights: none` nothing of the file is read."""
    (folder / "model.safetensors").unlink()
    torch.manual_seed(1)
    one = build_backbone(str(folder), "none", 32).network.state_dict()
    torch.manual_seed(1)
    assert_same_tensors(one, build_backbone(str(folder), "none", 32).network.state_dict())


def test_a_list_of_networks_may_have_a_folder_for_the_others(folder: Path, tmp_path: Path) -> None:
    """`weights: a folder` is for torchvision's and timm's; a file can't be meant for a network that brings its own."""
    (tmp_path / "weights").mkdir()
    own = build_backbone(str(folder), "imagenet", 32).network.state_dict()
    assert_same_tensors(own, build_backbone(str(folder), str(tmp_path / "weights"), 32).network.state_dict())
    assert "name the folder that they lie in as `backbone`" in message(str(folder), str(folder / "model.safetensors"))


@pytest.mark.parametrize(("size", "advice"), [(33, "32 or 40"), (100, "96 or 104")])
def test_a_size_that_patches_dont_fill(folder: Path, size: int, advice: str) -> None:
    """The nearest sizes that work are said."""
    found = message(str(folder), size=size)
    assert "patches of 8 px" in found
    assert f"set it to {advice}" in found


@pytest.mark.parametrize("name", ["pytorch_model.bin", "tf_model.h5"])
def test_pickled_weights_are_named_and_not_read(folder: Path, name: str) -> None:
    """Weights in another format: the file, why it isn't read, and what to do."""
    (folder / "model.safetensors").rename(folder / name)
    found = message(str(folder))
    assert f"its weights are in {name} alone" in found
    assert "convert them to safetensors" in found


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{", "its config.json isn't a JSON object"),
        ('{"architecture": "resnet50"}', "names no `model_type`"),
        ('{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}', "'own' comes as code of its own"),
        ('{"model_type": "vit", "hidden_size": "many"}', "can't be loaded"),
    ],
)
def test_a_config_that_cant_be_used(folder: Path, config: str, reason: str) -> None:
    """Damaged, without an architecture, or with one that comes as code."""
    (folder / "config.json").write_text(config)
    assert reason in message(str(folder))


def test_a_folder_without_a_config(folder: Path, tmp_path: Path) -> None:
    """The file that tells the architecture is missing; or the folder is."""
    (folder / "config.json").unlink()
    assert "it has no config.json" in message(str(folder))
    assert "there is no such folder" in message(str(tmp_path / "nowhere"))


def test_a_text_network_gives_no_features_of_pictures(folder: Path) -> None:
    """A backbone without features is told before any weights are read; so is one that wants more than pictures."""
    for kind in ("bert", "siglip2_vision_model"):
        (folder / "config.json").write_text(json.dumps({"model_type": kind}))
        assert f"'{kind}' doesn't make features of pictures alone" in message(str(folder))


@pytest.mark.parametrize(
    ("preprocessor", "reason"),
    [
        (None, "it has no preprocessor_config.json, which says how pictures are normalised"),
        ("{}", "has no image_mean and image_std"),
        ("[", "has no image_mean and image_std"),
        ('{"image_mean": [0.5], "image_std": [0.5]}', "has no image_mean and image_std of three colours"),
        ('{"image_mean": [0, 0, 0], "image_std": [1, 1, 0]}', "wants other pictures"),
        ('{"image_mean": [0, 0, 0], "image_std": [1, 1, 1], "rescale_factor": 1}', "wants other pictures"),
        ('{"image_mean": [0, 0, 0], "image_std": [1, 1, 1], "do_rescale": false}', "wants other pictures"),
    ],
)
def test_pictures_must_be_normalised_as_in_pretraining(folder: Path, preprocessor: str | None, reason: str) -> None:
    """Where nothing tells how, features would be worse than the network's, in silence."""
    (folder / PREPROCESSORS[0]).unlink()
    if preprocessor is not None:
        (folder / PREPROCESSORS[0]).write_text(preprocessor)
    assert reason in message(str(folder))


def test_newer_folders_keep_it_elsewhere(folder: Path) -> None:
    """In the processor's file, under a key; and a network may want none."""
    given = json.loads((folder / PREPROCESSORS[0]).read_text())
    (folder / PREPROCESSORS[0]).unlink()
    (folder / PREPROCESSORS[1]).write_text(json.dumps({"image_processor": given}))
    assert described(str(folder)).mean == (0.4, 0.5, 0.6)
    (folder / PREPROCESSORS[1]).write_text('{"do_normalize": false}')
    assert described(str(folder)).std == (1.0, 1.0, 1.0)


def test_weights_of_another_size(folder: Path) -> None:
    """The first tensor that differs, with both shapes; and one that is missing."""
    path = folder / "model.safetensors"
    state = load_file(path)
    key = next(one for one in state if one.endswith("cls_token"))
    save_file({**state, key: torch.zeros(1, 1, 24)}, path, metadata={"format": "pt"})
    found = message(str(folder))
    assert "has 1 in another shape, embeddings.cls_token first: [1, 1, 24] for [1, 1, 16]" in found
    del state[key]
    save_file(state, path, metadata={"format": "pt"})
    assert "lacks 1 of the network's tensors, embeddings.cls_token first" in message(str(folder))


def test_a_torn_file_is_one_line(folder: Path) -> None:
    """A file that is cut off."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    message(str(folder))


def test_the_hub_is_asked_for_the_config_first(hub: Hub, folder: Path) -> None:
    """Sizes are checked without weights; these come once, afterwards the cache serves."""
    shutil.copytree(folder, hub.repository(REPOSITORY), dirs_exist_ok=True)
    (hub.repository(REPOSITORY) / "pytorch_model.bin").write_bytes(b"not for us")
    assert count_features(REPOSITORY, 40) == 16
    assert not any("model.safetensors" in one for one in hub.asked)
    own = build_backbone(REPOSITORY, "imagenet", 32).network.state_dict()
    assert_same_tensors(own, build_backbone(str(folder), "imagenet", 32).network.state_dict())
    assert not any("pytorch_model.bin" in one for one in hub.asked)
    hub.asked.clear()
    build_backbone(REPOSITORY, "imagenet", 48)
    assert hub.asked == []
    count_features.cache_clear()


@pytest.mark.parametrize(("behaviour", "reason"), [(500, "500"), (404, "no repository owner/tiny-vit")])
def test_a_hub_that_fails_is_one_line(hub: Hub, behaviour: int, reason: str) -> None:
    """It breaks, or has no such repository: one request, then the reason and the choices."""
    hub.behaviour = behaviour
    assert reason in message(REPOSITORY)
    assert len(hub.asked) == 1


def test_offline_a_network_that_isnt_cached_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the setting's name."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in message(REPOSITORY)


def test_what_is_wrong_is_known_before_a_trial(data: DataAccess, folder: Path) -> None:
    """The look at networks says it, for trials and heads."""
    assert check_network(IMAGE, {**TRIAL, "backbone": str(folder)}, data.splits[TRAIN]) > 0
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    for trial in (TRIAL, {HEAD: "kernel_ridge", "size": 32}):
        with pytest.raises(UserError, match=r"pytorch_model\.bin alone"):
            check_network(IMAGE, {**trial, "backbone": str(folder)}, data.splits[TRAIN])


def test_another_config_has_other_features(data: DataAccess, folder: Path) -> None:
    """The cache of features tells networks with the same tensors apart by their configs."""
    found = []
    for activation in ("gelu", "relu"):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "hidden_act": activation}))
        built = build_trial(IMAGE, {HEAD: "kernel_ridge", "backbone": str(folder), "size": 32}, data, seed=3)
        built.learner.train_epoch()
        built.learner.evaluate()
        found.append(built.learner.last_val_logits)
    assert found[0] is not None
    assert not np.array_equal(found[0], found[1])
