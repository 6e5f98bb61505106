"""Whether a new study would learn what tells the class without being about it: the number at the end of its texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

from search.study.config import StudyConfig
from search.study.counter import left_open, without_counter
from search.study.sections import searched_values
from trainables.data.check.findings import Finding
from trainables.data.check.shortcuts import COUNTER, counter_shortcut, rewards
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import CounterChoice
from trainables.names import TRAIN, VAL

Counter = Callable[[], Finding | None]  # what tells the class, looked for when it is first asked


def counter_in(splits: Mapping[str, Split]) -> Counter:
    """The number at the end of the texts of train and val: looking takes a second or two for 20,000, once."""
    return cache(partial(counter_shortcut, splits[TRAIN], splits[VAL]))


def settled(study: StudyConfig, counter: Counter) -> StudyConfig:
    """The study as it begins: where it leaves open whether the number is read, and it tells the class, it isn't."""
    if not left_open(study) or COUNTER in study.data.allow_shortcut:
        return study
    return study if counter() is None else without_counter(study)


def check_shortcuts(study: StudyConfig, counter: Counter) -> tuple[Finding, ...]:
    """What train and val have that may mislead, each with what is done about it.

    Raises UserError where the number at the end of the texts tells the class, val gives credit for it, trials are to
    read it, and the study doesn't allow it.
    """
    choices = {name: choice for name in study.modalities if (choice := modality_of(name).counter_choice)}
    found = counter() if choices else None
    if found is None:
        return ()
    reading = [place for name, choice in choices.items() for place in _places(study, name, choice)]
    without = ", ".join(f"{choice.key}: {choice.without}" for choice in choices.values())
    if reading and rewards(found) and COUNTER not in study.data.allow_shortcut:
        raise UserError(
            f"A search must not be rewarded for what misleads later, but it would read texts as they are "
            f"({', '.join(reading)}). {found.title} Set `{without}` there, which drops the number; or, where all "
            f"texts to come are numbered as these are, set `data: {{allow_shortcut: [{COUNTER}]}}`."
        )
    return (replace(found, remedy=_done(found, without, is_read=bool(reading))),)


def _places(study: StudyConfig, name: str, choice: CounterChoice) -> Iterator[str]:
    """The keys by which a trial of this modality reads the number."""
    section = study.section(name)
    values = searched_values(section)
    if values.own[choice.key] == choice.reads:
        yield f"{name}.{choice.key}"
    if choice.key in section.search.space and choice.reads in values.space[choice.key]:
        yield f"{name}.search.space.{choice.key}"
    for place, point in enumerate(section.search.points):
        if point.get(choice.key) == choice.reads:
            yield f"{name}.search.points[{place}].{choice.key}"


def _done(found: Finding, without: str, *, is_read: bool) -> str:
    if not is_read:
        return f"Texts are read without it (`{without}`)."
    if not rewards(found):
        return "Val is numbered otherwise than train and gives no credit for it, so raw texts may be searched."
    return f"Trials may learn it nevertheless (`allow_shortcut: {COUNTER}`): where texts are numbered anew it misleads."
