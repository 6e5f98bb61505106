"""The one place where plain lines go out to a terminal: what it would obey in names and texts goes out as its escape."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import typer

from trainables.words import is_obeyed, printable


def say(text: str, *, err: bool = False) -> None:
    """Print lines on standard output, or on standard error."""
    typer.echo(printable(text), err=err)


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON that reads back as it was, with letters of all scripts as they are and commands as escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if text.isprintable() else re.sub(r"[^\n\x20-\x7e]", _json_escaped, text)


def _json_escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if is_obeyed(found[0]) else found[0]


def take_all_letters() -> None:
    """Where standard output's encoding lacks a letter, print its escape: no answer is lost for a name in it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # not every stand-in for a stream has it
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
