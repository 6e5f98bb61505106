"""What is wrong with a config, as a list: where, what, and what to do about it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from search.space.dimensions import TYPES
from trainables.words import one_line

KeyPath = tuple[str | int, ...]

# What pydantic puts into an error's place for a member of a union; no key of the file.
_DIMENSIONS: dict[str | int, type[BaseModel]] = dict(TYPES.items())


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, in words, and the other keys that the rule looked at."""

    path: KeyPath
    text: str
    reads: tuple[KeyPath, ...] = ()

    @property
    def line(self) -> str:
        """`image.search.trials: must be ...`."""
        place = ".".join(one_line(str(part)) for part in self.path)
        text = one_line(self.text)
        return f"{place}: {text}" if place else text

    def under(self, prefix: KeyPath) -> Fault:
        """The same fault, seen from the mapping that holds `prefix`."""
        return Fault((*prefix, *self.path), self.text, tuple((*prefix, *read) for read in self.reads))


class FaultsError(ValueError):
    """Several faults of one section, raised through pydantic as one error."""

    def __init__(self, faults: Sequence[Fault]):
        super().__init__("\n".join(fault.line for fault in faults))
        self.faults = tuple(faults)


def shown(value: object) -> str:
    """A value as the YAML would have it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean x? Known: x, y.`, for a word that isn't among the known ones."""
    known = list(known)
    close = _alike(word, known)
    question = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{question}Known: {', '.join(known)}."


def _alike(word: str, known: Sequence[str]) -> list[str]:
    """Known words that are spelled alike, contain the word, or have it as the initials of their last words."""
    folded = word.casefold()
    held = [name for name in known if folded and folded in name] if len(folded) > 2 else []
    initials = [name for name in known if _initials(name).endswith(folded)] if len(folded) > 1 else []
    return (difflib.get_close_matches(folded, known, n=2, cutoff=0.7) or held or initials)[:3]


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split("_") if part)


def faults_of(error: ValidationError, raw: object, model: type[BaseModel], noun: str = "key") -> list[Fault]:
    """Pydantic's errors about `raw` as faults, in their order, none twice.

    `model` is what was validated; `noun` is what its keys are called.
    """
    faults = [fault for details in error.errors() for fault in _expanded(details, raw, model, noun)]
    return list(dict.fromkeys(faults))


def _expanded(details: ErrorDetails, raw: object, model: type[BaseModel], noun: str) -> list[Fault]:
    path = _path_in(raw, details)
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FaultsError):
        return [fault.under(path) for fault in cause.faults]
    return [Fault(path, _text(details, model, noun, str(cause) if cause else ""))]


def _path_in(raw: object, details: ErrorDetails) -> KeyPath:
    """The error's place in the file: pydantic's own, without the names of union members."""
    node: Any = raw
    path: list[str | int] = []
    for part in details["loc"]:
        if _has(node, part):
            node = node[part]
            path.append(part)
        elif details["type"] == "missing" and isinstance(node, Mapping) and part not in _DIMENSIONS:
            path.append(part)
    return tuple(path)


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, list | tuple) and isinstance(part, int) and part < len(node)


def _text(details: ErrorDetails, model: type[BaseModel], noun: str, cause: str) -> str:
    """One error in words: the rule, then what was given."""
    match details["type"]:
        case "value_error":
            return cause
        case "missing":
            return "is required."
        case "extra_forbidden":
            holder, key = _model_at(model, details["loc"][:-1]), str(details["loc"][-1])
            replacement = getattr(holder, "replaced", {}).get(key)
            return f"was replaced: {replacement}" if replacement else _unknown(key, holder, noun)
        case "union_tag_not_found" | "union_tag_invalid" | "model_attributes_type":
            given = details["input"]
            got = given.get("type", given) if isinstance(given, Mapping) else given
            return f"must be a mapping with a `type` of float, int or choice, but got {shown(got)}."
        case _:
            rule = details["msg"].replace("Input should", "must", 1).replace("an object", "a mapping")
            return f"{rule}, but got {shown(details['input'])}."


def _unknown(key: str, holder: type[BaseModel], noun: str) -> str:
    return f"unknown {noun}; {suggestion(key, holder.model_fields)}"


def _model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel]:
    """The model that validated the mapping at this place."""
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
        elif field is None and part in _DIMENSIONS:
            model = _DIMENSIONS[part]
    return model
