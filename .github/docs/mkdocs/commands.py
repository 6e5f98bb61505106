"""The page of every command and option, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HEAD = """# Commands

Generated from the command line; `binwise COMMAND --help` says the same. A mistake of the user's is one message and exit
code 2; [Run, watch, stop](run.md#exit-codes) lists the other codes.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "commands.md", content="\n".join([HEAD, *_sections()])))
    return files


def _sections() -> Iterator[str]:
    import typer

    from search.cli.main import app

    root = typer.main.get_command(app)
    yield from _described(root, "binwise")


def _described(command: Any, name: str) -> Iterator[str]:
    """A command, or a group's commands, each with a table."""
    inner = getattr(command, "commands", None)
    if inner is not None:
        for key in sorted(inner):
            yield from _described(inner[key], f"{name} {key}")
        return
    parameters = [one for one in command.params if one.name != "help"]
    usage = " ".join(one.metavar or one.name.upper() for one in command.params if one.param_type_name == "argument")
    yield f"## `{name}`\n\n{command.help or ''}\n\n```\n{f'{name} {usage}'.strip()}\n```\n"
    if parameters:
        yield "\n".join(["| | | Default |", "|---|---|---|", *map(_row, parameters)]) + "\n"


def _row(parameter: Any) -> str:
    """An argument or an option."""
    if parameter.param_type_name == "argument":
        shown = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or parameter.opts[0].strip('-').upper()}"
        shown = ", ".join(f"`{name}{value}`" for name in [*parameter.opts, *parameter.secondary_opts])
    return f"| {shown} | {(parameter.help or '').replace('|', chr(92) + '|')} | {_default(parameter)} |"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    return "" if value is None or isinstance(value, bool) or callable(value) else f"`{value}`"
