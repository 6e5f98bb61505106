"""What models say of a sample, as a person and a program read it, and what must be known of how it was decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import wording
from analysis.numbers.metrics import softmax
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Item
from trainables.words import enumerated, one_line

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
    temperatures: Mapping[str, float] = field(default_factory=dict)  # likewise: by it logits are divided, 1 where none

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


def predictions_of(
    classes: Sequence[str],
    logits: Mapping[str, NDArray[np.float64]],
    decided_by: str,
    weights: Mapping[str, float],
    temperatures: Mapping[str, float],
    models: Sequence[str],
    samples: Sequence[Mapping[str, Item]],
) -> list[Prediction]:
    """What is said of N samples that have the same modalities; `logits` (N, C) by those that were used and by what
    decided, `weights` of those that were used, `temperatures` by what may decide, `models` the modalities that there
    are models for.
    """
    used = {name: temperatures.get(name, 1.0) for name in logits}
    probabilities = {name: softmax(values / used[name]) for name, values in logits.items()}
    return [
        Prediction(
            predicted=classes[int(logits[decided_by][row].argmax())],
            decided_by=decided_by,
            note=_notes(models, weights, items),
            probabilities={name: _by_class(classes, values[row]) for name, values in probabilities.items()},
            logits={name: _by_class(classes, values[row]) for name, values in logits.items()},
            temperatures=used,
        )
        for row, items in enumerate(samples)
    ]


def without_none(given: Mapping[str, Item]) -> dict[str, Item]:
    """What was given of a sample, without what is None."""
    return {modality: item for modality, item in given.items() if item is not None}


def used_modalities(models: Sequence[str], samples: Sequence[Mapping[str, Item]]) -> list[str]:
    """The modalities that N >= 1 alike samples have and that have a model, in the models' order.

    UserError where there is none, or a model can't take an item: a missing file, a blank text.
    """
    used = [modality for modality in models if modality in samples[0]]
    if not used:
        raise UserError(
            f"Something must be given for one of the study's models ({', '.join(models)}), "
            f"but got {' and '.join(samples[0]) or 'nothing'}."
        )
    for modality in used:
        for items in samples:
            if (fault := modality_of(modality).fault(items[modality])) is not None:
                raise UserError(fault)
    return used


def _notes(models: Sequence[str], weights: Mapping[str, float], items: Mapping[str, Item]) -> str | None:
    notes = [_unused_note(models, list(weights), list(items)), *_silent_notes(weights, items)]
    return "\n".join(filter(None, notes)) or None


def _unused_note(models: Sequence[str], used: Sequence[str], given: Sequence[str]) -> str | None:
    """What of the models, and of what was given, the answer does without."""
    ignored = [modality for modality in given if modality not in used]
    missing = [modality for modality in models if modality not in used]
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


def _by_class(classes: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(classes, values, strict=True)}
