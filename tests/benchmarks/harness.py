"""What every benchmark script does around its measurement: options, a temporary folder, one JSON on stdout."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from machine import describe_machine
from measure import Findings

Benchmark = Callable[[Path, bool], Findings]  # (temporary folder, quick)


def main(name: str, benchmark: Benchmark, *, section: str | None = None) -> None:
    """Run a benchmark as a script. Everything that libraries print goes to stderr, so that stdout is the JSON alone.

    `section`: where its figures stand in RESULTS.md if they don't depend on the machine; else in the machine's.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: little data, few repeats, rough figures")
    quick: bool = parser.parse_args().quick
    machine = describe_machine() | ({"section": section} if section else {})
    with redirect_stdout(sys.stderr), tempfile.TemporaryDirectory(prefix=f"binwise-{name}-") as folder:
        findings = benchmark(Path(folder), quick)
    print(json.dumps(as_json(name, machine, findings, quick=quick), indent=2))


def as_json(name: str, machine: dict[str, str], findings: Findings, *, quick: bool) -> dict[str, Any]:
    """The one form of all results."""
    return {"name": name, "quick": quick, "machine": machine, **dataclasses.asdict(findings)}
