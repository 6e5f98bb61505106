"""What the chosen trials of a study say of a split: each predicts once, whatever it was chosen for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.choice import EnsembleChoice
from analysis.files import file_sha256
from analysis.numbers.selection import best_epoch
from analysis.results import Chosen, EnsembleResult, SelectedModel
from analysis.rows import ordered
from analysis.scoring import ensemble_predictions, predictions_with_gaps
from trainables.names import MANIFEST_FILE, STATE_FILE, TRAIN_LOGITS_FILE, VAL_LOGITS_FILE, WEIGHTS_FILE
from trainables.records import Predictions, TrialRecord

if TYPE_CHECKING:
    from trainables.data.samples import Split

# What isn't needed to predict: what else lies with a model, its preprocessing and its tokenizer say, is part of it.
_NO_PART = {MANIFEST_FILE, STATE_FILE, VAL_LOGITS_FILE, TRAIN_LOGITS_FILE}

PredictSplit = Callable[[Path, "Split"], Predictions]


@dataclass(frozen=True)
class Answers:
    """Predictions of one split in its order; rows of NaN where a sample lacks what a model takes."""

    by_trial: Mapping[str, Predictions]
    models: Mapping[str, Predictions]  # by modality
    frozen: Mapping[str, Predictions] = field(default_factory=dict)
    ensemble: Predictions | None = None


def selected_model(study_folder: Path, record: TrialRecord) -> SelectedModel:
    """A chosen trial as the selection has it. RuntimeError where it has no checkpoint."""
    best, checkpoint = best_epoch(record), record.checkpoint
    if checkpoint is None:
        raise RuntimeError(f"{record.trial_id} was selected, but has no checkpoint.")
    folder = study_folder / checkpoint
    names = {WEIGHTS_FILE, *(path.name for path in folder.iterdir() if path.is_file())} - _NO_PART
    digests = {name: file_sha256(folder / name) for name in sorted(names)}
    return SelectedModel(record.modality, record.trial_id, checkpoint, digests, best.epoch, best.val_accuracy)


def selected_ensemble(study_folder: Path, choice: EnsembleChoice) -> EnsembleResult:
    """A chosen ensemble as the selection has it, the members in the registry's order of their modalities."""
    place = {name: at for at, name in enumerate(ordered({record.modality for record in choice.trials}))}
    trials = sorted(choice.trials, key=lambda record: (place[record.modality], record.trial_id))
    return EnsembleResult(
        members={record.trial_id: selected_model(study_folder, record) for record in trials},
        weights={record.trial_id: choice.weights[record.trial_id] for record in trials},
        gain=choice.gain.share,
        standard_error=choice.gain.standard_error,
        p=choice.gain.p,
        deployed=choice.gain.shown,
    )


def answers_of(study_folder: Path, chosen: Chosen, split: Split, predict_split: PredictSplit) -> Answers:
    """What they say; `predict_split` takes a checkpoint's folder and the samples that have its modality."""
    found = {
        name: predictions_with_gaps(split, model.modality, partial(predict_split, study_folder / model.checkpoint))
        for name, model in chosen.by_trial().items()
    }
    return Answers(
        found,
        {modality: found[model.trial_id] for modality, model in chosen.models.items()},
        {modality: found[model.trial_id] for modality, model in chosen.frozen.items()},
        None if chosen.ensemble is None else ensemble_predictions(found, chosen.ensemble),
    )
