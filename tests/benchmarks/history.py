"""The figures of every run, a JSON line each in `results.jsonl`; RESULTS.md has the latest ones alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rendering import machine_name

from trainables.data.files import replace_file

Line = Mapping[str, Any]


def lines_of(result: Mapping[str, Any]) -> list[Line]:
    """A benchmark's result as lines: one for each figure that has a bound.

    `date` is in UTC (YYYY-MM-DD HH:MM), `commit` the measured one (`-dirty` behind it where files differ), `value` and
    `bound` are in `unit`. No line where the result says no date: it is of a version that had no history.
    """
    if "date" not in result:
        return []
    return [
        {
            "date": result["date"],
            "commit": result["commit"],
            "machine": machine_name(result["machine"]),
            "benchmark": result["name"],
            "figure": bound["what"],
            "value": float(f"{bound['measured']:.4g}"),
            "unit": bound["unit"],
            "bound": bound["bound"],
        }
        for bound in result["bounds"]
    ]


def append(results: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Add the lines that the file hasn't yet; how many. Two lines that differ in nothing are one measurement."""
    known = read(path)
    new = [line for result in results for line in lines_of(result) if line not in known]
    replace_file(path, "".join(json.dumps(line) + "\n" for line in [*known, *new]).encode())
    return len(new)


def read(path: Path) -> Sequence[Line]:
    """All lines, in the order in which they were written; none where there is no file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
