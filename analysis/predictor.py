"""A study's selected models, put to use: a picture, a text, or both -> a class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis import wording
from analysis.files import file_sha256
from analysis.numbers.fusion import fuse
from analysis.numbers.metrics import softmax
from analysis.results import SelectedModel, Selection
from analysis.store import read_selection
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.names import FUSED, IMAGE, MODALITIES, TEXT


class Model(Protocol):
    """A trained model of one modality."""

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the logits."""

    def logits(self, items: Sequence[Any]) -> NDArray[Any]:
        """Logits (N, C)."""


LoadModel = Callable[[Path], Model]


@dataclass(frozen=True)
class Prediction:
    """What the models say of one picture, one text, or the pair."""

    predicted: str  # the class
    decided_by: str  # image, text or fused
    note: str | None  # what the user must know of how it was decided
    probabilities: Mapping[str, Mapping[str, float]]  # image, text, fused (those that were used) -> class -> share
    logits: Mapping[str, Mapping[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        share = self.probabilities[self.decided_by][self.predicted]
        lines = [f"{self.predicted} ({wording.percent(share)}, {self.decided_by})"]
        for model, shares in self.probabilities.items():
            ranked = sorted(shares.items(), key=lambda one: -one[1])
            lines.append(f"  {model:6}" + ", ".join(f"{name} {wording.percent(value)}" for name, value in ranked))
        return "\n".join([*lines, *([self.note] if self.note else [])])


@dataclass(frozen=True)
class Predictor:
    """The selected models of a study and their fusion."""

    selection: Selection
    models: Mapping[str, Model]  # by modality

    @classmethod
    def load(cls, study_folder: Path, *, load_model: LoadModel | None = None) -> Predictor:
        """Load what `selection.json` names.

        UserError where there is no selection, or a checkpoint is missing or isn't the selected one any more.
        """
        selection = read_selection(study_folder)
        load = load_model or _real_load_model()
        models = {modality: _load(study_folder, one, load) for modality, one in selection.models.items()}
        for modality, model in models.items():
            if model.classes != selection.classes:
                raise UserError(
                    f"The {modality} model's classes must be the selection's {selection.classes}, "
                    f"but got {model.classes}. Analyze the study again."
                )
        return cls(selection, models)

    def predict(self, given: Mapping[str, Any]) -> Prediction:
        """The class of a picture, a text, or the pair; a modality that isn't given or has no model is left out.

        UserError where nothing is given that a model exists for, the picture doesn't exist, or the text is blank.
        """
        image, text = given.get(IMAGE), given.get(TEXT)
        used = self._used({IMAGE: image, TEXT: text})
        if image is not None and IMAGE in used and not image.is_file():
            raise UserError(f"The picture must be a file, but {image} isn't one. Check the path.")
        if text is not None and TEXT in used and modality_of(TEXT).is_empty(text):
            raise UserError(f"The text must have something to read, but got {text!r}. Give its words, or leave it out.")
        logits = {modality: self._logits(modality, image, text) for modality in used}
        decided_by = used[0]
        if len(used) == 2 and self.selection.fusion is not None:
            decided_by = FUSED
            logits[FUSED] = fuse(logits[IMAGE], logits[TEXT], self.selection.fusion.alpha)
        classes = self.selection.classes
        return Prediction(
            predicted=classes[int(logits[decided_by].argmax())],
            decided_by=decided_by,
            note=self._note(used, {IMAGE: image, TEXT: text}),
            probabilities={model: _by_class(classes, softmax(values[0])) for model, values in logits.items()},
            logits={model: _by_class(classes, values[0]) for model, values in logits.items()},
        )

    def _used(self, given: Mapping[str, object]) -> list[str]:
        used = [modality for modality in MODALITIES if given[modality] is not None and modality in self.models]
        if not used:
            raise UserError(
                f"Something must be given for one of the study's models ({', '.join(self.models)}), "
                f"but got {' and '.join(name for name, value in given.items() if value is not None) or 'nothing'}."
            )
        return used

    def _logits(self, modality: str, image: Path | None, text: str | None) -> NDArray[np.float64]:
        items = {IMAGE: image, TEXT: text}
        return np.asarray(self.models[modality].logits([items[modality]]), dtype=np.float64)

    def _note(self, used: Sequence[str], given: Mapping[str, object]) -> str | None:
        ignored = [modality for modality, value in given.items() if value is not None and modality not in used]
        missing = [modality for modality in self.models if modality not in used]
        if missing:
            return f"No {missing[0]} was given: the {used[0]} model decided alone, without the fusion."
        if ignored:
            return f"The study has no {ignored[0]} model: the {ignored[0]} was not used."
        return None


def _real_load_model() -> LoadModel:
    from trainables.inference import load_model

    return lambda folder: load_model(folder)[1]


def _load(study_folder: Path, selected: SelectedModel, load_model: LoadModel) -> Model:
    folder = study_folder / selected.checkpoint
    for name, expected in selected.checkpoint_sha256.items():
        if file_sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} must be the file that was selected, but its SHA-256 differs from selection.json. "
                "Restore the file."
            )
    return load_model(folder)


def _by_class(classes: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(classes, values, strict=True)}
