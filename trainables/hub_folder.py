"""Folders in Hugging Face's layout, local ones and a hub's: whether they load without running foreign code."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

from trainables.hub import Unavailable, cached_file, fetched_file, listed_files

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"  # of weights in several files
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")

FilesFault = Callable[[Collection[str]], str | None]  # what a folder with files of these names lacks


def files_fault(names: Collection[str]) -> str | None:
    """What a folder with these files lacks: a config, or weights in safetensors."""
    if CONFIG not in names:
        return f"it has no {CONFIG}"
    if WEIGHTS in names or WEIGHTS_INDEX in names:
        return None
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if not pickles:
        return f"it has no {WEIGHTS}"
    return (
        f"its weights are in {pickles[0]} alone, a format that isn't read here as it may run code: convert them to "
        f"safetensors, which `save_pretrained` writes"
    )


def config_fault(path: Path) -> str | None:
    """Why the config is none of an architecture that is known here."""
    from transformers import CONFIG_MAPPING  # takes seconds

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


def hub_folder(repository: str, fault_of: FilesFault, endings: tuple[str, ...]) -> Path:
    """The local cache's folder of a repository, filled from the hub where it isn't whole. Raises Unavailable.

    Besides weights, files with one of the `endings` are fetched.
    """
    if (cached := _whole_cached(repository, fault_of)) is not None:
        return cached
    require_repository(repository)
    names = listed_files(repository)
    if (fault := fault_of(names)) is not None:
        raise Unavailable(fault)
    needed = [name for name in names if _is_needed(name, endings)]
    # The weights come last: where they are, all is.
    for name in sorted(needed, key=lambda name: (name.endswith(".safetensors"), name)):
        if not (name.startswith("model-") and WEIGHTS in names):
            fetched_file(repository, name)
    config = cached_file(repository, CONFIG)
    if config is None:
        raise Unavailable("the local cache lost what was fetched into it")
    return config.parent


def require_repository(name: str) -> None:
    """Raises Unavailable where the name is a path's, and no folder lies there."""
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise Unavailable("there is no such folder")


def _is_needed(name: str, endings: tuple[str, ...]) -> bool:
    """Weights, and what has one of the endings; no other formats, no sub-folders."""
    if "/" in name:
        return False
    parts = name.startswith("model-") and name.endswith(".safetensors")
    return name == WEIGHTS or parts or name.endswith(endings)


def _whole_cached(repository: str, fault_of: FilesFault) -> Path | None:
    """The cached folder of a repository that was fetched before, by whatever program, if nothing is missing."""
    config = cached_file(repository, CONFIG)
    if config is None or fault_of([path.name for path in config.parent.iterdir()]) is not None:
        return None
    index = config.parent / WEIGHTS_INDEX
    if (config.parent / WEIGHTS).is_file():
        return config.parent
    parts = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return config.parent if all((config.parent / part).is_file() for part in parts) else None
