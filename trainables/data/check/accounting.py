"""What of a data set's files and lines was not taken, as findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from trainables.data.accounting import FILES, Accounting, Listed, lines_text
from trainables.data.check.findings import Finding, Place
from trainables.data.samples import Split

SUMS = "accounting"  # the kind of the findings that hold the sums


def accounting_findings(splits: Mapping[str, Split]) -> list[Finding]:
    """Of each split that was read from a source: the sums, what was listed by kind, what is odd; `splits` by name."""
    return [
        finding
        for name, split in splits.items()
        if split.account is not None
        for finding in (_sums(name, split.account), *_listed(name, split.account), *_notes(name, split.account))
    ]


def _sums(name: str, account: Accounting) -> Finding:
    """Every file or line, by what became of it."""
    text = f"{account.total:,} files: {account.summary()}" if account.unit == FILES else lines_text(account)
    numbers = {
        "unit": account.unit,
        "all": account.total,
        "taken": account.taken,
        "used": dict(account.used),
        "junk": dict(account.junk),
        "listed": account.listed_kinds,
    }
    return Finding(SUMS, "note", f"{name.capitalize()}: {text}", numbers=numbers)


def _listed(name: str, account: Accounting) -> list[Finding]:
    kinds: dict[str, list[Listed]] = defaultdict(list)
    for one in account.listed:
        kinds[one.kind].append(one)
    return [
        Finding(
            kind="not-taken",
            level="error" if any(one.blocking for one in found) else "warning" if _is_picture(kind) else "note",
            title=f"{name.capitalize()}: {len(found):,} not taken ({kind}): {found[0].reason}",
            places=tuple(Place(one.file, one.reason, name) for one in found),
            numbers={"kind": kind, "files": len(found)},
        )
        for kind, found in kinds.items()
    ]


def _is_picture(kind: str) -> bool:
    """Whether the user probably meant it to be a sample."""
    return kind not in ("text file", "other file", "empty file", "beside the classes", "PDF")


def _notes(name: str, account: Accounting) -> list[Finding]:
    return [Finding("how-read", "note", f"{name.capitalize()}: {note}") for note in account.notes]
