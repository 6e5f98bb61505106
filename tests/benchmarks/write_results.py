"""Write RESULTS.md from the JSON files of `make bench`: write_results.py [FOLDER ...], one folder a machine.

Text outside of the machines' sections stays as it is. Each run's bounded figures are added to results.jsonl, and
trend.png is drawn of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import history
import trend
from rendering import machine_name, updated

from trainables.data.files import replace_file

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "mlruns" / "bench"
RESULTS = HERE / "RESULTS.md"
HISTORY = HERE / "results.jsonl"
TITLE = """# Measured figures

Written by `make bench` and `python tests/benchmarks/write_results.py`, a section for each machine. Each ratio stands
between two figures of one run, in which reference and ours took turns; figures of different runs aren't comparable.
Every run's ratios are lines of [results.jsonl](results.jsonl), their way from run to run is drawn in
[trend.png](trend.png).
"""


def write(folders: Sequence[Path]) -> None:
    """Replace or add each folder's machine. Results of `--quick` are left out: their figures are rough.

    Where that would lose another benchmark's figures, nothing is written and the process ends with exit code 1.
    """
    document = RESULTS.read_text("utf-8") if RESULTS.exists() else TITLE
    written = []
    for folder in folders:
        results = [result for result in read(folder) if not result["quick"]]
        for name in dict.fromkeys(machine_name(result["machine"]) for result in results):
            try:
                document = updated(document, [one for one in results if machine_name(one["machine"]) == name])
            except ValueError as error:
                sys.exit(f"{folder}: {error}")
        written += results
        if not results:
            print(f"{folder} has no results but those of quick runs: nothing of it is written.", file=sys.stderr)
    replace_file(RESULTS, document.encode())
    print(f"Written: {RESULTS}; {history.append(written, HISTORY)} lines added to {HISTORY}")


def read(folder: Path) -> list[dict[str, Any]]:
    """A folder's results, sorted by name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


if __name__ == "__main__":
    write([Path(argument) for argument in sys.argv[1:]] or [OUTPUT])
    trend.draw()
