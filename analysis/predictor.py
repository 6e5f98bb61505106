"""A study's selected models, put to use: a picture, a text, other inputs or all of them -> a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.files import file_sha256
from analysis.numbers.mixture import mix
from analysis.prediction import Prediction, predictions_of, used_modalities, without_none
from analysis.results import EnsembleResult, SelectedModel, Selection
from analysis.store import read_selection
from trainables.errors import UserError
from trainables.modality import Item, Model

LoadModel = Callable[[Path], Model]


@dataclass(frozen=True)
class Members:
    """A modality's members of an ensemble as one model: the mean of their logits."""

    classes: tuple[str, ...]
    members: tuple[tuple[float, Model], ...]  # weights, 1 in sum, and models

    def logits(self, items: Sequence[Item]) -> NDArray[np.float64]:
        """(N, C) of the items."""
        shares = [weight * np.asarray(model.logits(items), dtype=np.float64) for weight, model in self.members]
        mean: NDArray[np.float64] = np.sum(shares, axis=0)
        return mean


@dataclass(frozen=True)
class Predictor:
    """The models that a study ends with, and how they decide together."""

    selection: Selection
    models: Mapping[str, Model | Members]  # by modality

    @classmethod
    def load(cls, study_folder: Path, *, load_model: LoadModel | None = None) -> Predictor:
        """Load what `selection.json` names.

        Raises UserError where there is no selection, a checkpoint is missing or isn't the selected one any more, or a
        model has other classes than the selection.
        """
        selection = read_selection(study_folder)
        load = load_model or _real_load_model()
        if selection.deploys_ensemble and selection.ensemble is not None:
            return cls(selection, _members(study_folder, selection, selection.ensemble, load))
        models = {modality: _load(study_folder, selection, one, load) for modality, one in selection.models.items()}
        return cls(selection, models)

    def predict(self, given: Mapping[str, Item]) -> Prediction:
        """The class of one sample, from its items by modality; one that is None or has no model is left out.

        With more than one modality the logits are fused, the weights of the missing ones left out. Raises UserError
        where nothing is given that a model exists for, or a model can't take an item: a missing file, a blank text.
        """
        return self.predict_alike([given])[0]

    def predict_alike(self, samples: Sequence[Mapping[str, Item]]) -> list[Prediction]:
        """The same of N >= 1 samples that have the same modalities; UserError where any of them is faulty."""
        given = [without_none(one) for one in samples]
        used = used_modalities(list(self.models), given)
        logits = {name: _logits(self.models[name], [items[name] for items in given]) for name in used}
        decided_by, weights = used[0], {used[0]: 1.0}
        if len(used) > 1:
            decided_by, weights = self.selection.system, _weights_of(used, weights_of(self.selection))
            single, linear = mix(logits, weights), self.selection.linear
            whole = linear is not None and len(used) == len(self.models)
            decided_by = decided_by if whole or linear is None else self.selection.pair
            logits[decided_by] = linear.logits(logits, single) if linear is not None and whole else single
        temperatures = self.selection.temperatures
        return predictions_of(
            self.selection.classes, logits, decided_by, weights, temperatures, list(self.models), given
        )


def _real_load_model() -> LoadModel:
    from trainables.inference import load_model

    return lambda folder: load_model(folder)[1]


def _members(
    study_folder: Path, selection: Selection, ensemble: EnsembleResult, load_model: LoadModel
) -> dict[str, Members]:
    """The members of each modality as one model."""
    shares = ensemble.shares()
    found = {}
    for modality, share in shares.items():
        own = {name: one for name, one in ensemble.members.items() if one.modality == modality}
        models = {name: _load(study_folder, selection, one, load_model) for name, one in own.items()}
        members = tuple((ensemble.weights[name] / share, model) for name, model in models.items())
        found[modality] = Members(selection.classes, members)
    return found


def weights_of(selection: Selection) -> Mapping[str, float]:
    """The weights, 1 in sum, of the modalities' logits in what the study ends with."""
    if selection.deploys_ensemble and selection.ensemble is not None:
        return selection.ensemble.shares()
    return selection.fusion.weights if selection.fusion else dict.fromkeys(selection.models, 1.0)


def checked_folder(study_folder: Path, selected: SelectedModel) -> Path:
    """A selected model's checkpoint. UserError where it isn't the one that was selected."""
    folder = study_folder / selected.checkpoint
    for name, expected in selected.checkpoint_sha256.items():
        if file_sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} must be the file that was selected, but its SHA-256 differs from selection.json. "
                "Restore the file."
            )
    return folder


def _load(study_folder: Path, selection: Selection, selected: SelectedModel, load_model: LoadModel) -> Model:
    model = load_model(checked_folder(study_folder, selected))
    if model.classes != selection.classes:
        raise UserError(
            f"The {selected.modality} model's classes must be the selection's {selection.classes}, "
            f"but got {model.classes}. Analyze the study again."
        )
    return model


def _logits(model: Model | Members, items: Sequence[Item]) -> NDArray[np.float64]:
    """The logits (N, C) of items."""
    return np.asarray(model.logits(items), dtype=np.float64)


def _weights_of(used: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """The weights of those that are used, again 1 in sum; equal ones where all of them are 0."""
    if len(used) == len(weights):
        return dict(weights)
    total = sum(weights[modality] for modality in used)
    return {modality: weights[modality] / total if total else 1 / len(used) for modality in used}
