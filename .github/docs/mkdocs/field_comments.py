"""A field's comment as its description: `ids: tuple[str, ...]  # (N,) unique` is described as "(N,) unique"."""

from __future__ import annotations

import io
import tokenize
from functools import cache
from pathlib import Path
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Griffe's extension that lists the fields of a class, and the constants of a module, below its docstring."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called for every class, once its members are known."""
        _list_attributes(cls)

    def on_module(self, *, mod: griffe.Module, **_: Any) -> None:
        """Called for every module, once its members are known."""
        _list_attributes(mod)


def _list_attributes(holder: griffe.Class | griffe.Module) -> None:
    """A section of Google's style, which is shown as a table; what has a docstring of its own is left alone."""
    if holder.docstring is None or "Attributes:\n" in holder.docstring.value:
        return
    lines = []
    for attribute in holder.attributes.values():
        if attribute.is_alias or attribute.name.startswith("_") or attribute.docstring or not attribute.lineno:
            continue
        comment = comment_of(Path(str(attribute.filepath)), attribute.lineno, attribute.endlineno or attribute.lineno)
        if attribute.annotation is not None or comment or "enum-member" in attribute.labels or _is_enum(holder):
            lines.append(f"    {attribute.name}: {_described(attribute, comment)}")
    if lines:
        holder.docstring.value += "\n\nAttributes:\n" + "\n".join(lines)


def _described(attribute: griffe.Attribute, comment: str) -> str:
    """The comment, after the value where there is no type to be shown."""
    value = f"`{attribute.value}`" if attribute.annotation is None and attribute.value is not None else ""
    short = value if len(value) <= 60 else ""
    return ": ".join(part for part in (short, comment) if part)


def _is_enum(holder: griffe.Class | griffe.Module) -> bool:
    return isinstance(holder, griffe.Class) and any("Enum" in str(base) for base in holder.bases)


def comment_of(path: Path, first: int, last: int) -> str:
    """The comment behind the lines from `first` to `last` (counted from 1), else the one above them; or nothing."""
    comments, alone = _comments(path)
    behind = [comments[line] for line in range(first, last + 1) if line in comments and line not in alone]
    if behind:
        return " ".join(behind)
    above: list[str] = []
    while first - len(above) - 1 in alone:
        above.insert(0, comments[first - len(above) - 1])
    return " ".join(above)


@cache
def _comments(path: Path) -> tuple[dict[int, str], frozenset[int]]:
    """By line: the text of its comment, those for tools left out; and the lines that hold nothing else."""
    source = path.read_text("utf-8")
    lines = source.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    texts = {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}
    found = {line: text for line, text in texts.items() if not text.startswith(("noqa", "type:", "fmt:"))}
    return found, frozenset(line for line in found if lines[line - 1].lstrip().startswith("#"))
