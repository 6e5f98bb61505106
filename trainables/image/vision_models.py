"""Image networks of `transformers`, by a hub's name or a local folder: the picture sides of CLIP and SigLIP, DINOv2 ...

Config and weights lie in Hugging Face's layout. Only safetensors are read, and no network runs code of its own.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from trainables.errors import UserError
from trainables.hub import Unavailable, cached_file, fetched_file, first_line, listed_files
from trainables.hub_folder import CONFIG, config_fault, files_fault, hub_folder, require_repository

NETWORKS_FILE = "networks.json"  # in a checkpoint: what each of its networks is, so that it is built without a hub
# One of these says what pictures are normalised with; the second one holds the first one's content under a key.
PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
FETCHED = (CONFIG, *PREPROCESSORS)
# Keys of a config that say nothing of how features come about: places, versions, a classifier's names.
_NO_ARCHITECTURE = ("_name_or_path", "transformers_version", "id2label", "label2id", "dtype", "torch_dtype")

Statistics = tuple[float, float, float]  # of the three colours, as the values 0 to 1


@dataclass(frozen=True)
class Described:
    """What a network is, without its weights: its picture side's config, and what pictures are normalised with."""

    config: Mapping[str, Any]
    mean: Statistics
    std: Statistics


class VisionModel(nn.Module):
    """Normalised pictures (N, 3, S, S) -> features (N, F): what the network pools, or its first token's state."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        if isinstance(getattr(getattr(body, "pooler", None), "dense", None), nn.Module):
            body.pooler = None  # ViT's kin: a layer for a task of their pretraining, which many files lack
        self.body = body

    def forward(self, pictures: Tensor) -> Tensor:
        """Features of normalised pictures."""
        found = self.body(pixel_values=pictures)
        pooled = getattr(found, "pooler_output", None)
        features: Tensor = found.last_hidden_state[:, 0] if pooled is None else pooled
        return features.flatten(1)

    def architecture(self) -> str:
        """Digest of the config: what the tensors' shapes don't tell, such as heads and activations."""
        told = json.dumps(_told(self.body.config), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def is_vision_model(name: str) -> bool:
    """Whether the name is a folder's or a hub's: torchvision's and timm's have no slash; timm's own repositories do."""
    return "/" in name and not name.startswith("timm/")


def described(name: str) -> Described:
    """What the named network is; of a hub's, its two configs are fetched. UserError where it is none for pictures."""
    try:
        folder = _config_folder(name)
    except Unavailable as error:
        raise refused(name, str(error)) from error
    if not (folder / CONFIG).is_file():
        raise refused(name, f"it has no {CONFIG}")
    if (fault := config_fault(folder / CONFIG)) is not None:
        raise refused(name, fault)
    try:
        config = _transformers().AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # each architecture checks its config in its own way
        raise refused(name, first_line(error)) from error
    config = getattr(config, "vision_config", config)
    if not _takes_pictures_alone(config):
        raise refused(name, f"its architecture {config.model_type!r} doesn't make features of pictures alone")
    mean, std = _normalisation(folder, name)
    return Described(_told(config), mean, std)


def _takes_pictures_alone(config: Any) -> bool:
    """Whether the architecture's network is called with pictures and nothing else."""
    known = _transformers().MODEL_MAPPING
    if type(config) not in known:
        return False
    asked = inspect.signature(known[type(config)].forward).parameters
    needed = {key for key, one in asked.items() if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD}
    return "pixel_values" in asked and needed <= {"self", "pixel_values"} and "input_ids" not in asked


def _told(config: Any) -> dict[str, Any]:
    plain = json.loads(json.dumps(config.to_dict(), default=str))
    return {key: value for key, value in plain.items() if key not in _NO_ARCHITECTURE}


def descriptions(names: Iterable[str]) -> dict[str, Described]:
    """Those of the names that are transformers'."""
    return {name: described(name) for name in names if is_vision_model(name)}


def write_descriptions(told: Mapping[str, Described], folder: Path) -> None:
    """Put them into a checkpoint; nothing where there are none."""
    if told:
        written = {name: asdict(one) for name, one in told.items()}
        (folder / NETWORKS_FILE).write_text(json.dumps(written, indent=1), "utf-8")


def read_descriptions(folder: Path) -> dict[str, Described]:
    """Those of a checkpoint folder that was checked."""
    path = folder / NETWORKS_FILE
    given = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {name: Described(one["config"], tuple(one["mean"]), tuple(one["std"])) for name, one in given.items()}


def random_vision_model(told: Described, size: int) -> VisionModel:
    """The network for pictures of `size` px with random weights.

    ValueError where its patches don't fill them; what its constructor raises is raised.
    """
    config = _config(told)
    patch = None if hasattr(config, "depths") else getattr(config, "patch_size", None)  # with stages: borders are cut
    if isinstance(patch, int) and size % patch:
        raise ValueError(f"its patches of {patch} px don't fill them")
    if hasattr(config, "image_size"):
        config.image_size = size
    return _built(config)


def pretrained_vision_model(name: str, told: Described, size: int) -> VisionModel:
    """The network for pictures of `size` px with its own weights, its positions interpolated from its own size.

    UserError where its weights can't be had, or aren't its.
    """
    try:
        folder = Path(name).expanduser()
        folder = folder if folder.is_dir() else hub_folder(name, files_fault, FETCHED)
    except Unavailable as error:
        raise refused(name, str(error)) from error
    if (fault := files_fault([path.name for path in folder.iterdir()])) is not None:
        raise refused(name, fault)
    native = _loaded(name, told, folder)
    network = random_vision_model(told, size)
    own, given = network.state_dict(), native.state_dict()
    network.load_state_dict({key: _fitting(key, value, own[key]) for key, value in given.items()})
    return network


def refused(name: str, reason: str) -> UserError:
    """The one error for a network of transformers that can't be had, with the choices that there are."""
    return UserError(
        f"The image network {name!r} can't be loaded ({reason}): set `backbone` to a folder with {CONFIG}, "
        f"{PREPROCESSORS[0]} and safetensors, to a hub's name of such a one, or to a name of torchvision or timm."
    )


def _config_folder(name: str) -> Path:
    """Where the configs lie: the folder, or the hub's cache with them in it. Raises Unavailable."""
    if (folder := Path(name).expanduser()).is_dir():
        return folder
    config = cached_file(name, CONFIG)
    if config is None or not any((config.parent / one).is_file() for one in PREPROCESSORS):
        require_repository(name)
        names = listed_files(name)
        if (fault := files_fault(names)) is not None:
            raise Unavailable(fault)
        config = [fetched_file(name, one) for one in reversed(FETCHED) if one in names][-1]
    return config.parent


def _normalisation(folder: Path, name: str) -> tuple[Statistics, Statistics]:
    """Mean and deviation of the folder's pictures, of values from 0 to 1. UserError where nothing tells them so."""
    path = next((folder / one for one in PREPROCESSORS if (folder / one).is_file()), None)
    if path is None:
        raise refused(name, f"it has no {PREPROCESSORS[0]}, which says how pictures are normalised")
    try:
        given = json.loads(path.read_text("utf-8"))
        given = given.get("image_processor", given)
        scaled = math.isclose(float(given.get("rescale_factor", 1 / 255)), 1 / 255, rel_tol=1e-3)
        if not given.get("do_normalize", True):
            mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        else:
            mean, std = _colours(given["image_mean"]), _colours(given["image_std"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise refused(name, f"its {path.name} has no image_mean and image_std of three colours") from error
    if not scaled or not given.get("do_rescale", True) or min(std) <= 0:
        raise refused(name, f"its {path.name} wants other pictures than those of values from 0 to 1")
    return mean, std


def _colours(values: Any) -> Statistics:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _transformers() -> Any:
    """The library, which takes seconds to import; without its bars and reports: what counts of these is an error."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _config(told: Described) -> Any:
    return _transformers().CONFIG_MAPPING[told.config["model_type"]].from_dict(dict(told.config))


def _built(config: Any) -> VisionModel:
    return VisionModel(_transformers().AutoModel.from_config(config, dtype=torch.float32))


def _loaded(name: str, told: Described, folder: Path) -> VisionModel:
    """The network at its own size, each tensor from the folder. UserError where one isn't there."""
    try:
        body, report = _transformers().AutoModel.from_pretrained(
            folder,
            config=_config(told),
            dtype=torch.float32,  # half-precision files are for predictions: trained, they would lose small updates
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # checked below
            output_loading_info=True,
        )
    except Exception as error:  # a damaged file raises errors of many libraries
        raise refused(name, first_line(error)) from error
    network = VisionModel(body)
    if (fault := _weights_fault(report, {key.removeprefix("body.") for key in network.state_dict()})) is not None:
        raise refused(name, fault)
    return network


def _weights_fault(report: Mapping[str, Any], needed: Collection[str]) -> str | None:
    """What of the network isn't from the file, the first tensor by name; with both shapes where they differ."""
    misshapen = sorted(one for one in report["mismatched_keys"] if one[0] in needed)
    missing = sorted((set(report["missing_keys"]) & set(needed)) - {one[0] for one in misshapen})
    counts = [f"lacks {len(missing)} of the network's tensors, {missing[0]} first"] if missing else []
    if misshapen:
        key, given, own = misshapen[0]
        counts.append(f"has {len(misshapen)} in another shape, {key} first: {list(given)} for {list(own)}")
    return f"its file of weights {' and '.join(counts)}" if counts else None


def _fitting(key: str, given: Tensor, own: Tensor) -> Tensor:
    """Positions (L, D) or (1, L, D), learned on a square of patches after some tokens, interpolated to `own`'s square.

    As transformers does it for each batch; done once, a step on a GPU repeats. All else is as it is given.
    """
    if given.shape == own.shape or "position_embedding" not in key:
        return given
    before, after = given.shape[-2], own.shape[-2]
    tokens = next(count for count in range(after) if _is_square(after - count) and _is_square(before - count))
    kept, square = given.reshape(before, -1)[:tokens], given.reshape(before, -1)[tokens:]
    side, wanted = math.isqrt(before - tokens), math.isqrt(after - tokens)
    grid = square.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    resized = interpolate(grid, size=(wanted, wanted), mode="bicubic", align_corners=False)
    return torch.cat([kept, resized.permute(0, 2, 3, 1).reshape(wanted * wanted, -1)]).reshape(own.shape)


def _is_square(count: int) -> bool:
    return math.isqrt(count) ** 2 == count
