"""Values of a space: what a choice may be, when two are the same, and how they are written and kept."""

from __future__ import annotations

import json
import math
from typing import Any, TypeGuard

Stored = None | bool | int | float | str  # what Optuna keeps


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def same(one: object, other: object) -> bool:
    """Equality in which true isn't 1; a list equals the tuple of its items."""
    if isinstance(one, list):
        one = tuple(one)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def listed(values: tuple[Any, ...] | list[Any]) -> str:
    """Values in words: `"pad" | "crop"`."""
    return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)


def choice_value(value: object) -> object:
    """One choice as a trial value. ValueError where it can be none."""
    if value is None or isinstance(value, bool | str) or is_number(value):
        return value
    if isinstance(value, list | tuple) and all(is_number(item) for item in value):
        return tuple(value)
    raise ValueError(
        "a choice must be text, a finite number, true, false, null or a list of finite numbers, "
        f"but got {json.dumps(value, default=str)}."
    )


def stored_choice(value: Any) -> Stored:
    """A choice as Optuna keeps it: a list as its JSON text."""
    return json.dumps(value) if isinstance(value, tuple) else value
