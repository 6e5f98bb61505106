"""The one pass: every split read, every picture looked at, every text tokenized; then what all of it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from trainables.data.check.accounting import SUMS, accounting_findings
from trainables.data.check.counts import class_counts, count_findings
from trainables.data.check.duplicates import duplicate_findings
from trainables.data.check.findings import Finding, Place, by_level
from trainables.data.check.pictures import picture_findings, picture_numbers
from trainables.data.check.shift import shift_findings
from trainables.data.check.shortcuts import shortcut_findings
from trainables.data.check.texts import TextSample, text_findings
from trainables.data.check.tokenized import token_findings
from trainables.data.pictures.examine import examine
from trainables.data.pictures.facts import PictureFacts
from trainables.data.reading.options import ReadOptions
from trainables.data.samples import Split
from trainables.data_check.result import DataCheck
from trainables.data_check.sources import read_splits
from trainables.errors import UserError
from trainables.modality import Tell
from trainables.names import IMAGE_COLUMN, TEXT_COLUMN
from trainables.runtime.captions import captions_of
from trainables.text.check import tokenize_with

Bar = Callable[[str], AbstractContextManager[Tell]]  # a progress bar with a label


@dataclass(frozen=True)
class Checked:
    """What is to be checked."""

    name: str
    sources: Mapping[str, Path]  # by split
    modalities: Sequence[str]  # of which every sample must have an item; empty: whatever is there
    pixel_limit: int
    backbones: Mapping[str, int]  # pretrained text models, and how many tokens a text has at most
    options: ReadOptions = field(default_factory=ReadOptions)

    def reads(self, modality: str) -> bool:
        """Whether a study of these data would read items of the modality."""
        return not self.modalities or modality in self.modalities


@dataclass(frozen=True)
class Pictures:
    """All pictures of all splits, in the order of the splits and their samples; those that have none left out."""

    splits: tuple[str, ...]  # (P,)
    rows: tuple[int, ...]  # (P,) in the split
    places: tuple[Place, ...]  # (P,)
    facts: tuple[PictureFacts, ...]  # (P,)

    def of(self, split: str) -> list[PictureFacts]:
        """Those of one split."""
        return [one for one, name in zip(self.facts, self.splits, strict=True) if name == split]

    def aligned(self, splits: Mapping[str, Split]) -> dict[str, list[PictureFacts | None]]:
        """By split: the facts of each sample's picture."""
        found: dict[str, list[PictureFacts | None]] = {name: [None] * len(split) for name, split in splits.items()}
        for name, row, one in zip(self.splits, self.rows, self.facts, strict=True):
            found[name][row] = one
        return found

    def near(self, splits: Mapping[str, Split], duplicates: Sequence[Finding]) -> dict[str, list[Hashable | None]]:
        """By split: what near duplicates share, of each sample that has one; by the groups of `duplicates`."""
        found: dict[str, list[Hashable | None]] = {name: [None] * len(split) for name, split in splits.items()}
        numbers = {place: number for number, place in enumerate(self.places)}
        # Equal pictures come before near ones, whose groups hold them whole.
        for key, group in enumerate(group for finding in duplicates for group in finding.groups):
            for place in group:
                found[place.split][self.rows[numbers[place]]] = key
        return found


def check_data(data: Checked, caches: Path, *, bar: Bar) -> DataCheck:
    """Check a data set; no fault of the data raises. `caches`: the folder of all caches."""
    started = time.monotonic()
    read = read_splits(data.sources, data.modalities, data.options)
    pictures = _looked_at(read.splits, data, caches, bar)
    duplicates = duplicate_findings(pictures.facts, pictures.places)
    findings = [
        *read.findings,
        *(one for one in accounting_findings(read.splits) if one.kind != SUMS),
        *picture_findings(pictures.facts, pictures.places),
        *duplicates,
        *_misleading(read.splits, pictures, duplicates, bar),
        *_texts(read.splits, data),
        *count_findings(read.splits),
    ]
    return DataCheck(
        name=data.name,
        sources=data.sources,
        counts=class_counts(read.splits),
        pictures={split: picture_numbers(own) for split in read.splits if (own := pictures.of(split))},
        accounting={name: split.account for name, split in read.splits.items() if split.account is not None},
        findings=tuple(by_level(findings)),
        checked=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - started,
    )


def _looked_at(splits: Mapping[str, Split], data: Checked, caches: Path, bar: Bar) -> Pictures:
    """Every picture that a study would read, decoded at most once."""
    found = [
        (name, row, path, split.classes[split.labels[row]])
        for name, split in splits.items()
        for row, path in enumerate(split.inputs.get(IMAGE_COLUMN, ()))
        if path is not None and data.reads(IMAGE_COLUMN)
    ]
    with bar("Pictures") as progress:
        facts = examine([path for _, _, path, _ in found], caches, pixel_limit=data.pixel_limit, progress=progress)
    places = tuple(Place(str(path), split=name, label=label) for name, _, path, label in found)
    return Pictures(tuple(one[0] for one in found), tuple(one[1] for one in found), places, tuple(facts))


def _misleading(
    splits: Mapping[str, Split], pictures: Pictures, duplicates: Sequence[Finding], bar: Bar
) -> list[Finding]:
    """What tells the class and shouldn't, and in what the splits differ."""
    if not splits:
        return []
    from threadpoolctl import threadpool_limits

    with bar("Shortcuts") as progress, threadpool_limits(limits=1, user_api="blas"):
        progress(0, 2)
        facts, near = pictures.aligned(splits), pictures.near(splits, duplicates)
        found = shortcut_findings(splits, facts, near)
        progress(1, 2)
        return [*found, *shift_findings(splits, facts)]


def _texts(splits: Mapping[str, Split], data: Checked) -> Iterator[Finding]:
    """What the texts say, where there are texts and a study reads them."""
    samples = [sample for name, split in splits.items() for sample in _text_samples(name, split)]
    if not samples or not data.reads(TEXT_COLUMN):
        return
    alone = not any(item is not None for split in splits.values() for item in split.inputs.get(IMAGE_COLUMN, ()))
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
    files = split.inputs.get(IMAGE_COLUMN, (None,) * len(split))
    items = split.inputs.get(TEXT_COLUMN, ())
    for sample_id, label, file, item in zip(split.ids, split.label_names, files, items, strict=False):
        if item is not None:
            place = Place(str(file or sample_id), split=name, label=label)
            yield from (TextSample(text, place) for text in captions_of(item))
