"""A study's data by their manifests: what goes on record, and whether they are what is on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from search.ledger.events import MANIFEST
from trainables.data.lineage.manifest import Manifest, sealed, to_csv
from trainables.data.lineage.recorded import told, told_sealed
from trainables.errors import UserError
from trainables.names import MANIFEST_CSV, TEST, TEST_MANIFEST_CSV

Bound = Mapping[str, Mapping[str, Any]]  # by split that must stay as it is: samples, the digest of its manifest


@dataclass(frozen=True)
class Lineage:
    """A study's data as they are."""

    manifests: Mapping[str, Manifest]  # of train and val
    test: Manifest | None = None  # of the test split, where one is named; it isn't written down like this

    @cached_property
    def sealed_test(self) -> Manifest | None:
        """What a study keeps of its test split."""
        return None if self.test is None else sealed(self.test)

    def facts(self) -> dict[str, dict[str, Any]]:
        """By split: how many samples, and the digest of its manifest."""
        kept = {**self.manifests, **({TEST: self.sealed_test} if self.sealed_test is not None else {})}
        return {split: {"samples": len(one.rows), MANIFEST: one.digest} for split, one in kept.items()}

    def files(self) -> dict[str, bytes]:
        """The study's files by name."""
        files = {MANIFEST_CSV: to_csv(self.manifests)}
        return files | ({TEST_MANIFEST_CSV: to_csv({TEST: self.sealed_test})} if self.sealed_test is not None else {})


def check_lineage(name: str, bound: Bound, folder: Path, manifests: Mapping[str, Manifest]) -> None:
    """UserError with what has changed where train or val isn't what is on record; splits that aren't bound pass."""
    path = folder / MANIFEST_CSV
    found = [told(path, split, bound[split][MANIFEST], one) for split, one in manifests.items() if split in bound]
    if any(found):
        lines = "\n".join(filter(None, found))
        raise UserError(
            f"A study's trials are compared on the same data, but train or val has changed since {name!r} began:\n"
            f"{lines}\nPut the files back, or begin another study (`--set name=...`)."
        )


def change_of_test(name: str, bound: Bound, folder: Path, lineage: Lineage) -> str | None:
    """What is to be said of a test split that isn't the one on record; None where it is, or none is bound or named."""
    if lineage.test is None or TEST not in bound:
        return None
    found, _ = told_sealed(folder / TEST_MANIFEST_CSV, TEST, bound[TEST][MANIFEST], lineage.test)
    if not found:
        return None
    return (
        f"Warning: the test data have changed since {name!r} began:\n{found}\n`binwise test` will refuse them. Put the "
        "files back, or accept them there with --accept-changed-test, which the report will say."
    )
