"""The published folders of a release (`Final_dataset_W2025_Train/...`) -> `Train`, `Val` and `Test`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from trainables.names import SPLIT_FOLDERS

Parts = tuple[str, ...]
_SPLIT: Final = re.compile(r"(?:^|.*[\W_])(train|val|test)", re.IGNORECASE)


def split_of(folder: str) -> str | None:
    """`Train` for `Final_dataset_W2025_Train`; None for a folder of another kind."""
    found = _SPLIT.fullmatch(folder)
    return found[1].capitalize() if found else None


def arranged(paths: Sequence[Parts]) -> list[Parts]:
    """Where each file goes: those of the splits to `Train/`, `Val/` and `Test/`, the others beside them.

    Where the splits aren't exactly three folders side by side, nothing is renamed: no guess.
    """
    places = [_place(path) for path in paths]
    above = {place for place in places if place is not None}
    if {split_of(place[-1]) for place in above} != set(SPLIT_FOLDERS) or len(above) != len(SPLIT_FOLDERS):
        return list(paths)
    if len({place[:-1] for place in above}) != 1:
        return list(paths)
    wrapper = next(iter(above))[:-1]
    return [
        (str(split_of(place[-1])), *path[len(place) :]) if place is not None else _without(path, wrapper)
        for path, place in zip(paths, places, strict=True)
    ]


def _place(path: Parts) -> Parts | None:
    """The path of the first folder above a file that is a split's."""
    ends = (end for end, folder in enumerate(path[:-1], start=1) if split_of(folder) is not None)
    return next((path[:end] for end in ends), None)


def _without(path: Parts, wrapper: Parts) -> Parts:
    return path[len(wrapper) :] if path[: len(wrapper)] == wrapper else path
