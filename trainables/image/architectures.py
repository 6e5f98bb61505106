"""Networks by name, for a picture size, and what is left of them without their classifier: torchvision, timm, a hub."""

from __future__ import annotations

import difflib
from typing import Any

import torchvision.models
from torch import nn

from trainables.errors import UserError
from trainables.image.vision_models import described, is_vision_model, random_vision_model

# Both were trained on other values than ImageNet's normalised ones, and take them back to theirs; their second and
# third classifiers, there to help training, would make the features a tuple.
_GOOGLES = ("googlenet", "inception_v3")
# Where torchvision's classifiers keep their last layers.
_CLASSIFIERS = ("classifier", "fc", "heads", "head")


def is_torchvision(name: str) -> bool:
    """Whether torchvision has a classifier of that name; what else there is, timm has."""
    return name in torchvision.models.list_models(module=torchvision.models)


def require_known(name: str) -> None:
    """UserError where neither torchvision nor timm has a classifier of that name, with those that look like it.

    Of a folder or a hub's name it isn't asked here whether it is one.
    """
    if is_torchvision(name) or is_vision_model(name):
        return
    import timm  # takes seconds: only for the backbones that it has

    known = [*torchvision.models.list_models(module=torchvision.models), *timm.list_models()]
    try:
        if timm.is_model(name) and timm.get_pretrained_cfg(name) is not None:
            return
    except RuntimeError:  # resnet50.misspelt_tag
        known = timm.list_pretrained(f"{name.split('.', maxsplit=1)[0]}.*")
    close = difflib.get_close_matches(name.removeprefix("timm/"), known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see torchvision.models and timm.list_models()."
    raise UserError(
        f"`backbone` must be a torchvision or timm classifier, or a network of transformers (owner/name on the hub, or "
        f"a folder's path), but got {name!r}: {hint}"
    )


def takes_size(name: str) -> bool:
    """Whether the network is built for one picture size and takes no other."""
    if is_vision_model(name):
        return True
    if is_torchvision(name):
        return bool(_torchvision_size(name, 224))
    return bool(timm_size(name, 224))


def whole_network(name: str, size: int, *, initialize: bool = True) -> nn.Module:
    """The classifier with random weights, built for pictures of `size` px; of transformers what is left without.

    `initialize`: False where weights are loaded over the random ones, so that slow initial values aren't drawn.
    Whatever the network's constructor raises for a size that it can't take is raised.
    """
    if is_vision_model(name):
        return random_vision_model(described(name), size)
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
    if is_vision_model(name):
        return  # was built without
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
