"""The test split before the search: whether all of it can be read, and what of it models learn from. No label is used.

A broken picture that is found after hours of search costs an opening of the test, or its honesty.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from trainables.data.check.findings import Finding, Place
from trainables.data.lineage.manifest import Manifest, manifest_of
from trainables.data.pictures.digests import PICTURES, file_digests
from trainables.data.pictures.load import picture_fault, unreadable
from trainables.data.samples import Split
from trainables.modalities import modality_of
from trainables.modality import Tell
from trainables.names import TEST


def examine_test(
    test: Split, modalities: Sequence[str], *, caches: Path, pixel_limit: int, progress: Tell | None = None
) -> Manifest:
    """Decode every picture of the split and digest every file: its manifest.

    `caches`: the folder of all caches, where digests are kept. Raises UserError that lists the first five pictures
    that can't be used, with the reasons, and says how many there are.
    """
    shown = [name for name in test.inputs if name in modalities and modality_of(name).shown_as == "picture"]
    pictures = {item for name in shown for item in test.inputs[name]}

    def contents(paths: Sequence[Path]) -> list[tuple[int, str]]:
        _refuse_unusable([path for path in paths if path in pictures], pixel_limit, progress)
        return [(one.size, one.sha256) for one in file_digests(paths, caches / PICTURES)]

    return manifest_of(test, modalities, contents)


def _refuse_unusable(paths: Sequence[Path], pixel_limit: int, progress: Tell | None) -> None:
    faults = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(partial(picture_fault, pixel_limit=pixel_limit), paths)
        for done, (path, fault) in enumerate(zip(paths, found, strict=True), start=1):
            faults += [f"{path}: {fault}"] if fault is not None else []
            if progress is not None:
                progress(done, len(paths))
    if faults:
        raise unreadable(faults, len(paths))


def overlaps(test: Manifest, others: Mapping[str, Manifest]) -> list[Finding]:
    """How many test samples are in train and in val, too: files by their bytes, rows without a file by their values.

    It is an error where that is all of test: no number would be a test's.
    """
    found = (_overlap(test, split, other) for split, other in others.items())
    return [finding for finding in found if finding is not None]


def _overlap(test: Manifest, split: str, other: Manifest) -> Finding | None:
    known = {row.content for row in other.rows}
    both = [row for row in test.rows if row.content in known]
    if not both:
        return None
    noun = "samples" if any(row.sha256 for row in both) else "texts"
    if _is_all(test, other, len(both)):
        title = f"Test must be other data than {split}, but all {len(both):,} test {noun} are in {split}."
        return Finding("test-is-known", "error", title, "Name the right folder or file in data.test.")
    return Finding(
        "test-overlap",
        "warning",
        f"{len(both):,} of {len(test.rows):,} test {noun} are in {split}, too.",
        f"Remove them from {split}: how well a model does on what it has seen says nothing of new samples.",
        tuple(Place(row.path, "the same content", TEST) for row in both),
        numbers={"samples": len(both), "of": len(test.rows), "split": split},
    )


def _is_all(test: Manifest, other: Manifest, both: int) -> bool:
    """Files are in few places, while different rows may well have the same text: those must be alike in all."""
    if any(row.sha256 for row in test.rows):
        return both == len(test.rows)
    return Counter(row.content for row in test.rows) == Counter(row.content for row in other.rows)
