"""What may change between two sessions of a study, and what may not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from trainables.config import FREE_ON_RESUME
from trainables.errors import UserError
from trainables.modalities import modality_of, registered

# Keys that change nothing of what a trial learns or of how trials compare. How the data are read is among them, since
# their digest is on record: other samples are refused.
FREE = re.compile(
    r"description|time_budget|linear_baseline|runs|(failures|cluster|tracking|deploy)\..+|"
    r"data\.(train|val|test|decode|image_root|allow_links|allow_shortcut|leave_out|columns(\..+)?|labels\..+)"
)
FREE_IN_SEARCH = re.compile(r"search\.(target|patience_trials|concurrency|resources\..+)")
GROWING = "search.trials"


def is_free(key: str) -> bool:
    """Whether a study may go on with another value of the dotted key."""
    name, _, inner = key.partition(".")
    if name not in registered():
        return FREE.fullmatch(key) is not None
    return inner in FREE_ON_RESUME | modality_of(name).free_on_resume or FREE_IN_SEARCH.fullmatch(inner) is not None


def may_grow(key: str) -> bool:
    """Whether it is a modality's number of trials."""
    name, _, inner = key.partition(".")
    return name in registered() and inner == GROWING


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config's values by dotted key; lists are values."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys whose values differ, with the old and the new one; None where there is none."""
    old, new = flat(before), flat(after)
    return {key: (old.get(key), new.get(key)) for key in sorted({*old, *new}) if old.get(key) != new.get(key)}


def merged(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The config that a resumed study goes on with: the new one, the number of trials never below what it was.

    Raises UserError with a diff where a key has changed that must not.
    """
    found = changes(before, after)
    fixed = {key: pair for key, pair in found.items() if not is_free(key) and not may_grow(key)}
    if fixed:
        lines = "\n".join(f"  {key}: {_shown(old)} -> {_shown(new)}" for key, (old, new) in fixed.items())
        raise UserError(
            f"A study goes on as it began, but {name!r} was begun with other values:\n{lines}\n"
            f"Put them back, or begin another study (`--set name=...`), perhaps with `--warm-start {name}`."
        )
    result = json.loads(json.dumps(after))
    for key in filter(may_grow, found):
        result[key.partition(".")[0]]["search"]["trials"] = max(found[key])
    return dict(result)


def check_data(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """UserError where train or val isn't what the study began with, by what is known without reading a file."""
    found = {key: pair for key, pair in changes(before, after).items() if None not in pair}
    if found:
        lines = "\n".join(f"  {key}: {_shown(old)} -> {_shown(new)}" for key, (old, new) in found.items())
        raise UserError(
            f"A study's trials are compared on the same data, but train or val has changed since {name!r} began:\n"
            f"{lines}\nPut the files back, or begin another study (`--set name=...`)."
        )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
