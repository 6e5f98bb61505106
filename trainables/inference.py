"""Trained models as things that predict: a checkpoint folder -> logits."""

from __future__ import annotations

from pathlib import Path

from trainables.checkpoint import read_checkpoint
from trainables.data.files import quoted
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Model
from trainables.records import Predictions


def load_model(folder: Path) -> tuple[str, Model]:
    """The modality and the model of a checkpoint folder.

    Raises UserError where the folder is damaged, or its modality isn't known here.
    """
    checkpoint = read_checkpoint(folder)
    name = str(checkpoint.meta["modality"])
    return name, modality_of(name).load(folder, checkpoint)


def predict_split(folder: Path, split: Split, *, batch_size: int = 256) -> Predictions:
    """A checkpoint's logits on a split, in the split's order.

    Raises UserError where the split's classes aren't the model's, or a sample's item is missing or unreadable.
    """
    name, model = load_model(folder)
    if split.classes != model.classes:
        raise UserError(
            f"The split's classes must be the model's ({quoted(model.classes)}), but got {quoted(split.classes)}."
        )
    logits, seconds = model.timed_logits(split.items(name), batch_size)
    return Predictions(split.ids, logits, split.labels, split.classes, seconds / max(len(split.ids), 1))
