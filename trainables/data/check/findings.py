"""What a check of data found, one entry a kind of fault: told in a terminal, in JSON, on a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from trainables.words import counted

Level = Literal["error", "warning", "note"]  # a search can't start | it may learn the wrong thing | worth knowing
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
ALL = "all"  # the one split of data that aren't split


@dataclass(frozen=True)
class Place:
    """A sample or a file that a finding is about."""

    file: str  # as a person finds it: a path, or a CSV with its line (`train.csv, line 7`)
    reason: str = ""
    split: str = ""
    label: str = ""

    @property
    def where(self) -> tuple[str, ...]:
        """Split and label, of those that tell something."""
        return tuple(one for one in (self.split, self.label) if one and one != ALL)


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found, with every place of it."""

    kind: str  # stable, for programs: lower case with hyphens, such as `twin-labels`
    level: Level
    title: str  # one sentence that says what is the matter, with its number
    remedy: str = ""  # what to do: a command or the config's key where there is one
    places: tuple[Place, ...] = ()
    groups: tuple[tuple[Place, ...], ...] = ()  # places that belong together, such as two equal pictures
    numbers: Mapping[str, Any] = field(default_factory=dict)  # what was measured

    @property
    def told_places(self) -> tuple[Place, ...]:
        """The places for a person, without a reason that all of several share: the title has it."""
        shared = len(self.places) > 1 and len({place.reason for place in self.places}) == 1
        return tuple(replace(place, reason="") for place in self.places) if shared else self.places

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def verdict(findings: Sequence[Finding]) -> Literal["ok", "warnings", "errors"]:
    """The worst that was found; notes are no fault."""
    levels = {finding.level for finding in findings}
    return "errors" if "error" in levels else "warnings" if "warning" in levels else "ok"


def verdict_sentence(findings: Sequence[Finding]) -> str:
    """The verdict in words, with the number of errors and warnings."""
    errors, warnings = (sum(one.level == level for one in findings) for level in ("error", "warning"))
    if errors:
        also = f" and {counted(warnings, 'warning')}" if warnings else ""
        return f"{counted(errors, 'error')}{also}: mend these data before a search."
    if warnings:
        return f"{counted(warnings, 'warning')}: a search may learn the wrong thing."
    return "Nothing was found that may mislead a search."


def by_level(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then warnings, then notes; in their order otherwise."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def as_json(findings: Sequence[Finding]) -> bytes:
    """The findings alone as a file's content, which `analysis.store.read_data_warnings` reads."""
    return json.dumps({"findings": [finding.as_dict() for finding in findings]}, indent=1).encode()
