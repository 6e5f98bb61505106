"""Results as text: a table for the terminal, and RESULTS.md with a section for each machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]  # the JSON of one benchmark

HOLDS = {True: "holds", False: "MISSED"}
_SECTION = re.compile(r"<!-- machine: (?P<machine>.*?) -->\n.*?<!-- end of machine -->\n", re.DOTALL)
_BENCHMARK = re.compile(r"^### (.+)$", re.MULTILINE)


def bounds_table(results: Sequence[Result]) -> str:
    """One line a bound, for a terminal."""
    rows = [
        (result["name"], HOLDS[bound["holds"]], number(bound["measured"]), bound["bound"], bound["what"])
        for result in results
        for bound in result["bounds"]
    ]
    heads = ("benchmark", "", "measured", "bound", "what")
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def machine_name(machine: Mapping[str, str]) -> str:
    """What tells one machine from another in RESULTS.md; figures that don't depend on it have a section by name."""
    if "section" in machine:
        return machine["section"]
    gpu = "no GPU" if machine["gpu"] == "none" else machine["gpu"]
    return f"{machine['cpu']}, {machine['cores']} cores, {gpu}"


def section(results: Sequence[Result]) -> str:
    """The results of one machine as Markdown, between the marks by which `updated` finds it again."""
    machine = results[0]["machine"]
    named = ("section",) if "section" in machine else ("cpu", "cores", "gpu")
    words = ", ".join(f"{key} {value}" for key, value in machine.items() if key not in named)
    bounds = [
        f"| {bound['what']} | {bound['bound']} | {number(bound['measured'])} | {HOLDS[bound['holds']]} |"
        for result in results
        for bound in result["bounds"]
    ]
    lines = [
        f"<!-- machine: {machine_name(machine)} -->",
        f"## {machine_name(machine)}",
        "",
        f"{words}.",
        "",
        "| What | Bound | Measured | |",
        "|---|---|--:|---|",
        *bounds,
        "",
        *(line for result in results for line in _details(result)),
        "<!-- end of machine -->",
    ]
    return "\n".join(lines) + "\n"


def _details(result: Result) -> Iterator[str]:
    """One benchmark's figures, each with its path of keys, and its notes."""
    yield from (f"### {result['name']}", "", "| Figure | |", "|---|--:|")
    yield from (f"| {name} | {value} |" for name, value in flat(result["figures"]))
    yield ""
    yield from (f"- {note}" for note in result["notes"])
    yield ""


def flat(figures: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested figures as pairs of their path and their value in words; lists of numbers stay together."""
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from flat(value, f"{path}: {key}" if path else str(key))
    elif isinstance(figures, list) and any(isinstance(value, Mapping) for value in figures):
        for place, value in enumerate(figures, start=1):
            yield from flat(value, f"{path}: {place}")
    elif isinstance(figures, list):
        yield path, ", ".join(number(value) for value in figures)
    else:
        yield path, number(figures)


def number(value: float | str) -> str:
    """A number with four significant digits, with separators where it is large."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.4g}"
    return f"{value:.4g}"


def updated(document: str, results: Sequence[Result]) -> str:
    """The document with its machine's section replaced or added; what stands outside the sections stays.

    ValueError where the section has benchmarks of which there are no results: their figures would be lost.
    """
    machine = machine_name(results[0]["machine"])
    new = section(results)
    old = next((match[0] for match in _SECTION.finditer(document) if match["machine"] == machine), "")
    if lost := sorted({*_BENCHMARK.findall(old)} - {*_BENCHMARK.findall(new)}):
        raise ValueError(
            f"The results must have all that RESULTS.md has of {machine}, but {', '.join(lost)} would be lost: run "
            "what is missing, or take its section out by hand."
        )
    if any(match["machine"] == machine for match in _SECTION.finditer(document)):
        return _SECTION.sub(lambda match: new if match["machine"] == machine else match[0], document)
    return f"{document.rstrip()}\n\n{new}"
