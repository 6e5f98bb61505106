"""A bundle's model card: what the models are for, what they were made of, how good they are, what to distrust."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import wording
from analysis.predictor import weights_of
from analysis.report.findings import compared_words
from analysis.results import FinalTest, RowScores, Selection, times
from analysis.rows import SINGLE
from trainables.modalities import modality_of
from trainables.names import TEST
from trainables.words import one_line

_MARKS = re.compile(r"([\\`*_\[\]<>|#$])")


@dataclass(frozen=True)
class Parity:
    """How far the exported models were from PyTorch's when they were exported."""

    difference: float  # the largest of all logits of all models
    samples: int  # on which each model was compared, at least


def card(
    selection: Selection, final: FinalTest | None, members: Sequence[Mapping[str, Any]], parity: Parity, licence: str
) -> str:
    """The card in Markdown, with the front matter that Hugging Face's hub reads."""
    study = plain(selection.study)
    inputs = " and ".join(f"its {name}" for name in selection.models)
    parts = [
        _front(licence),
        f"# {study}\n",
        f"Sorts a sample by {inputs} into {len(selection.classes)} classes: {_names(selection.classes)}.\n",
        "## Use\n",
        _USE,
        "## How good it is\n",
        *_numbers(selection, final),
        "\n## What it is made of\n",
        *_members(selection, members),
        "\n## What to distrust\n",
        *(f"- {line}\n" for line in _caveats(selection, final, parity)),
        "\n## Licence\n",
        f"{plain(licence)}\n" if licence else _NO_LICENCE,
    ]
    return "\n".join(part.rstrip("\n") if part.startswith(("|", "-")) else part for part in parts).rstrip() + "\n"


_USE = """For samples like those that it was trained on, one class each, with a person to look at what matters. Not for
decisions that may harm someone where an answer is wrong, nor for samples of other kinds: it knows no "none of these".

```python
from binwise_runtime import Predictor  # lies in this folder: run here, or `pip install .`

answers = Predictor.load(".").predict(images=["photo.jpg"], texts=["old bottle"])
answers.predicted, answers.probs
```

It needs numpy, onnxruntime, tokenizers and Pillow. Pictures or texts alone are answered, too. `sha256sum -c SHA256SUMS`
tells whether all files are as they were exported.
"""
_NO_LICENCE = (
    "None was stated when it was exported. What holds for the pretrained weights that it began from, and for the "
    "data, holds for it.\n"
)


def plain(text: str) -> str:
    """A name from outside, that Markdown takes for no mark of its own."""
    return _MARKS.sub(r"\\\1", one_line(text))


def _front(licence: str) -> str:
    said = [f"license: {licence}"] if re.fullmatch(r"[A-Za-z0-9.+-]+", licence) else []
    return "\n".join(["---", "library_name: onnxruntime", "tags: [binwise, onnx]", *said, "---\n"])


def _names(classes: Sequence[str]) -> str:
    shown = ", ".join(map(plain, classes[:30]))
    return f"{shown} and {len(classes) - 30:,} more" if len(classes) > 30 else shown


def _numbers(selection: Selection, final: FinalTest | None) -> Iterator[str]:
    """A table of the rows that the study ends with; the test's where it was tested, else val's."""
    rows = selection.val if final is None else final.test
    majority = selection.classes[selection.majority_class]
    if final is None:
        yield "On val, by which the models were chosen: too good on average. No test was made.\n"
    else:
        opened = f"the test was opened {times(final.openings)}"
        yield f"On {final.samples:,} test samples that no model was chosen by; {opened}.\n"
    lines = ["| | Accuracy | 95 % interval | Macro F1 |", "|---|--:|--:|--:|"]
    lines += [_row(wording.row_name(name, plain(majority)), one) for name, one in rows.items()]
    yield "\n".join(lines) + "\n"
    gained = None if final is None else final.comparisons.get(SINGLE)
    if gained is not None:
        yield f"\nFusing: {plain(compared_words(gained, TEST))}.\n"


def _row(name: str, row: RowScores) -> str:
    interval = "" if row.interval is None else wording.shares(row.interval)
    return f"| {name} | {wording.percent(row.scores.accuracy)} | {interval} | {wording.percent(row.scores.macro_f1)} |"


def _members(selection: Selection, members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    lines = ["| Model | Modality | Share of its modality | |", "|---|---|--:|---|"]
    for one in members:
        kind = f"head on {len(one['networks'])} frozen networks" if one["head"] else "fine-tuned network"
        lines.append(f"| {plain(one['name'])} | {one['modality']} | {one['share']:.3f} | {kind} |")
    yield "\n".join(lines) + "\n"
    said = ", ".join(f"{name} {weight:.4f}" for name, weight in weights_of(selection).items())
    yield f"\nWeights of the modalities' logits where they decide together: {said}.\n"
    if selection.linear is not None:
        yield f"\nA sample that has all of them is decided by {selection.system}: the matrices in `bundle.json`.\n"
    at = ", ".join(f"{name} {temperature:.4f}" for name, temperature in selection.temperatures.items())
    yield f"\nTemperatures, by which logits are divided before they become probabilities: {at}.\n"


def _caveats(selection: Selection, final: FinalTest | None, parity: Parity) -> Iterator[str]:
    if final is None:
        yield "It wasn't tested: its numbers are those by which it was chosen."
    else:
        yield from final.notes()
    yield (
        f"On {parity.samples} samples the exported models' logits differ from PyTorch's by {parity.difference:.1g} at "
        "most, on a CPU."
    )
    if any(modality_of(name).counter_choice is not None for name in selection.models):
        yield "Names that say nothing, such as a camera's, have their weight in the fusion all the same."
    yield "Its probabilities are of the classes that it knows, and as sure as those of samples like val's."
