"""What the analysis found, kept in the study's folder for a run store that may be away."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.files import replace_file

RESULTS_FILE = "mlflow_results.json"  # metrics with their times, and paths relative to the study


@dataclass(frozen=True)
class Shown:
    """What a person sees of the study's run first; files of the study's folder."""

    verdict: Path | None = None  # Markdown
    picture: Path | None = None
    tables: tuple[Path, ...] = ()  # JSON with `columns` and `data`


def keep_results(
    folder: Path, metrics: Mapping[str, float], files: Sequence[Path], shown: Shown | None = None, *, at: float
) -> None:
    """Remember results in the study's folder. `at`: seconds since 1970; a value that hasn't changed keeps its time.

    Without `shown` what was kept of that stays.
    """
    kept = read_results(folder)
    known = {key: value for key, (value, _) in kept["metrics"].items()}
    new = {key: [float(value), at] for key, value in metrics.items() if known.get(key) != float(value)}
    paths = [_relative(path, folder) for path in files]
    content = {**kept, "metrics": kept["metrics"] | new, "files": list(dict.fromkeys([*kept["files"], *paths]))}
    if shown is not None:
        content["verdict"] = shown.verdict and _relative(shown.verdict, folder)
        content["picture"] = shown.picture and _relative(shown.picture, folder)
        content["tables"] = [_relative(path, folder) for path in shown.tables]
    replace_file(folder / RESULTS_FILE, json.dumps(content).encode())


def read_results(folder: Path) -> dict[str, Any]:
    """What was kept; nothing where the file is missing or damaged."""
    try:
        raw = json.loads((folder / RESULTS_FILE).read_text("utf-8"))
        metrics = {str(key): [float(value), float(at)] for key, (value, at) in raw["metrics"].items()}
        shown = {key: raw[key] for key in ("verdict", "picture") if isinstance(raw.get(key), str)}
        tables = [str(path) for path in raw.get("tables", ())]
        return {"metrics": metrics, "files": [str(path) for path in raw["files"]], "tables": tables, **shown}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {"metrics": {}, "files": [], "tables": []}


def read_verdict(folder: Path) -> str:
    """What the report says first, as Markdown; empty where there is none."""
    with suppress(OSError, ValueError, KeyError):
        return Path(folder, read_results(folder)["verdict"]).read_text("utf-8")
    return ""


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
