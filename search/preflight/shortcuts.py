"""Whether a new study would learn what tells the class without being about it: the number at the end of its texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from search.study.cleaning import CLEANING, TEXT, leaves_cleaning_open, with_cleaning
from search.study.config import StudyConfig
from search.study.sections import searched_values
from trainables.data.check.findings import Finding
from trainables.data.check.shortcuts import COUNTER, counter_shortcut, rewards
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.names import TRAIN, VAL

RAW, WORDS = "raw", "words"  # with the number, and without it


def settled(study: StudyConfig, splits: Mapping[str, Split]) -> StudyConfig:
    """The study as it begins: where it doesn't say how texts are cleaned and their number tells the class, by words."""
    if not leaves_cleaning_open(study) or COUNTER in study.data.allow_shortcut:
        return study
    found = counter_shortcut(splits[TRAIN], splits[VAL])
    return with_cleaning(study, WORDS) if found is not None and rewards(found) else study


def check_shortcuts(study: StudyConfig, splits: Mapping[str, Split]) -> tuple[Finding, ...]:
    """What train and val have that may mislead, each with what is done about it.

    Raises UserError where the number at the end of the texts tells the class, val gives credit for it, raw texts are to
    be searched, and the study doesn't allow it.
    """
    found = counter_shortcut(splits[TRAIN], splits[VAL]) if TEXT in study.modalities else None
    if found is None:
        return ()
    raw = list(_places_of_raw(study))
    if raw and rewards(found) and COUNTER not in study.data.allow_shortcut:
        raise UserError(
            f"A search must not be rewarded for what misleads later, but it would read texts as they are "
            f"({', '.join(raw)}). {found.title} Set `cleaning: words` there, which drops the number; or, where all "
            f"texts to come are numbered as these are, set `data: {{allow_shortcut: [{COUNTER}]}}`."
        )
    return (replace(found, remedy=_done(study, found, raw=bool(raw))),)


def _places_of_raw(study: StudyConfig) -> Iterator[str]:
    """The keys by which a trial reads raw texts."""
    section = study.section(TEXT)
    values = searched_values(section)
    if values.own[CLEANING] == RAW:
        yield f"{TEXT}.{CLEANING}"
    if CLEANING in section.search.space and RAW in values.space[CLEANING]:
        yield f"{TEXT}.search.space.{CLEANING}"
    for place, point in enumerate(section.search.points):
        if point.get(CLEANING) == RAW:
            yield f"{TEXT}.search.points[{place}].{CLEANING}"


def _done(study: StudyConfig, found: Finding, *, raw: bool) -> str:
    if not raw:
        return "Texts are read without it (`cleaning: words`)."
    if not rewards(found):
        return "Val is numbered otherwise than train and gives no credit for it, so raw texts may be searched."
    return f"Trials may learn it nevertheless (`allow_shortcut: {COUNTER}`): where texts are numbered anew it misleads."
