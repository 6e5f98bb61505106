"""What a check of a data set ends with: one value, for a terminal, for JSON and for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.accounting import Accounting
from trainables.data.check.findings import Finding, verdict


@dataclass(frozen=True)
class DataCheck:
    """A checked data set. By split where a mapping's keys aren't told."""

    name: str
    sources: Mapping[str, Path]
    counts: Mapping[str, Mapping[str, int]]  # samples per class, in the order of the classes
    pictures: Mapping[str, Mapping[str, Any]]  # see `picture_numbers`; splits with pictures
    accounting: Mapping[str, Accounting]  # every file or line of a source
    findings: tuple[Finding, ...]  # errors first
    checked: str  # when, ISO 8601 in UTC
    seconds: float  # that it took

    @property
    def verdict(self) -> str:
        """`ok`, `warnings` or `errors`."""
        return verdict(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "checked": self.checked,
            "seconds": round(self.seconds, 1),
            "sources": {split: str(path) for split, path in self.sources.items()},
            "counts": {split: dict(own) for split, own in self.counts.items()},
            "pictures": {split: dict(own) for split, own in self.pictures.items()},
            "accounting": {split: _sums(own) for split, own in self.accounting.items()},
            "findings": [finding.as_dict() for finding in self.findings],
        }


def _sums(account: Accounting) -> dict[str, Any]:
    return {
        "unit": account.unit,
        "total": account.total,
        "taken": account.taken,
        "used": dict(account.used),
        "listed": account.listed_kinds,
        "junk": dict(account.junk),
    }
