"""What a line of the ledger may hold: a file from elsewhere is told from a record before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from trainables.records import is_inside

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LAST_SECOND = 253_402_214_400.0  # since 1970, in the year 9999: no calendar goes on
LARGEST = 2**63  # of whole numbers
DEPTH = 60  # of lists and mappings in each other; a study's config has a dozen
_SECTIONS = ("tracking", "data", "cluster", "failures", "deploy")


def check_time(at: object) -> None:
    """ValueError where it is no time that a calendar has (seconds since 1970)."""
    if type(at) not in (int, float) or not 0 <= at < LAST_SECOND:  # type: ignore[operator]
        raise ValueError(f"a time must be in seconds since 1970, but got {_said(at)}")


def check_fields(body: DataclassInstance) -> None:
    """ValueError where a field of the body (a dataclass) isn't of its type."""
    for name, allowed in _allowed_types(body.__class__).items():
        value = getattr(body, name)
        if type(value) not in allowed:
            raise ValueError(f"{name} must be {_words(allowed)}, but got {_said(value)}")
        if type(value) is int and abs(value) >= LARGEST:
            raise ValueError(f"{name} must be below 2^63, but got {_said(value)}")


def check_finite(**values: float) -> None:
    """ValueError where a number is negative, or none."""
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a number from 0, but got {_said(value)}")


def check_seconds(**values: object) -> None:
    """ValueError where a duration, if there is one, isn't one that a calendar has room for."""
    for name, value in values.items():
        if value is not None and (type(value) not in (int, float) or not 0 <= value < LAST_SECOND):  # type: ignore[operator]
            raise ValueError(f"{name} must be in seconds, but got {_said(value)}")


def check_name(**names: object) -> None:
    """ValueError where a name can't be a folder's within the study."""
    for name, value in names.items():
        if not isinstance(value, str) or not value or not set(value).isdisjoint("/\\\0") or value.startswith("."):
            raise ValueError(f"{name} must be a folder's name, but got {_said(value)}")


def check_inside(**paths: str | None) -> None:
    """ValueError where a path, relative to the study's folder, leaves it."""
    for name, value in paths.items():
        if value is not None and not is_inside(value):
            raise ValueError(f"{name} must lie in the study's folder, but got {_said(value)}")


def check_texts(**mappings: Mapping[str, Any]) -> None:
    """ValueError where a mapping's values aren't all texts."""
    for name, value in mappings.items():
        if not all(isinstance(one, str) for one in value.values()):
            raise ValueError(f"{name} must hold texts, but got {_said(value)}")


def check_config(study: Mapping[str, Any]) -> None:
    """ValueError where a study's config, of whatever version, has another shape than any had."""
    modalities = study.get("modalities", [])
    if not isinstance(modalities, list) or not all(isinstance(one, str) for one in modalities):
        raise ValueError(f"modalities must be a list of names, but got {_said(modalities)}")
    check_name(**{f"modalities[{place}]": name for place, name in enumerate(modalities)})
    for name in _SECTIONS:
        _check_type(study, name, dict, NoneType)
    for modality in modalities:
        _check_type(study, modality, dict)
        section = study.get(modality, {})
        _check_type(section, "search", dict)
        search = section.get("search", {})
        _check_type(search, "trials", int)
        _check_type(search, "points", list)
        _check_type(search, "space", dict)
        _check_type(search, "objectives", list)
    _check_type(study.get("tracking") or {}, "uri", str, NoneType)


def check_trial(config: Mapping[str, Any]) -> None:
    """ValueError where a trial's hyperparameters have no whole number of epochs."""
    _check_type(config, "max_epochs", int)


def check_depth(value: object, depth: int = DEPTH) -> None:
    """ValueError where lists and mappings lie in each other too deep for a program that goes through them."""
    if depth < 0:
        raise ValueError(f"must be nested at most {DEPTH} deep")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_depth(one, depth - 1)


def _check_type(holder: Mapping[str, Any], key: str, *types: type) -> None:
    if key in holder and type(holder[key]) not in types:
        raise ValueError(f"{key} must be {_words(frozenset(types))}, but got {_said(holder[key])}")


@cache
def _allowed_types(body: type[DataclassInstance]) -> dict[str, frozenset[type]]:
    """By field: the types that its values may have."""
    hints = get_type_hints(body)
    return {one.name: _types(hints[one.name]) for one in fields(body)}


def _types(hint: Any) -> frozenset[type]:
    origin = get_origin(hint)
    if origin is None:
        return frozenset({int, float}) if hint is float else frozenset({hint})
    if origin in (UnionType, Union):
        return frozenset().union(*map(_types, get_args(hint)))
    return frozenset({dict} if issubclass(origin, Mapping) else {list, tuple})


def _words(types: frozenset[type]) -> str:
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", NoneType: "null"}
    numbers = {int: "a whole number", float: "a number"}
    found = [names.get(one) or numbers.get(one) or ("a word" if issubclass(one, StrEnum) else "") for one in types]
    if float in types:
        found.remove("a whole number")
    return " or ".join(sorted(filter(None, found)))


def _said(value: object) -> str:
    # Python writes no whole number of thousands of digits.
    text = "a huge number" if isinstance(value, int) and abs(value) >= LARGEST else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
