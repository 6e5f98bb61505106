"""What the analysis found, on the study's run: kept in the study's folder first, so that a store may be away."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.exports.cursor import tracking_uri
from search.exports.listener import error_text, store_opener
from search.exports.run_images import Projection
from search.exports.run_store import STUDY_KEY, MetricPoint, RemoteRun, RunStore
from search.ledger.ledger import read_ledger
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.files import replace_file

RESULTS_FILE = "mlflow_results.json"  # metrics with their times, and paths of files relative to the study


def log_results(study: StudyConfig, layout: Layout, metrics: Mapping[str, float], files: Sequence[Path]) -> str | None:
    """Put numbers and files of the analysis on the study's run; where that fails, why.

    Never raises for the store's sake: what it doesn't take now is sent by `binwise sync`.
    """
    keep_results(layout.folder, metrics, files, at=time.time())
    uri = tracking_uri(study, layout)
    try:
        events, state = read_ledger(layout.ledger_file)
        store = store_opener(uri, study, layout, state.uid)()
        remote = store.find(STUDY_KEY)
        if remote is None:
            remote = store.create(Projection(events, alive=False).image(STUDY_KEY), None)
        send_results(store, remote, layout.folder)
    except Exception as error:  # MLflow and its stores raise errors of many libraries
        return error_text(error, uri)
    return None


def keep_results(folder: Path, metrics: Mapping[str, float], files: Sequence[Path], *, at: float) -> None:
    """Remember results in the study's folder. `at`: seconds since 1970; a value that hasn't changed keeps its time."""
    kept = read_results(folder)
    known = {key: value for key, (value, _) in kept["metrics"].items()}
    new = {key: [float(value), at] for key, value in metrics.items() if known.get(key) != float(value)}
    paths = [Path(os.path.relpath(path, folder)).as_posix() for path in files]
    content = {"metrics": kept["metrics"] | new, "files": list(dict.fromkeys([*kept["files"], *paths]))}
    replace_file(folder / RESULTS_FILE, json.dumps(content).encode())


def read_results(folder: Path) -> dict[str, Any]:
    """What was kept; nothing where the file is missing or damaged."""
    try:
        raw = json.loads((folder / RESULTS_FILE).read_text("utf-8"))
        metrics = {str(key): [float(value), float(at)] for key, (value, at) in raw["metrics"].items()}
        return {"metrics": metrics, "files": [str(path) for path in raw["files"]]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {"metrics": {}, "files": []}


def send_results(store: RunStore, remote: RemoteRun, folder: Path) -> bool:
    """Everything that was kept, on the study's run; whether anything was to be done."""
    kept = read_results(folder)
    points = [MetricPoint(key, value, int(at * 1000), 0) for key, (value, at) in kept["metrics"].items()]
    there = set(store.history(remote, [point.key for point in points]))
    missing = [point for point in points if point not in there]
    if missing:
        store.log_points(remote, missing)
    files = {Path(path).name: (folder / path).read_bytes() for path in kept["files"] if (folder / path).is_file()}
    return store.put_files(remote, files) or bool(missing)
