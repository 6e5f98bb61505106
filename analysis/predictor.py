"""A study's selected models, put to use: a picture, a text, other inputs or all of them -> a class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import wording
from analysis.files import file_sha256
from analysis.numbers.metrics import softmax
from analysis.numbers.mixture import mix
from analysis.results import EnsembleResult, SelectedModel, Selection
from analysis.store import read_selection
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Item, Model
from trainables.words import enumerated, one_line

LoadModel = Callable[[Path], Model]
MOST_CLASSES = 10  # that a line of a prediction has


@dataclass(frozen=True)
class Prediction:
    """What the models say of one sample."""

    predicted: str  # the class
    decided_by: str  # a modality, `fused` or `ensemble`
    note: str | None  # what the user must know of how it was decided
    probabilities: Mapping[
        str, Mapping[str, float]
    ]  # modality, and what decided (those that were used) -> class -> share
    logits: Mapping[str, Mapping[str, float]]  # likewise

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        share, width = self.probabilities[self.decided_by][self.predicted], max(6, *map(len, self.probabilities))
        lines = [f"{one_line(self.predicted)} ({wording.percent(share)}, {self.decided_by})"]
        for model, shares in self.probabilities.items():
            ranked = sorted(shares.items(), key=lambda one: -one[1])
            said = [f"{name} {wording.percent(value)}" for name, value in ranked]
            lines.append(f"  {model:{width}}" + enumerated(said, MOST_CLASSES))
        return "\n".join([*lines, *([self.note] if self.note else [])])


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
        items = {modality: item for modality, item in given.items() if item is not None}
        used = self._used(items)
        for modality in used:
            if (fault := modality_of(modality).fault(items[modality])) is not None:
                raise UserError(fault)
        logits = {modality: _logits(self.models[modality], items[modality]) for modality in used}
        decided_by, weights = used[0], {used[0]: 1.0}
        if len(used) > 1:
            decided_by, weights = self.selection.system, _weights_of(used, _weights(self.selection))
            logits[decided_by] = mix(logits, weights)
        classes = self.selection.classes
        notes = [self._note(used, list(items)), *_silent_notes(weights, items)]
        return Prediction(
            predicted=classes[int(logits[decided_by].argmax())],
            decided_by=decided_by,
            note="\n".join(filter(None, notes)) or None,
            probabilities={model: _by_class(classes, softmax(values[0])) for model, values in logits.items()},
            logits={model: _by_class(classes, values[0]) for model, values in logits.items()},
        )

    def _used(self, items: Mapping[str, Item]) -> list[str]:
        """The given modalities that have a model, in the selection's order."""
        used = [modality for modality in self.models if modality in items]
        if not used:
            raise UserError(
                f"Something must be given for one of the study's models ({', '.join(self.models)}), "
                f"but got {' and '.join(items) or 'nothing'}."
            )
        return used

    def _note(self, used: Sequence[str], given: Sequence[str]) -> str | None:
        ignored = [modality for modality in given if modality not in used]
        missing = [modality for modality in self.models if modality not in used]
        if missing:
            lacking = f"No {' and no '.join(missing)} {'was' if len(missing) == 1 else 'were'} given"
            if len(used) == 1:
                return f"{lacking}: the {used[0]} model decided alone, without the fusion."
            return f"{lacking}: {wording.listed(used)} were fused without it."
        if ignored:
            was = "was" if len(ignored) == 1 else "were"
            return f"The study has no {' and no '.join(ignored)} model: the {wording.listed(ignored)} {was} not used."
        return None


def _silent_notes(weights: Mapping[str, float], items: Mapping[str, Item]) -> Iterator[str]:
    """What must be known where an item says nothing, such as a camera's file name, and yet has a weight."""
    for name, weight in weights.items():
        kind = modality_of(name)
        if not kind.says_nothing(items[name]):
            continue
        said = f"The {name} “{one_line(kind.shown(items[name]))}” says nothing of what the sample is"
        if len(weights) == 1:
            yield f"{said}, yet the {name} model decided alone: its word counts for little."
        else:
            others = wording.listed([other for other in weights if other != name])
            yield (
                f"{said}: the {name} model’s word counts for little, but has a weight of {weight:.2f} in the fusion. "
                f"Look at what {others} says alone."
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


def _weights(selection: Selection) -> Mapping[str, float]:
    """The weights, 1 in sum, of the modalities' logits in what the study ends with."""
    if selection.deploys_ensemble and selection.ensemble is not None:
        return selection.ensemble.shares()
    return selection.fusion.weights if selection.fusion else dict.fromkeys(selection.models, 1.0)


def _load(study_folder: Path, selection: Selection, selected: SelectedModel, load_model: LoadModel) -> Model:
    folder = study_folder / selected.checkpoint
    for name, expected in selected.checkpoint_sha256.items():
        if file_sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} must be the file that was selected, but its SHA-256 differs from selection.json. "
                "Restore the file."
            )
    model = load_model(folder)
    if model.classes != selection.classes:
        raise UserError(
            f"The {selected.modality} model's classes must be the selection's {selection.classes}, "
            f"but got {model.classes}. Analyze the study again."
        )
    return model


def _logits(model: Model | Members, item: Item) -> NDArray[np.float64]:
    """The logits (1, C) of one item."""
    return np.asarray(model.logits([item]), dtype=np.float64)


def _weights_of(used: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """The weights of those that are used, again 1 in sum; equal ones where all of them are 0."""
    if len(used) == len(weights):
        return dict(weights)
    total = sum(weights[modality] for modality in used)
    return {modality: weights[modality] / total if total else 1 / len(used) for modality in used}


def _by_class(classes: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(classes, values, strict=True)}
