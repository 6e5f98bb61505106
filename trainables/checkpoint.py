"""A checkpoint folder: safetensors weights, `meta.json`, perhaps the state to resume from, and a manifest of digests.

The manifest is written last and the folder appears under its name by one rename, so a folder that lacks a file or whose
bytes differ from the manifest is noticed and refused instead of being half-loaded.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # the error alone
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.files import fsync, leave_to_umask
from trainables.errors import UserError
from trainables.names import (
    LAST_FOLDER,
    MANIFEST_FILE,
    META_FILE,
    PREVIOUS_FOLDER,
    STATE_FILE,
    TRAIN_LOGITS_FILE,
    VAL_LOGITS_FILE,
    WEIGHTS_FILE,
)
from trainables.records import is_inside
from trainables.words import one_line

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder held."""

    weights: dict[str, Tensor]
    meta: dict[str, Any]
    state: dict[str, Any] | None  # optimizer, schedule, random generators; None where it holds weights only


Companions = Callable[[Path], None]  # writes what belongs to the weights, a tokenizer say, into the folder


def write_checkpoint(
    folder: Path,
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
    companions: Companions | None = None,
) -> None:
    """Fill `folder` (made if missing, expected empty) and write its manifest last."""
    # Whoever only looks after checkpoint folders, as a search does, needn't wait for torch.
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS_FILE)
    leave_to_umask(folder / WEIGHTS_FILE)
    (folder / META_FILE).write_text(json.dumps({"format": FORMAT, **meta}, ensure_ascii=False, indent=1), "utf-8")
    if state is not None:
        torch.save(dict(state), folder / STATE_FILE)
    if companions is not None:
        companions(folder)
    digests = {path.name: _file_sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}
    (folder / MANIFEST_FILE).write_text(json.dumps(digests, indent=1), "utf-8")
    for path in folder.iterdir():
        fsync(path)


def replace_checkpoint(
    folder: Path,
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    companions: Companions | None = None,
) -> None:
    """Write a checkpoint in the place of the one at `folder`: always a whole one lies there or at `<name>.old`."""
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    old = _replaced(folder)
    try:
        write_checkpoint(fresh, weights, meta, companions=companions)
        restore_replaced(folder)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        fsync(folder.parent)
    finally:
        restore_replaced(folder)
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def restore_replaced(folder: Path) -> None:
    """Put `<name>.old` back where a replacement was cut off between its two renames."""
    old = _replaced(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)


def save_state(trial: Path, weights: Mapping[str, Tensor], meta: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write the state that the trial whose folder is `trial` resumes from; the one before it is kept beside it."""
    fresh = trial / f".{LAST_FOLDER}.{uuid.uuid4().hex[:8]}"
    last, previous = trial / LAST_FOLDER, trial / PREVIOUS_FOLDER
    try:
        write_checkpoint(fresh, weights, meta, state)
        if last.exists():
            shutil.rmtree(previous, ignore_errors=True)
            last.rename(previous)
        fresh.rename(last)
        fsync(trial)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_state(trial: Path) -> tuple[Checkpoint | None, str]:
    """The newest whole state of a trial, and what is to be said about it; None where there is none.

    Where states were saved and none of them is whole, that is said: a trial never begins anew in silence.
    """
    faults = []
    for folder in (trial / LAST_FOLDER, trial / PREVIOUS_FOLDER):
        if not folder.exists():
            continue
        try:
            checkpoint = read_checkpoint(folder)
        except UserError as error:
            faults.append(str(error))
            continue
        return checkpoint, f"Its last state was damaged, the one before it was used: {faults[0]}" if faults else ""
    return None, f"None of its saved states is whole: {' '.join(faults)}" if faults else ""


def drop_states(trial: Path) -> None:
    """Remove what only a trial that still runs needs; its best checkpoint stays."""
    for folder in (trial / LAST_FOLDER, trial / PREVIOUS_FOLDER, *trial.glob(f".{LAST_FOLDER}.*")):
        shutil.rmtree(folder, ignore_errors=True)


def _replaced(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.old")


def read_checkpoint(folder: Path, device: str = "cpu") -> Checkpoint:
    """The checkpoint at `folder`, after its digests were checked.

    UserError where it is missing, torn or altered.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    meta = read_meta(folder)
    state_file = folder / STATE_FILE
    try:
        state = torch.load(state_file, map_location="cpu", weights_only=True) if state_file.exists() else None
        return Checkpoint(load_file(folder / WEIGHTS_FILE, device=device), meta, state)
    except (SafetensorError, UnpicklingError, EOFError, ValueError) as error:
        raise _no_checkpoint(folder, "weights or state can't be read without running code of theirs", error) from error


def read_meta(folder: Path) -> dict[str, Any]:
    """`meta.json` of a checkpoint whose digests were checked; UserError where it is missing, torn or altered."""
    restore_replaced(folder)
    for name, digest in read_manifest(folder).items():
        path = folder / name
        if not path.is_file() or _file_sha256(path) != digest:
            raise UserError(
                f"{path} must be as its manifest says, but it is damaged or missing: use another checkpoint."
            )
    try:
        meta: dict[str, Any] = json.loads((folder / META_FILE).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _no_checkpoint(folder, f"{META_FILE} is no JSON", error) from error
    found = meta.get("format") if isinstance(meta, dict) else None
    if found != FORMAT:
        raise UserError(f"{folder} has checkpoint format {found}, but this version reads format {FORMAT}.")
    return meta


def write_val_logits(folder: Path, logits: NDArray[np.float32]) -> None:
    """Put val logits (N, C), in the order of the val split, beside a checkpoint's weights."""
    np.save(folder / VAL_LOGITS_FILE, logits.astype(np.float32), allow_pickle=False)


def read_val_logits(folder: Path) -> NDArray[np.float32] | None:
    """The val logits (N, C) of the epoch whose weights lie in the folder; None where it was written without them.

    Raises UserError where they aren't what the manifest says.
    """
    return _read_logits(folder, VAL_LOGITS_FILE)


def read_train_logits(folder: Path) -> NDArray[np.float32] | None:
    """A head's logits of train (N, C), each of a fit without the sample's fold; None where it was written without.

    Raises UserError where they aren't what the manifest says.
    """
    return _read_logits(folder, TRAIN_LOGITS_FILE)


def _read_logits(folder: Path, name: str) -> NDArray[np.float32] | None:
    digest, path = read_manifest(folder).get(name), folder / name
    if digest is None:
        return None
    if not path.is_file() or _file_sha256(path) != digest:
        raise UserError(f"{path} must be as its manifest says, but it is damaged or missing: use another checkpoint.")
    logits: NDArray[np.float32] = np.load(path, allow_pickle=False)
    return logits


def read_manifest(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, weights and meta among them; UserError where it is missing or torn."""
    manifest = folder / MANIFEST_FILE
    if not manifest.is_file():
        raise UserError(f"A checkpoint must hold {MANIFEST_FILE}, but {folder} doesn't: it is missing or half-written.")
    try:
        digests = json.loads(manifest.read_text("utf-8"))
    except (ValueError, RecursionError):
        digests = None
    named = digests if isinstance(digests, dict) else {}
    if not {WEIGHTS_FILE, META_FILE} <= set(named) or not all(
        is_inside(name) and Path(name).name == name for name in named
    ):
        raise UserError(
            f"{manifest} must list the checkpoint's files, but it is damaged or half-written: use another checkpoint."
        )
    return named


def _no_checkpoint(folder: Path, why: str, error: Exception) -> UserError:
    return UserError(
        f"A checkpoint must be as it was written, but that in {folder} isn't: {why} "
        f"({type(error).__name__}: {one_line(str(error).partition(chr(10))[0][:200])}). Use another checkpoint."
    )


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
