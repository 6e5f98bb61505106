"""How texts are cleaned, where a study's config leaves it open: decided when it begins, and kept from then on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.study.config import StudyConfig

TEXT = "text"  # the modality that reads names
CLEANING = "cleaning"  # its hyperparameter


def leaves_cleaning_open(study: StudyConfig) -> bool:
    """Whether texts are searched, and neither the section itself nor its space says how they are cleaned."""
    if TEXT not in study.modalities:
        return False
    section = study.section(TEXT)
    return CLEANING not in section.model_fields_set and CLEANING not in section.search.space


def with_cleaning(study: StudyConfig, cleaning: str) -> StudyConfig:
    """The study with this own value of its text section."""
    return study.model_copy(update={TEXT: study.section(TEXT).model_copy(update={CLEANING: cleaning})})


def as_begun(study: StudyConfig, before: Mapping[str, Any]) -> StudyConfig:
    """The study with the cleaning that its record (`before`) began with, where it still leaves that open."""
    begun = before.get(TEXT, {}).get(CLEANING)
    return with_cleaning(study, begun) if begun is not None and leaves_cleaning_open(study) else study
