"""Whether trials read the number at an item's end, where a study's config leaves it open: decided when it begins, and
kept from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from search.study.config import StudyConfig
from search.study.heads import HEAD_KEYS
from trainables.modalities import modality_of


def left_open(study: StudyConfig) -> list[str]:
    """The modalities with a `counter_choice` of which neither the section itself nor its space says the value."""
    return [name for name in study.modalities if _is_open(study, name)]


def _is_open(study: StudyConfig, name: str) -> bool:
    choice, section = modality_of(name).counter_choice, study.section(name)
    return choice is not None and choice.key not in section.model_fields_set and choice.key not in section.search.space


def without_counter(study: StudyConfig) -> StudyConfig:
    """The study whose open modalities leave the number out."""
    chosen = {name: choice.without for name in left_open(study) if (choice := modality_of(name).counter_choice)}
    return _with_own(study, chosen)


def as_begun(study: StudyConfig, before: Mapping[str, Any]) -> StudyConfig:
    """The study with the values that its record (`before`) began with, where it still leaves them open."""
    begun: dict[str, Any] = {}
    for name in left_open(study):
        choice = modality_of(name).counter_choice
        if choice is not None and choice.key in before.get(name, {}):
            begun[name] = before[name][choice.key]
    return _with_heads(_with_own(study, begun), before)


def _with_heads(study: StudyConfig, before: Mapping[str, Any]) -> StudyConfig:
    """The study with the head trials that its record began with, where it leaves them open."""
    update: dict[str, Any] = {}
    for name in study.modalities:
        section, recorded = study.section(name), before.get(name, {}).get("search", {})
        keys = [key for key in HEAD_KEYS if key in recorded and key not in section.search.model_fields_set]
        if keys:
            values = section.search.model_dump(mode="json") | {key: recorded[key] for key in keys}
            search = type(section.search).model_validate_json(json.dumps(values), strict=True)
            update[name] = section.model_copy(update={"search": search})
    return study.model_copy(update=update) if update else study


def _with_own(study: StudyConfig, chosen: Mapping[str, Any]) -> StudyConfig:
    """`chosen`: by modality, the section's own value of its choice."""
    update = {}
    for name, value in chosen.items():
        choice = modality_of(name).counter_choice
        assert choice is not None  # noqa: S101  # only such modalities are left open
        update[name] = study.section(name).model_copy(update={choice.key: value})
    return study.model_copy(update=update) if update else study
