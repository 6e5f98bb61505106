"""Image backbones by name: every classifier gives features, at the sizes that it takes."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision.models
from torch import nn
from torchvision.models.regnet import BlockParams

from trainables.errors import UserError
from trainables.image.backbones import build_backbone, count_features
from trainables.image.config import ImageTrialConfig
from trainables.image.model import build_network as build_image_network
from trainables.image.weights import IMAGENET_MEAN

SMALL = "mobilenet_v3_small"
LITE = "tf_efficientnet_lite0"
FEATURES = {
    "alexnet": 9216,
    "convnext_tiny": 768,
    "densenet121": 1024,
    "efficientnet_b0": 1280,
    "googlenet": 1024,
    "inception_v3": 2048,
    "maxvit_t": 512,
    "mnasnet0_5": 1280,
    "mobilenet_v3_large": 960,
    "regnet_y_400mf": 440,
    "resnet18": 512,
    "shufflenet_v2_x0_5": 1024,
    "squeezenet1_0": 512,
    "swin_v2_t": 768,
    "vgg11": 25088,
    "vit_b_16": 768,
}
TIMM_FEATURES = {
    "beit_base_patch16_224": 768,
    "cait_xxs24_224": 192,
    "coatnet_0_rw_224": 768,
    "convnext_atto": 320,
    "deit_tiny_distilled_patch16_224": 192,
    "eva02_tiny_patch14_224": 192,
    "inception_v4": 1536,
    "levit_128s": 384,
    "mixer_s16_224": 512,
    "mobilenetv4_conv_small": 1280,
    "mobilevit_s": 640,
    "nf_resnet26": 2048,
    "pvt_v2_b0": 256,
    "swin_tiny_patch4_window7_224": 768,
    "xcit_nano_12_p16_224": 128,
}


@pytest.fixture
def regnet_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """RegNet computes its widths with tensors: on the CPU here, so that its weights needn't be drawn for a count."""
    compute = BlockParams.from_init_params.__func__  # type: ignore[attr-defined]

    def on_cpu(cls: type, **sizes: object) -> object:
        with torch.device("cpu"):
            return compute(cls, **sizes)

    monkeypatch.setattr(BlockParams, "from_init_params", classmethod(on_cpu))


def message(name: str, size: int = 64) -> str:
    """The one line of the UserError."""
    with pytest.raises(UserError) as caught:
        build_backbone(name, "none", size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
@pytest.mark.usefixtures("regnet_widths")
def test_every_classifier_of_torchvision_gives_features(name: str) -> None:
    """Each one is built, loses its classifier, and gives (N, F) in training, where some would give tuples."""
    assert count_features(name, 224) == FEATURES.get(name, count_features(name, 224)) > 0


@pytest.mark.parametrize(("name", "features"), TIMM_FEATURES.items())
def test_families_of_timm_give_features(name: str, features: int) -> None:
    """Convolutional networks and transformers, those that are built for a size too, at another size than their own."""
    assert count_features(name, 256 if "patch14" not in name else 252) == features


@pytest.mark.parametrize(
    ("name", "size"),
    [
        (SMALL, 64),
        ("squeezenet1_1", 64),
        ("googlenet", 64),
        ("inception_v3", 75),
        ("regnet_x_400mf", 32),
        ("vit_b_32", 64),
        ("vit_tiny_patch16_224", 48),
        ("convnext_atto", 32),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_real_features_are_as_many_as_counted(name: str, size: int, training: bool) -> None:
    """Computed, not only counted: (N, F) in training and in evaluation; building leaves it in training mode."""
    backbone = build_backbone(name, "none", size)
    assert backbone.network.training
    with torch.inference_mode():
        found = backbone.network.train(training)(torch.rand(2, 3, size, size))
    assert found.shape == (2, backbone.features)
    assert found.isfinite().all()


def test_counting_draws_no_random_number() -> None:
    """Whether the features were counted before or not, a seed gives the same weights."""
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(build_backbone("regnet_x_400mf", "none", 96).network.state_dict()["stem.0.weight"])
        count_features.cache_clear()
    assert torch.equal(*found)


def test_the_published_head_has_625_924_parameters() -> None:
    """MobileNetV3-Large at 224 px with the default head onto four classes: the published count, to the parameter."""
    network = build_image_network(ImageTrialConfig(weights="none"), 4)
    assert sum(parameter.numel() for parameter in network.head.parameters()) == 625_924


def test_convnext_keeps_its_last_norm() -> None:
    """The norm before the last layer belongs to the features; the layer itself is gone."""
    kinds = [type(module) for module in build_backbone("convnext_tiny", "none", 32).network.classifier]  # type: ignore[arg-type, union-attr]
    assert [issubclass(kind, nn.LayerNorm) for kind in kinds] == [True, False]
    assert nn.Linear not in kinds


def test_a_timm_backbone_brings_its_own_normalisation() -> None:
    """timm's networks lose their classifier too, and their mean and deviation are taken from timm."""
    backbone = build_backbone(LITE, "none", 32)
    assert backbone.features == 1280
    assert backbone.mean == tuple(timm.get_pretrained_cfg(LITE).mean)
    assert backbone.mean != IMAGENET_MEAN
    assert build_backbone(SMALL, "none", 32).mean == IMAGENET_MEAN


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mobilenet_v3_larg", "mobilenet_v3_large"),
        ("tf_eficientnet_lite0", LITE),
        ("resnet50.a1_in1", "resnet50.a1_in1k"),
        ("timm/vit_base_patch16_clip_224", "vit_base_patch16_clip_224"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(name: str, meant: str) -> None:
    """torchvision's and timm's names are both offered, and the tags of a timm name."""
    found = message(name)
    assert name in found
    assert "did you mean" in found
    assert meant in found


def test_a_name_like_nothing_gets_the_lists() -> None:
    """Where nothing is near, the message says where the names are."""
    assert "timm.list_models()" in message("qqqqqqqqqqqq")


def test_a_network_without_a_classifier_is_refused() -> None:
    """timm has encoders among its models: they have nothing to replace."""
    assert "'mobilenetv5_300m_enc' has no head" in message("mobilenetv5_300m_enc", 224)


@pytest.mark.parametrize(
    ("name", "size", "advice"),
    [
        ("alexnet", 62, "set it to 63 or more"),
        ("inception_v3", 74, "set it to 75 or more"),
        ("vit_b_16", 100, "set it to 96 or 112 (the nearest that work; the smallest is 32)"),
        ("vit_b_32", 1023, "set it to 992 or 1024 (the nearest that work; the smallest is 32)"),
        ("maxvit_t", 200, "set it to 221 (the nearest that work; the smallest is 221)"),
        ("xcit_nano_12_p16_224", 100, "set it to 96 or 112 (the nearest"),
    ],
)
def test_a_size_that_the_backbone_cant_take(name: str, size: int, advice: str) -> None:
    """Too small, or no multiple of its patches: the backbone, the size given, and the sizes that work."""
    found = message(name, size)
    assert f"{name} can't take pictures of {size} px" in found
    assert advice in found


def test_the_smallest_size_works() -> None:
    """The size that the message gives is one that trains, and the next smaller one isn't."""
    assert count_features("alexnet", 63) == 9216
    with pytest.raises(UserError):
        count_features("alexnet", 62)
