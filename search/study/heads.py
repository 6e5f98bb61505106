"""Which head trials a section asks for: heads on frozen features, fitted before anything is fine-tuned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from search.space.dimensions import Frozen
from trainables.config import Count
from trainables.modalities import registered
from trainables.modality import HeadWish
from trainables.names import NONE, HeadFamily

HEAD_KEYS = ("heads", "patience_trials")  # of a section's search, which studies on record may not have yet


class HeadsSection(Frozen):
    """Heads on frozen features, by family and network."""

    # Empty: all of them, the most promising one first.
    families: tuple[HeadFamily, ...] = ()
    backbones: tuple[Annotated[str, Field(min_length=1)], ...] = ()  # empty: those that trials of the search may have
    # Whether the first fine-tuned trial keeps the section's own network; the second one then has the best head's.
    own_first: Annotated[bool, Field(strict=True)] = False
    most: Count | None = None  # head trials of the modality; null: as many as there are


Heads = Literal["auto", "none"] | HeadsSection


def head_wish(heads: Heads) -> HeadWish | None:
    """What is asked for, as a modality takes it; None for none."""
    if heads == NONE:
        return None
    if isinstance(heads, HeadsSection):
        return HeadWish(heads.families, heads.backbones, heads.most)
    return HeadWish()


def moved_trial(heads: Heads) -> int:
    """The number of the trial that is run on the best head's network: the first, or the one after it."""
    return int(isinstance(heads, HeadsSection) and heads.own_first)


def without_new_keys(study: Mapping[str, Any], modalities: Iterable[str]) -> dict[str, Any]:
    """A recorded config in which a section that knows no heads has none: it goes on as it began."""
    found = dict(study)
    for name in modalities:
        section = study.get(name)
        if isinstance(section, Mapping) and "heads" not in section.get("search", {}):
            search = {**section.get("search", {}), "heads": NONE, "patience_trials": None}
            found[name] = {**section, "search": search}
    return found


def with_listed_networks(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A file's config in which a section that lists several networks has the first one, and a space of all of them."""
    found = dict(raw)
    for name, kind in registered().items():
        section, key = raw.get(name), kind.ranked
        if key is not None and isinstance(section, Mapping) and _lists_networks(section.get(key)):
            found[name] = _with_space(section, key)
    return found


def _lists_networks(given: Any) -> bool:
    """Whether it is a list of names, each once; what else it is, the parser refuses."""
    return isinstance(given, list) and len(given) > 0 and len(set(map(str, given))) == len(given)


def _with_space(section: Mapping[str, Any], key: str) -> dict[str, Any]:
    names, search = section[key], section.get("search") or {}
    space = (search.get("space") or {}) if isinstance(search, Mapping) else None
    if len(names) == 1 or not isinstance(space, Mapping):  # what isn't one the parser refuses
        return {**section, key: names[0]}
    listed = {key: {"type": "choice", "choices": names}, **space}
    return {**section, key: names[0], "search": {**search, "space": listed}}
