"""A tested study's model on its way to the registry: kept in the study's folder first, so that a store may be away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search.exports.analysis_results import study_run
from search.exports.cursor import tracking_uri
from search.exports.listener import error_text
from search.exports.run_store import ModelImage
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.files import replace_file
from trainables.names import BUNDLE_FOLDER
from trainables.runtime.bundle import Bundle

MODEL_FILE = "mlflow_model.json"  # what is to be registered; the bundle lies beside it


@dataclass(frozen=True)
class Registered:
    """What became of it."""

    new: bool = False  # whether the registry didn't have it
    reason: str = ""  # why it has none, where it didn't take it


def keep_model(folder: Path, name: str, tags: Mapping[str, str], description: str, example: Mapping[str, str]) -> None:
    """Remember that the bundle in the study's folder is to be registered. Only after the test, which `tags` tell of."""
    content = {"name": name, "tags": dict(tags), "description": description, "example": dict(example)}
    replace_file(folder / MODEL_FILE, json.dumps(content, indent=1).encode())


def read_model(folder: Path) -> ModelImage | None:
    """What is to be registered; None where there is nothing, or the file or the bundle is damaged."""
    try:
        raw = json.loads((folder / MODEL_FILE).read_text("utf-8"))
        about = Bundle.read(folder / BUNDLE_FOLDER).about
        return ModelImage(
            name=raw["name"],
            key=about["selection_digest"],
            bundle=folder / BUNDLE_FOLDER,
            kinds={one["modality"]: one["input"]["kind"] for one in about["members"]},
            tags=raw["tags"],
            description=raw["description"],
            example=raw["example"],
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def register_model(study: StudyConfig, layout: Layout) -> Registered:
    """Put what was kept into the registry. Never raises for the store's sake: `binwise sync` sends what it lacks."""
    uri = tracking_uri(study, layout)
    try:
        store, remote, _ = study_run(uri, study, layout)
        model = read_model(layout.folder)
        return Registered(model is not None and store.put_model(remote, model))
    except Exception as error:  # MLflow and its stores raise errors of many libraries
        return Registered(reason=error_text(error, uri))
