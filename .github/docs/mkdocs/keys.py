"""The page of every key of a study's YAML, from the classes that check it: none is listed by hand."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from field_comments import comment_of
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

HEAD = """# Keys of a study

Every key of a study's YAML file, generated from the classes that check it. What isn't written keeps its default; a key
that doesn't exist is a fault, with the nearest one that does. Any key can be changed for one run:
`--set image.search.trials=40`. [Write a study](study.md) explains how they go together.
"""
SECTION = """A section of one modality. Each of its hyperparameters can be set here, for all trials; most of them can be
searched (`{name}.search.space`) or set for a fixed trial (`{name}.search.points`).
"""
WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "keys.md", content=_page()))
    return files


def _page() -> str:
    from search.study.config import StudyConfig
    from search.study.sections import SearchSection
    from trainables.modalities import registered

    modalities = registered()
    parts = [HEAD, *_tables("", StudyConfig, skip=set(modalities))]
    for name, modality in modalities.items():
        parts.append(f"## `{name}`\n\n{SECTION.format(name=name)}\n{_table(modality.config_type)}")
    parts += ["## `<modality>.search`\n", *_tables("<modality>.search.", SearchSection, headed=False)]
    return "\n".join(parts)


def _tables(prefix: str, model: type[BaseModel], *, skip: Collection[str] = (), headed: bool = True) -> Iterator[str]:
    """A table of the model's own keys, then one of each mapping in it."""
    inner = {key: field.annotation for key, field in model.model_fields.items() if key not in skip and _is_model(field)}
    if headed:
        yield f"## `{prefix.rstrip('.')}`\n" if prefix else "## The study\n"
    yield f"{_prose(model)}\n\n{_table(model, skip={*skip, *inner})}"
    for key, annotation in inner.items():
        yield from _tables(f"{prefix}{key}.", annotation)


def _is_model(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _prose(model: type[BaseModel]) -> str:
    return re.sub(r"\n\s*", " ", inspect.getdoc(model) or "")


def _table(model: type[BaseModel], *, skip: Collection[str] = ()) -> str:
    rows = [
        f"| `{key}` | {_cell(_words(field.annotation, field.metadata))} | {_default(field)} | {_comment(model, key)} |"
        for key, field in model.model_fields.items()
        if key not in skip
    ]
    return "\n".join(["| Key | Values | Default | |", "|---|---|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _words(annotation: Any, metadata: list[Any]) -> str:
    """What may stand there, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(inner[0], [*inner[1:], *metadata])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join("null" if one is NoneType else _words(one, metadata) for one in inner)
    if origin is tuple:
        return f"list: {_words(inner[0], [])}"
    if origin is dict or annotation is dict:
        return "mapping"
    return _limited(WORDS.get(annotation, "value"), metadata)


def _limited(word: str, metadata: list[Any]) -> str:
    """A number's word with its bounds."""
    found: dict[str, Any] = {}
    for one in metadata:
        for part in getattr(one, "metadata", [one]):
            found |= {name: getattr(part, name) for name in LIMITS if getattr(part, name, None) is not None}
    bounds = [f"{LIMITS[name]} {value:,}" for name, value in found.items()]
    return f"{word} {', '.join(bounds)}" if bounds and word != "text" else word


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Path):
        return f"`{value.name}`"
    if isinstance(value, str) and value:
        return f"`{value}`"
    return f"`{json.dumps(value, default=list)}`"


def _comment(model: type[BaseModel], key: str) -> str:
    """The comment at the field, in the class that says it last; else the field's description."""
    for holder in model.__mro__:
        if key in vars(holder).get("__annotations__", {}) and (found := _comment_in(holder, key)):
            return _cell(re.sub(r"\bNone\b", "null", found))
    return ""


def _comment_in(holder: type, key: str) -> str:
    path = Path(inspect.getsourcefile(holder) or "")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == holder.__name__:
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and getattr(line.target, "id", "") == key:
                    return comment_of(path, line.lineno, line.end_lineno or line.lineno)
    return ""
