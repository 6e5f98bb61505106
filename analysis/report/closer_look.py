"""A closer look at what the study ends with: its chances, its disagreements, its sureness, labels that it doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis import wording
from analysis.numbers.abstention import Abstention, Sets, abstentions, conformal_sets
from analysis.numbers.calibration import Bin, Calibration, calibration
from analysis.numbers.disagreement import Case, who_is_right
from analysis.numbers.label_errors import LikelyError, likely_errors
from analysis.numbers.logits import missing_rows
from analysis.numbers.metrics import softmax
from analysis.report.thumbnails import thumbnail_uri
from analysis.results import Example, Selection
from analysis.train_doubts import TrainDoubts
from trainables.modalities import modality_of
from trainables.names import TRAIN, VAL

MOST_DOUBTS = 12  # likely wrong labels of val and test that are shown
THUMBNAIL = 72  # px

Logits = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Doubt:
    """A label that is likely wrong, as the report shows it."""

    split: str
    id: str
    words: str  # what a person reads of the sample; its id where there is nothing
    label: str
    suggested: str
    chance: float  # of the class suggested
    of_label: float
    thumbnail: str | None = None  # a data: URI


@dataclass(frozen=True)
class Look:
    """All of it; what is of val and of test is named so."""

    chances: Mapping[str, Calibration]  # by model, at its temperature, on the split that the report speaks of
    cases: tuple[Case, ...]  # who is right, on that split; empty of one modality
    abstention: tuple[Abstention, ...]  # thresholds from val, checked on test; empty before the test
    sets: tuple[Sets, ...]
    doubts: tuple[Doubt, ...]  # the likeliest first
    doubted: Mapping[str, int]  # by split: how many labels are likely wrong
    checked: Mapping[str, int]  # by split: how many were looked at

    @property
    def reliability(self) -> dict[str, tuple[Bin, ...]]:
        """By model, on that split."""
        return {model: one.bins for model, one in self.chances.items()}


@dataclass(frozen=True)
class SplitSaid:
    """What is kept of a split."""

    logits: Logits  # by model, see `said.model_logits`
    labels: NDArray[np.int64]
    ids: tuple[str, ...]
    examples: Sequence[Example]


def closer_look(
    selection: Selection, splits: Mapping[str, SplitSaid], split: str, train: TrainDoubts | None = None
) -> Look:
    """What is to be seen of the splits, val and, once there is a result, test; `split` is the one spoken of.

    `train`: what heads doubt of its labels.
    """
    spoken, system = splits[split], selection.system
    tested = (_known(splits[VAL], system), _known(spoken, system)) if split != VAL else None
    found = {name: _doubts(selection, name, one) for name, one in splits.items()}
    first = sorted((one for own in found.values() for one in own), key=lambda one: one.of_label - one.chance)
    by_id = {(name, one.id): one for name, part in splits.items() for one in part.examples}
    return Look(
        {name: calibration(*_known(spoken, name)) for name in selection.shown_rows},
        _cases(selection, spoken),
        tuple(abstentions(*tested)) if tested else (),
        tuple(conformal_sets(*tested)) if tested else (),
        (*(_shown(one, by_id[one.split, one.id]) for one in first[:MOST_DOUBTS]), *_of_train(selection, train)),
        {name: len(own) for name, own in found.items()} | ({TRAIN: train.doubted} if train else {}),
        {name: len(one.ids) for name, one in splits.items()} | ({TRAIN: train.checked} if train else {}),
    )


def _known(said: SplitSaid, model: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits and labels of the samples that have the model's input."""
    there = ~missing_rows(said.logits[model])
    return said.logits[model][there], said.labels[there]


def _cases(selection: Selection, said: SplitSaid) -> tuple[Case, ...]:
    if len(selection.models) < 2:
        return ()
    own = {name: said.logits[name] for name in selection.models}
    return who_is_right(own, said.logits[selection.system], said.labels)


def _doubts(selection: Selection, split: str, said: SplitSaid) -> list[Doubt]:
    """Of samples that no model learned from: their chances are held-out ones."""
    logits = said.logits[selection.system]
    return [_doubt(selection, split, said.ids[one.row], one) for one in likely_errors(softmax(logits), said.labels)]


def _of_train(selection: Selection, train: TrainDoubts | None) -> list[Doubt]:
    """Those that were kept, as they are shown."""
    kept = () if train is None else train.kept
    return [_shown(_doubt(selection, TRAIN, example.id, one), example) for one, example in kept]


def _doubt(selection: Selection, split: str, sample: str, one: LikelyError) -> Doubt:
    label, suggested = selection.classes[one.given], selection.classes[one.suggested]
    return Doubt(split, sample, sample, label, suggested, one.chance, one.of_given)


def _shown(one: Doubt, example: Example) -> Doubt:
    words = [said for name, said in example.inputs.items() if said and modality_of(name).shown_as == "words"]
    paths = [said for name, said in example.inputs.items() if said and modality_of(name).shown_as != "words"]
    uris = (thumbnail_uri(Path(path), THUMBNAIL) for path in paths)
    thumbnail = next((uri for uri in uris if uri is not None), None)
    return Doubt(
        one.split, one.id, next(iter(words), one.id), one.label, one.suggested, one.chance, one.of_label, thumbnail
    )


def case_words(case: Case) -> str:
    """Who is right, as a row's name."""
    if not case.wrong:
        return "All are right" if len(case.right) > 2 else "Both are right"
    if not case.right:
        return "None is right"
    return f"Only {wording.listed(list(case.right))}"
