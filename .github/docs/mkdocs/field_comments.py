"""A field's comment as its description: `ids: tuple[str, ...]  # (N,) unique` is described as "(N,) unique"."""

from __future__ import annotations

import io
import tokenize
from functools import cache
from pathlib import Path
from typing import Any

import griffe

LONGEST_VALUE = 60  # characters


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
        value = _value(holder, attribute)
        if attribute.annotation is not None or comment or (value and not holder.is_module):
            lines.append(f"    {attribute.name}: {': '.join(part for part in (value, comment) if part)}")
    if lines:
        holder.docstring.value += "\n\nAttributes:\n" + "\n".join(lines)


def _value(holder: griffe.Class | griffe.Module, attribute: griffe.Attribute) -> str:
    """What a constant or an enumeration's member is, where that is short; nothing for other fields."""
    constant = holder.is_module or any("Enum" in str(base) for base in getattr(holder, "bases", ()))
    value = str(attribute.value)
    return f"`{value}`" if constant and attribute.annotation is None and len(value) <= LONGEST_VALUE else ""


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
