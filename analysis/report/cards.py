"""Samples to look at: what each is, and what every model says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import wording
from analysis.report.sample_choice import ShownSample, choose
from analysis.report.thumbnails import thumbnail_uri
from analysis.results import Example, Selection
from analysis.rows import ordered
from trainables.modalities import modality_of
from trainables.records import Predictions


@dataclass(frozen=True)
class Guess:
    """What one model says of a sample."""

    model: str
    predicted: str
    probability: str
    share: float  # the same as a number from 0 to 1
    of_true: str  # the probability of the true class
    right: bool


@dataclass(frozen=True)
class SampleCard:
    """A sample as the report shows it: its name, its class, its pictures, and each model's guess."""

    kind: str
    name: str  # its first words, or its id where it has none
    words: tuple[str, ...]  # one for each modality that is shown as words; a dash where it has none
    details: tuple[tuple[str, str], ...]  # (modality, words) of those that aren't its name
    true_class: str
    thumbnails: tuple[str, ...]  # data: URIs of its pictures that can be read
    guesses: tuple[Guess | None, ...]  # of each model; None where the sample lacks the model's input


def sample_cards(
    selection: Selection,
    predictions: Mapping[str, Predictions],
    examples: Sequence[Example],
    ensemble: Predictions | None = None,
) -> tuple[tuple[str, ...], tuple[SampleCard, ...]]:
    """The modalities whose words the cards have, and the cards; `ensemble`: what it says, where it is deployed.

    Raises UserError where a sample is of a modality that isn't registered.
    """
    known = ordered({name for example in examples for name in example.inputs})
    words = tuple(name for name in known if modality_of(name).shown_as == "words")
    pictures = [name for name in known if name not in words]
    ids = next(iter(predictions.values())).ids
    by_id = {example.id: example for example in examples}
    cards = [
        _card(selection, predictions, one, by_id[ids[one.row]], words, pictures)
        for one in choose(selection, predictions, ensemble)
    ]
    return words, tuple(cards)


def _card(
    selection: Selection,
    predictions: Mapping[str, Predictions],
    shown: ShownSample,
    example: Example,
    words: Sequence[str],
    pictures: Sequence[str],
) -> SampleCard:
    label = int(next(iter(predictions.values())).labels[shown.row])
    said = _present(example, words)
    named_by = next(iter(said), "")
    return SampleCard(
        kind=shown.kind,
        name=said.get(named_by) or example.id,
        words=tuple(said.get(name, wording.NONE) for name in words),
        details=tuple((name, one) for name, one in said.items() if name != named_by),
        true_class=selection.classes[label],
        thumbnails=_thumbnails(_present(example, pictures).values()),
        guesses=tuple(_guess(model, shown, label, selection.classes) for model in selection.shown_rows),
    )


def _present(example: Example, names: Sequence[str]) -> dict[str, str]:
    """What the sample has of these modalities, by name."""
    found = {name: example.inputs.get(name) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _thumbnails(paths: Iterable[str]) -> tuple[str, ...]:
    """As `data:` URIs; pictures that can't be read are left out."""
    uris = (thumbnail_uri(Path(path)) for path in paths)
    return tuple(uri for uri in uris if uri is not None)


def _guess(model: str, shown: ShownSample, label: int, classes: Sequence[str]) -> Guess | None:
    if model not in shown.probabilities:
        return None
    shares = shown.probabilities[model]
    place = int(shares.argmax())
    share = float(shares[place])
    probability, of_true = wording.percent(share), wording.percent(float(shares[label]))
    return Guess(model, classes[place], probability, share, of_true, place == label)
