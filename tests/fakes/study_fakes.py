"""Studies for the tests: the smallest one, and what is said about a wrong one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.study.config import StudyConfig
from trainables.errors import UserError

MINIMAL = "name: small\ndata: {train: data/train, val: data/val}\n"
Load = Callable[..., StudyConfig]


def faults(load: Load, more: str = "", *overrides: str, base: str = MINIMAL) -> list[str]:
    """The lines of the error's message."""
    with pytest.raises(UserError) as error:
        load(more, *overrides, base=base)
    return str(error.value).splitlines()


def image(search: str) -> str:
    """An image section that holds this search."""
    return f"image: {{search: {{{search}}}}}\n"


def space(dimensions: str) -> str:
    """An image section that searches these dimensions."""
    return image(f"space: {{{dimensions}}}")
