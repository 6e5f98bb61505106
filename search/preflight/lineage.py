"""A study's data are read once before the first trial, whole: digests of every file, and every picture of test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from search.show.progress_bar import progress_bar
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.lineage import Lineage
from trainables.data.check.before_test import examine_test, overlaps
from trainables.data.files import listed
from trainables.data.lineage.manifest import manifest_of
from trainables.data.pictures.digests import PICTURES, file_digests
from trainables.data.samples import Split
from trainables.errors import UserError


def read_lineage(study: StudyConfig, splits: Mapping[str, Split], test: Split | None, layout: Layout) -> Lineage:
    """Digest every file; files that are known from before and haven't changed since aren't read again.

    Raises UserError where one can't be read, or a picture of test can't be used.
    """
    with progress_bar("Digesting") as tell:

        def contents(paths: Sequence[Path]) -> list[tuple[int, str]]:
            return [(one.size, one.sha256) for one in file_digests(paths, layout.caches / PICTURES, tell)]

        manifests = {name: manifest_of(split, study.modalities, contents) for name, split in splits.items()}
    if test is None:
        return Lineage(manifests)
    with progress_bar("Examining test") as tell:
        pixels = study.data.pixel_limit
        found = examine_test(test, study.modalities, caches=layout.caches, pixel_limit=pixels, progress=tell)
    return Lineage(manifests, found)


def about_test(lineage: Lineage) -> list[str]:
    """What is to be told a person of the test split. UserError where it is train or val."""
    if lineage.test is None or lineage.sealed_test is None:
        return []
    found = overlaps(lineage.test, lineage.manifests)
    faults = [f"{one.title} {one.remedy}" for one in found if one.level == "error"]
    if faults:
        raise UserError("\n".join(faults))
    count = len(lineage.test.rows)
    lines = [f"Test: all of its {count:,} samples can be read; digest {lineage.sealed_test.digest[:12]}"]
    return lines + [
        f"Warning: {one.title} {one.remedy}\n{listed([place.file for place in one.places])}" for one in found
    ]
