"""`binwise export`: what a study ends with as one folder that predicts without the study, and without torch.

The folder has, for each model, the files of its checkpoint and its networks as ONNX graphs; `bundle.json`, which says
how they decide together; a model card; the runtime that reads all that; and every file's digest. Each model is compared
with the one that PyTorch runs before the folder appears under its name.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from analysis.bundle_card import Parity, card
from analysis.bundle_predictor import missing_extra
from analysis.files import file_sha256
from analysis.predictor import checked_folder, weights_of
from analysis.results import SelectedModel, Selection
from analysis.store import load_examples, now, read_final_test, read_selection, selection_digest
from analysis.versions import versions
from trainables import runtime
from trainables.data.files import new_folder
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Item
from trainables.names import MANIFEST_FILE, VAL
from trainables.runtime.bundle import BUNDLE_FILE, DIGESTS_FILE, FORMAT, Bundle

TOLERANCE = 1e-4  # by which logits may differ from PyTorch's
COMPARED = 48  # val samples at most, beside the odd ones that a modality has
EXTRA = ("onnx", "onnxruntime")  # packages of the extra `export`
RUNTIME = "binwise_runtime"
CARD_FILE = "MODEL_CARD.md"
Tell = Callable[[str], None]
Probes = Callable[[Path], list[Item]]  # odd items, files among them in that folder

_PROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "binwise-runtime"
version = "{version}"
description = "Predicts with the bundle that it lies in"
requires-python = ">=3.11"
license = "Apache-2.0"
dependencies = ["numpy>=2", "onnxruntime>=1.23", "tokenizers>=0.22", "Pillow>=11.3"]

[tool.setuptools]
packages = ["binwise_runtime"]
"""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    bytes: int
    parity: Parity


def export_bundle(study_folder: Path, destination: Path, *, licence: str = "", tell: Tell = lambda _: None) -> Exported:
    """Write the bundle of an analyzed study. `licence`: of the models, in words or as SPDX has it.

    Raises UserError, `destination` untouched, where it exists, the study isn't analyzed, a checkpoint isn't the
    selected one, a modality has no models for bundles, or a model's graph says something else than PyTorch.
    """
    if destination.exists():
        raise UserError(f"A bundle needs a free place, but {destination} exists. Name another, or remove it first.")
    _require_extra()
    selection = read_selection(study_folder)
    with new_folder(destination) as folder:
        members, differences = [], {}
        for name, (share, selected) in shares_of(selection).items():
            tell(f"Exporting {name}")
            checkpoint = checked_folder(study_folder, selected)
            about, probes = _write_member(checkpoint, folder, name, share, selected.modality)
            items = _val_items(study_folder, selected.modality)
            members.append(about)
            differences[name] = _compared(checkpoint, folder, about, items, probes)
        parity = Parity(max(one for one, _ in differences.values()), min(count for _, count in differences.values()))
        _write_rest(study_folder, folder, selection, members, parity, licence)
    return Exported(destination, sum(path.stat().st_size for path in destination.rglob("*") if path.is_file()), parity)


def _require_extra() -> None:
    """UserError where a package isn't installed that graphs are written with or run by; torch would tell of neither."""
    for name in EXTRA:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error


def shares_of(selection: Selection) -> dict[str, tuple[float, SelectedModel]]:
    """What the study ends with, by trial: each model's share of its modality's logits, and the model."""
    if selection.deploys_ensemble and selection.ensemble is not None:
        ensemble, totals = selection.ensemble, selection.ensemble.shares()
        return {
            name: (ensemble.weights[name] / totals[model.modality], model) for name, model in ensemble.members.items()
        }
    return {model.trial_id: (1.0, model) for model in selection.models.values()}


def _write_member(
    checkpoint_folder: Path, folder: Path, name: str, share: float, modality: str
) -> tuple[dict[str, Any], Probes]:
    """Write a model's files; what `bundle.json` says of it, and what makes odd items for it."""
    from trainables.checkpoint import read_checkpoint, read_manifest
    from trainables.portable import write_graph

    portable = modality_of(modality).portable(checkpoint_folder, read_checkpoint(checkpoint_folder))
    own = folder / "members" / name
    own.mkdir(parents=True)
    for file in (*read_manifest(checkpoint_folder), MANIFEST_FILE):
        shutil.copyfile(checkpoint_folder / file, own / file)
    networks = [f"network_{place}.onnx" for place in range(len(portable.graphs))]
    for file, graph in zip(networks, portable.graphs, strict=True):
        try:
            write_graph(graph, own / file)
        except Exception as error:  # torch raises errors of many kinds for what it can't trace
            raise UserError(
                f"The network of {name} must be one that ONNX can express, but: {str(error)[:500]}"
            ) from error
    about = {
        "name": name,
        "modality": modality,
        "share": share,
        "folder": f"members/{name}",
        "input": dict(portable.input),
        "networks": networks,
        "head": portable.head,
    }
    return about, portable.probes


def _val_items(study_folder: Path, modality: str) -> list[Item]:
    """Some of the study's val samples, spread over all of them, as they lie today."""
    kind = modality_of(modality)
    items = [kind.from_json(value) for one in load_examples(study_folder, VAL) if (value := one.inputs.get(modality))]
    usable = [item for item in items if kind.fault(item) is None]
    return usable[:: max(1, len(usable) // COMPARED)][:COMPARED]


def _compared(
    checkpoint_folder: Path, folder: Path, about: Mapping[str, Any], items: Sequence[Item], probes: Probes
) -> tuple[float, int]:
    """The largest difference of a model's logits from PyTorch's, and on how many samples. UserError above TOLERANCE."""
    from trainables.inference import load_model
    from trainables.runtime.members import load_member

    _, model = load_model(checkpoint_folder)
    member = load_member(Bundle(folder, _digests(folder), {}), about, threads=0)
    with tempfile.TemporaryDirectory() as made:
        samples = [*items, *probes(Path(made))]
        difference = float(np.abs(member.logits(samples).astype(np.float64) - model.logits(samples)).max())
    if not difference <= TOLERANCE:  # NaN, too
        raise UserError(
            f"A bundle's models must say what PyTorch's do, to {TOLERANCE:g} in every logit, but {about['name']} as "
            f"ONNX differs by {difference:.3g}. Nothing was left there; `binwise predict STUDY` uses them as they are."
        )
    return difference, len(samples)


def _write_rest(
    study_folder: Path,
    folder: Path,
    selection: Selection,
    members: Sequence[Mapping[str, Any]],
    parity: Parity,
    licence: str,
) -> None:
    """What isn't one model's: how they decide, the card, the runtime, the digests."""
    final = read_final_test(study_folder)
    about = {
        "format": FORMAT,
        "study": selection.study,
        "created": now(),
        "selection_digest": selection_digest(selection),
        "classes": list(selection.classes),
        "system": selection.system,
        "weights": dict(weights_of(selection)),
        "temperatures": selection.temperatures,
        **({} if selection.linear is None else {"fusion": asdict(selection.linear)}),
        "members": list(members),
        "parity": {"largest_difference": parity.difference, "samples": parity.samples},
        "licence": licence,
        "tested": final is not None,
        "versions": versions(),
    }
    (folder / BUNDLE_FILE).write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / CARD_FILE).write_text(card(selection, final, members, parity, licence), "utf-8")
    (folder / "pyproject.toml").write_text(_PROJECT.format(version=versions().get("binwise", "0")), "utf-8")
    (folder / RUNTIME).mkdir()
    for source in sorted(Path(runtime.__path__[0]).glob("*.py")):
        shutil.copyfile(source, folder / RUNTIME / source.name)
    lines = [f"{digest}  {name}\n" for name, digest in _digests(folder).items()]
    (folder / DIGESTS_FILE).write_text("".join(lines), "utf-8")


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of all files by their path within the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
