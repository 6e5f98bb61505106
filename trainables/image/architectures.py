"""Networks of torchvision and timm by name, for a picture size, and what is left of them without their classifier."""

from __future__ import annotations

import difflib
from typing import Any

import torchvision.models
from torch import nn

from trainables.errors import UserError

# Both were trained on other values than ImageNet's normalised ones, and take them back to theirs; their second and
# third classifiers, there to help training, would make the features a tuple.
_GOOGLES = ("googlenet", "inception_v3")
# Where torchvision's classifiers keep their last layers.
_CLASSIFIERS = ("classifier", "fc", "heads", "head")
# What a network is called on Hugging Face's hub -> timm's name of its picture side, which has the same weights.
_TIMM_NAMES = {
    "openai/clip-vit-base-patch32": "vit_base_patch32_clip_224.openai",
    "openai/clip-vit-base-patch16": "vit_base_patch16_clip_224.openai",
    "openai/clip-vit-large-patch14": "vit_large_patch14_clip_224.openai",
    "google/siglip-base-patch16-224": "vit_base_patch16_siglip_224.webli",
    "google/siglip2-base-patch16-224": "vit_base_patch16_siglip_224.v2_webli",
    "facebook/dinov2-small": "vit_small_patch14_dinov2.lvd142m",
    "facebook/dinov2-base": "vit_base_patch14_dinov2.lvd142m",
    "facebook/dinov3-vits16-pretrain-lvd1689m": "vit_small_patch16_dinov3.lvd1689m",
}


def is_torchvision(name: str) -> bool:
    """Whether torchvision has a classifier of that name; what else there is, timm has."""
    return name in torchvision.models.list_models(module=torchvision.models)


def require_known(name: str) -> None:
    """UserError where neither torchvision nor timm has a classifier of that name, with those that look like it."""
    if is_torchvision(name):
        return
    import timm  # takes seconds: only for the backbones that it has

    known = [*torchvision.models.list_models(module=torchvision.models), *timm.list_models()]
    try:
        if timm.is_model(name) and timm.get_pretrained_cfg(name) is not None:
            return
    except RuntimeError:  # resnet50.misspelt_tag
        known = timm.list_pretrained(f"{name.split('.', maxsplit=1)[0]}.*")
    close = _named_elsewhere(name) or difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see torchvision.models and timm.list_models()."
    raise UserError(f"`backbone` must be a torchvision or timm classifier, but got {name!r}: {hint}")


def _named_elsewhere(name: str) -> list[str]:
    """timm's name for a network that was given its hub's name; empty for any other."""
    import timm

    found = _TIMM_NAMES.get(name, name.removeprefix("timm/"))
    return [found] if "/" in name and "/" not in found and timm.is_model(found.split(".", maxsplit=1)[0]) else []


def takes_size(name: str) -> bool:
    """Whether the network is built for one picture size and takes no other."""
    if is_torchvision(name):
        return bool(_torchvision_size(name, 224))
    return bool(timm_size(name, 224))


def whole_network(name: str, size: int, *, initialize: bool = True) -> nn.Module:
    """The classifier with random weights, built for pictures of `size` px.

    `initialize`: False where weights are loaded over the random ones, so that slow initial values aren't drawn.
    Whatever the network's constructor raises for a size that it can't take is raised.
    """
    if is_torchvision(name):
        more = {"aux_logits": False, "transform_input": True, "init_weights": initialize} if name in _GOOGLES else {}
        network: nn.Module = torchvision.models.get_model(name, weights=None, **_torchvision_size(name, size), **more)
        return network
    import timm

    network = timm.create_model(name, pretrained=False, **timm_size(name, size))
    return network


def _torchvision_size(name: str, size: int) -> dict[str, Any]:
    if name.startswith("vit_"):
        return {"image_size": size}
    return {"input_size": (size, size)} if name.startswith("maxvit_") else {}


def timm_size(name: str, size: int) -> dict[str, Any]:
    """The argument by which a timm network is built for a picture size; empty where it takes any."""
    import timm

    return {"img_size": size} if timm.get_pretrained_cfg(name).fixed_input_size else {}


def drop_classifier(network: nn.Module, name: str) -> None:
    """Leave what makes the features: (N, F) come out. UserError where the network is no classifier."""
    if is_torchvision(name):
        attribute = next(key for key in _CLASSIFIERS if isinstance(getattr(network, key, None), nn.Module))
        setattr(network, attribute, _before_the_last(getattr(network, attribute)))
    elif hasattr(network, "reset_classifier"):
        network.reset_classifier(0)  # type: ignore[operator]
    else:
        raise UserError(f"`backbone` must be a classifier, but {name!r} has no head to replace: take another one.")


def _before_the_last(classifier: nn.Module) -> nn.Module:
    """What of a classifier belongs to the features: a norm and what stands around it, or a pooling of the map."""
    if any(isinstance(module, nn.LayerNorm) for module in classifier.children()):  # ConvNeXt, MaxViT
        features: nn.Module = classifier[:-1]  # type: ignore[index]
        return features
    if any(isinstance(module, nn.Conv2d) for module in classifier.children()):  # SqueezeNet classifies, then pools
        return nn.AdaptiveAvgPool2d(1)
    return nn.Identity()
