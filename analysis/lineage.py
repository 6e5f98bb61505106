"""The test data at their opening: whole, and what the study is bound to; and the digests that the report names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from analysis import store
from analysis.files import file_sha256, replace_file
from trainables.errors import UserError
from trainables.names import MANIFEST_CSV, TEST, TEST_MANIFEST_CSV

if TYPE_CHECKING:
    from trainables.data.lineage.manifest import Manifest
    from trainables.data.samples import Split
    from trainables.modality import Item


@dataclass(frozen=True)
class OpeningTerms:
    """What an opening of the test goes by."""

    bound: str | None = None  # the digest of the test data that the search put on record
    accept_changes: bool = False  # whether other data than these may be opened: the report says so
    caches: Path | None = None  # the folder of all caches; None: nothing is kept
    pixel_limit: int = 50_000_000


@dataclass(frozen=True)
class Admitted:
    """Test data that may be opened."""

    digest: str  # of their sealed manifest
    samples: int
    change: str = ""  # what has changed and was accepted, in short
    overlap: Mapping[str, int] = field(default_factory=dict)  # by split: how many of the samples are in it, too


def admit(study_folder: Path, test: Split, modalities: Sequence[str], terms: OpeningTerms) -> Admitted:
    """Read all of the test data, their labels aside, and bind the study to them where it isn't bound yet.

    Raises UserError where a picture can't be used, the data aren't those that the study is bound to, or they are train
    or val.
    """
    from trainables.data.check.before_test import examine_test, overlaps
    from trainables.data.lineage.manifest import sealed, to_csv

    with _folder(terms.caches) as caches:
        found = examine_test(test, modalities, caches=caches, pixel_limit=terms.pixel_limit)
    path = study_folder / TEST_MANIFEST_CSV
    change = _change(study_folder, path, found, terms)
    known = overlaps(found, _recorded(study_folder / MANIFEST_CSV))
    if faults := [f"{one.title} {one.remedy} The test was not opened." for one in known if one.level == "error"]:
        raise UserError("\n".join(faults))
    kept = sealed(found)
    replace_file(path, to_csv({TEST: kept}))
    overlap = {str(one.numbers["split"]): int(one.numbers["samples"]) for one in known}
    return Admitted(kept.digest, len(found.rows), change, overlap)


def recorded_contents(study_folder: Path, split_name: str, sample_ids: Sequence[str]) -> list[str | None]:
    """(N,) the digest of each sample's file, or else of its other values, by which equal samples are told.

    None of those that the study has no record of.
    """
    found = _recorded(study_folder / MANIFEST_CSV).get(split_name)
    known = {} if found is None else {row.path: row.content for row in found.rows}
    return [known.get(sample_id) or None for sample_id in sample_ids]


def is_test_sample(study_folder: Path, items: Mapping[str, Item]) -> bool:
    """Whether the items, by modality, are one of the study's test samples: the same files, or else the same values."""
    from trainables.data.lineage.manifest import manifest_of
    from trainables.data.samples import Split

    known = _recorded(study_folder / TEST_MANIFEST_CSV).get(TEST)
    if known is None:
        return False
    inputs = {name: (item,) for name, item in items.items() if item is not None}
    one = Split(("",), np.zeros(1, dtype=np.int64), ("",), inputs)
    row = manifest_of(one, list(inputs), _contents).rows[0]
    return row.content in {sample.content for sample in known.rows}


def _contents(paths: Sequence[Path]) -> list[tuple[int, str]]:
    return [(path.stat().st_size, file_sha256(path)) for path in paths]


def data_digests(study_folder: Path) -> dict[str, str]:
    """By split: the digest of its manifest, as far as the study has them."""
    found = {**_recorded(study_folder / MANIFEST_CSV), **_recorded(study_folder / TEST_MANIFEST_CSV)}
    return {split: one.digest for split, one in found.items()}


def _change(study_folder: Path, path: Path, found: Manifest, terms: OpeningTerms) -> str:
    """What has changed, in short, where that is accepted; empty where nothing has. UserError where it isn't."""
    from trainables.data.lineage.recorded import told_sealed

    before = _recorded(path).get(TEST)
    last = store.read_openings(study_folder).digest
    bound = last or terms.bound or (before.digest if before is not None else None)
    if bound is None:
        return ""
    text, short = told_sealed(path, TEST, bound, found)
    if text and not terms.accept_changes:
        since = "its last opening" if last else "the search began"
        raise UserError(
            f"The test data must be those that the study is bound to, but they have changed since {since}:\n{text}\n"
            "The test was not opened. Put the files back. Where the change mends a fault, it makes another test of "
            "it: --accept-changed-test opens that one, and the report says so."
        )
    return short


def _recorded(path: Path) -> dict[str, Manifest]:
    """Nothing where the study began without manifests, or the file is damaged: the digest on record guards it."""
    from trainables.data.lineage.manifest import read_manifests

    try:
        return read_manifests(path)
    except UserError:
        return {}


@contextmanager
def _folder(caches: Path | None) -> Iterator[Path]:
    if caches is not None:
        yield caches
        return
    with TemporaryDirectory(prefix="binwise-test-") as folder:
        yield Path(folder)
