"""The modalities that there are: the built-in ones, and those that installed packages bring.

A package brings one as an entry point of the group `binwise.modalities`: `numbers = "my_package.numbers:MODALITY"`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from trainables.errors import UserError
from trainables.modality import Modality

GROUP = "binwise.modalities"
_PLACES = {"image": "trainables.image.modality", "text": "trainables.text.modality"}  # in the order of every table
BUILT_IN = tuple(_PLACES)  # a study's modalities where it names none


@lru_cache(maxsize=1)
def registered() -> Mapping[str, Modality]:
    """Every modality by name, the built-in ones first, then those of packages by name.

    UserError where a package's can't be imported, or has a name that is taken.
    """
    found = {name: cast(Modality, import_module(place).MODALITY) for name, place in _PLACES.items()}
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        if point.name in found:
            raise UserError(
                f"Each modality must have a name of its own, but {point.value} is named {point.name!r} too."
            )
        try:
            found[point.name] = point.load()
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"The modality {point.name!r} must be there, but {point.value} can't be imported ({error}): mend or "
                "uninstall the package that brings it."
            ) from error
    return found


def names() -> tuple[str, ...]:
    """The names of all modalities, in the order of `registered`."""
    return tuple(registered())


def modality_of(name: str) -> Modality:
    """The modality of that name. UserError, with those that there are, where it is unknown."""
    known = registered()
    if name not in known:
        raise UserError(
            f"A modality must be one of {', '.join(known)}, but got {name!r}: install the package that brings it."
        )
    return known[name]


def in_order(some: Collection[str]) -> list[str]:
    """Names in the registry's order."""
    return [name for name in registered() if name in some]


def search_seed(seed: int, name: str, chosen: Sequence[str]) -> int:
    """The seed of one modality's sampler and scheduler, from the study's seed and its chosen modalities.

    The built-in ones keep the numbers that they have had from the first version on, so that studies go on as they
    began; another's depends on its name alone.
    """
    known = [one for one in chosen if one in BUILT_IN]
    if name in known:
        return seed * 2 + known.index(name)
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4])


def needed(chosen: Iterable[str]) -> list[Modality]:
    """The modalities of these names."""
    return [modality_of(name) for name in chosen]
