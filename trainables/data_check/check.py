"""The one pass: every split read, every picture looked at, every text tokenized; then what all of it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trainables.data.check.counts import class_counts, count_findings
from trainables.data.check.findings import Finding, Place, by_level
from trainables.data.check.texts import TextSample, text_findings
from trainables.data.check.tokenized import token_findings
from trainables.data.samples import Split
from trainables.data_check.result import DataCheck
from trainables.data_check.sources import read_splits
from trainables.errors import UserError
from trainables.image.modality import MODALITY as IMAGE
from trainables.modality import Tell
from trainables.text.check import tokenize_with
from trainables.text.modality import MODALITY as TEXT

Bar = Callable[[str], AbstractContextManager[Tell]]  # a progress bar with a label


@dataclass(frozen=True)
class Checked:
    """What is to be checked."""

    name: str
    sources: Mapping[str, Path]  # by split
    modalities: Sequence[str]  # of which every sample must have an item; empty: whatever is there
    pixel_limit: int
    backbones: Mapping[str, int]  # pretrained text models, and how many tokens a text has at most


def check_data(data: Checked, caches: Path, *, bar: Bar) -> DataCheck:
    """Check a data set; no fault of the data raises. `caches`: the folder of all caches."""
    started = time.monotonic()
    read = read_splits(data.sources, data.modalities)
    counts = class_counts(read.splits)
    findings = [*read.findings, *count_findings(counts), *_texts(read.splits, data)]
    return DataCheck(
        name=data.name,
        sources=data.sources,
        counts=counts,
        pictures={},
        accounting={},
        findings=tuple(by_level(findings)),
        checked=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - started,
    )


def _texts(splits: Mapping[str, Split], data: Checked) -> Iterator[Finding]:
    """What the texts say, where there are texts and a study reads them."""
    if data.modalities and TEXT.name not in data.modalities:
        return
    samples = [sample for name, split in splits.items() for sample in _text_samples(name, split)]
    if not samples:
        return
    alone = not any(item is not None for split in splits.values() for item in split.inputs.get(IMAGE.name, ()))
    yield from text_findings(samples, alone=alone)
    for backbone, max_length in data.backbones.items():
        try:
            tokenize = tokenize_with(backbone, max_length)
        except UserError as error:
            yield Finding("no-tokenizer", "note", f"What the tokenizer knows of the texts wasn't looked at: {error}")
            continue
        yield from token_findings(backbone, tokenize, samples)


def _text_samples(name: str, split: Split) -> Iterator[TextSample]:
    """A text a caption."""
    files = split.inputs.get(IMAGE.name, (None,) * len(split))
    items = split.inputs.get(TEXT.name, ())
    for sample_id, label, file, item in zip(split.ids, split.label_names, files, items, strict=False):
        if item is not None:
            place = Place(str(file or sample_id), split=name, label=label)
            yield from (TextSample(text, place) for text in ((item,) if isinstance(item, str) else item))
