"""The test split before the search: whether all of it can be read, and what of it models learn from. No label is used.

A broken picture that is found after hours of search costs an opening of the test, or its honesty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.data.check.findings import Finding, Place
from trainables.data.lineage.manifest import Manifest, manifest_of
from trainables.data.pictures.digests import PICTURES, file_digests
from trainables.data.pictures.examine import examine
from trainables.data.pictures.load import unreadable
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
        looked = [path for path in paths if path in pictures]
        found = dict(zip(looked, examine(looked, caches, pixel_limit=pixel_limit, progress=progress), strict=True))
        if faults := [f"{path}: {facts.fault}" for path, facts in found.items() if facts.fault is not None]:
            raise unreadable(faults, len(looked))
        others = [path for path in paths if path not in pictures]
        known = dict(zip(others, file_digests(others, caches / PICTURES), strict=True))
        return [
            (found[path].size_bytes, found[path].sha256) if path in found else (known[path].size, known[path].sha256)
            for path in paths
        ]

    return manifest_of(test, modalities, contents)


def overlaps(test: Manifest, others: Mapping[str, Manifest]) -> list[Finding]:
    """How many test samples are in train and in val, too: files by their bytes, rows without a file by their values.

    It is an error where that is all of test: no number would be a test's.
    """
    found = (_overlap(test, split, other) for split, other in others.items())
    return [finding for finding in found if finding is not None]


def _overlap(test: Manifest, split: str, other: Manifest) -> Finding | None:
    known = {row.content for row in other.rows} - {""}
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
