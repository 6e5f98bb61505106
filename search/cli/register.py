"""A tested study's bundle, made once and registered in MLflow; what goes wrong with it is said and costs no test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from search.show.say import say
from trainables.errors import UserError
from trainables.names import BUNDLE_FOLDER, VAL

if TYPE_CHECKING:
    from analysis.results import FinalTest, Selection
    from search.study.config import StudyConfig


def register_study(config: StudyConfig, folder: Path) -> None:
    """Register the model of a study that was tested, if it isn't; a line says what became of it."""
    from search.exports.registered_model import register_model
    from search.study.folder import Layout

    if not keep_tested_model(config, folder):
        return
    done = register_model(config, Layout.of(config))
    if done.reason:
        say(f"MLflow didn't take the model ({done.reason}); `binwise sync {config.name}` registers it.", err=True)
    elif done.new:
        say(f"Model: {config.registered_model}@champion in MLflow's registry")


def keep_tested_model(config: StudyConfig, folder: Path) -> bool:
    """Make the bundle of a tested study, and keep what is to be registered; whether there is anything.

    Nothing of a study that wasn't tested, or that wants no model registered. Why there is no bundle is said.
    """
    from analysis.store import read_final_test, read_selection
    from search.exports.registered_model import keep_model
    from search.show.at_work import working

    if config.registered_model is None or (final := read_final_test(folder)) is None:
        return False
    try:
        selection = read_selection(folder)
        if not _has_bundle(folder, final.selection_digest):
            with working("Making the model for MLflow"):
                _make_bundle(folder)
        keep_model(folder, config.registered_model, model_tags(selection, final), *_shown(folder, selection, final))
    except Exception as error:  # the test's result stands, whatever torch, ONNX or the disk say
        reason = str(error) or type(error).__name__
        say(f"MLflow's registry gets no model: {reason} `binwise report {config.name}` tries it again.", err=True)
        return False
    return True


def model_tags(selection: Selection, final: FinalTest) -> dict[str, str]:
    """What the registry says of a version: the study, what is quoted of its test, the selection's digest."""
    from analysis.results import quoted_numbers

    numbers = {name: str(value) for name, value in quoted_numbers(selection, final).items()}
    return {"study": selection.study, **numbers, "selection_digest": final.selection_digest}


def _shown(folder: Path, selection: Selection, final: FinalTest) -> tuple[str, dict[str, str]]:
    """The version's description, and an example of its input: a sample of val, the picture small and drawn anew."""
    from analysis.report.findings import headline
    from analysis.report.thumbnails import thumbnail_uri
    from analysis.store import load_examples
    from trainables.modalities import modality_of

    example: dict[str, str] = {}
    for name, shown in next(iter(load_examples(folder, VAL))).inputs.items():
        if name in selection.models and shown is not None:
            words = modality_of(name).shown_as == "words"
            value = shown if words else (thumbnail_uri(Path(shown)) or "").rpartition("base64,")[2]
            example |= {name: value} if value else {}
    return headline(selection, final).sentence, example


def _has_bundle(folder: Path, digest: str) -> bool:
    """Whether the study's folder has a bundle of that selection, made after its test."""
    from trainables.runtime.bundle import Bundle

    try:
        about = Bundle.read(folder / BUNDLE_FOLDER).about
        return bool(about["selection_digest"] == digest and about["tested"])
    except (UserError, KeyError):  # none, of another version, or damaged
        return False


def _make_bundle(folder: Path) -> None:
    """Anew. Where this process has a GPU by another one without: graphs are compared with what a CPU computes."""
    import torch

    from analysis.bundle import export_bundle

    bundle = folder / BUNDLE_FOLDER
    if bundle.exists():
        shutil.rmtree(bundle)
    if not torch.cuda.is_available():
        export_bundle(folder, bundle)
        return
    command = [sys.executable, "-c", "from search.cli.main import main; main()", "export", str(folder), str(bundle)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UserError(done.stderr.strip().removeprefix("Error: ") or f"the export ended with {done.returncode}.")
