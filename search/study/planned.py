"""How many trials a study's config asks for; asked of plain values, so that a record of any version has an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.modalities import BUILT_IN


def trials_of(search: Mapping[str, Any]) -> int:
    """Of one section's `search`: without a space only the fixed trials, as more would repeat them; 0: heads alone."""
    trials = int(search.get("trials", 0))
    return trials if search.get("space") or ("trials" in search and not trials) else 1 + len(search.get("points", ()))


def planned_trials(study: Mapping[str, Any]) -> dict[str, int]:
    """Of a whole config, by modality."""
    return {
        modality: trials_of(study.get(modality, {}).get("search", {})) for modality in study.get("modalities", BUILT_IN)
    }
