"""Run all benchmarks, or those that are named, each in a process of its own; keep their JSON and print the bounds.

A bound that is missed is shown and changes nothing else; a benchmark that can't be run makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trend
import write_results
from rendering import bounds_table

from trainables.data.files import replace_file

BENCHMARKS = (
    "input_path",
    "cache_build",
    "data_check",
    "image_loop",
    "text_loop",
    "memory",
    "compile",
    "mixture",
    "search_overhead",
)
BY_NAME = ("learning", "search_quality", "shortcuts", "anytime", "selection_rules", "statistics")  # where asked for
FILES = {"statistics": "simulated_studies"}  # of benchmarks whose name is a module's of Python itself
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def run(name: str, *, options: Sequence[str]) -> dict[str, Any] | None:
    """A benchmark's result; None where it failed. It measures the tree that it lies in."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    began = time.perf_counter()
    command = [sys.executable, str(HERE / f"{FILES.get(name, name)}.py"), *options]
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    if done.returncode != 0:
        print(f"{name} FAILED with exit code {done.returncode}; its error stands above.", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def told_by() -> dict[str, str]:
    """What tells this run from others: when it began (UTC), and the commit, with `-dirty` where files differ."""
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "commit": done.stdout.strip() or "unknown"}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="BENCHMARK",
        help=f"of {', '.join((*BENCHMARKS, *BY_NAME))}; all but the last six by default",
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: little data, rough figures")
    parser.add_argument("--sealed", action="store_true", help="anytime alone: all sets and their tests, once")
    parser.add_argument("--output", type=Path, default=write_results.OUTPUT, help="folder of the JSON files")
    parser.add_argument(
        "--write", action="store_true", help="write RESULTS.md and the trend as well (write_results.py)"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.names) - {*BENCHMARKS, *BY_NAME})
    if unknown:
        parser.error(f"a benchmark must be one of {', '.join((*BENCHMARKS, *BY_NAME))}, but got {', '.join(unknown)}.")
    names = options.names or BENCHMARKS
    if options.sealed and names != ["anytime"]:
        parser.error("--sealed goes with anytime alone.")
    told = told_by()
    given = [f"--{one}" for one in ("quick", "sealed") if getattr(options, one)]
    found = {name: run(name, options=given) for name in names}
    results = [result | told for result in found.values() if result is not None]
    for result in results:
        replace_file(options.output / f"{result['name']}.json", json.dumps(result, indent=2).encode())
    print(bounds_table(results))
    print(f"Figures: {options.output.resolve()}/*.json")
    if options.write:
        write_results.write([options.output])
        trend.draw()
    return 0 if len(results) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
