"""Weights of frozen networks among the caches, each once; checkpoints of heads hold links to them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables.data.files import fsync, leave_to_umask, replace_file
from trainables.names import META_FILE

NETWORKS = "networks"  # the folder of these caches among all caches
NETWORK_FILE = "network.safetensors"  # in a cache's folder, and in a head's checkpoint
_DIGITS = 32  # of a digest, in a folder's name


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and bytes of all tensors."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()


def keep_network(caches: Path, weights: Mapping[str, Tensor], digest: str, what: str) -> Path:
    """The file of these weights among the caches, written unless it is there."""
    folder = caches / NETWORKS / digest[:_DIGITS]
    path = folder / NETWORK_FILE
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{NETWORK_FILE}.{os.getpid()}"
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, temporary)
        leave_to_umask(temporary)
        fsync(temporary)
        replace_file(folder / META_FILE, json.dumps({"what": what, "digest": digest}).encode())
        temporary.rename(path)
    return path


def link_network(kept: Path, folder: Path) -> None:
    """The same file in a checkpoint's folder: a hard link, which takes no room, or a copy where none can be made."""
    try:
        os.link(kept, folder / NETWORK_FILE)
    except OSError:
        shutil.copyfile(kept, folder / NETWORK_FILE)


def read_network(folder: Path) -> dict[str, Tensor]:
    """The weights of a head's frozen network, of a checkpoint folder that was checked."""
    found: dict[str, Tensor] = load_file(folder / NETWORK_FILE)
    return found
