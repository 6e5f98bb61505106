"""What the analysis found, on the study's run: kept in the study's folder first, so that a store may be away."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from search.exports.cursor import tracking_uri
from search.exports.kept_results import Shown, keep_results, read_results, read_verdict
from search.exports.listener import error_text, store_opener
from search.exports.run_images import Projection
from search.exports.run_store import STUDY_KEY, MetricPoint, RemoteRun, RunImage, RunStore
from search.ledger.ledger import read_ledger
from search.study.config import StudyConfig
from search.study.folder import Layout

FIRST = "00_"  # how a file's name begins that a list of files, sorted by name, is to have first


def log_results(
    study: StudyConfig, layout: Layout, metrics: Mapping[str, float], files: Sequence[Path], shown: Shown | None = None
) -> str | None:
    """Put numbers and files of the analysis on the study's run, and what is shown first; where that fails, why.

    Never raises for the store's sake: what it doesn't take now is sent by `binwise sync`.
    """
    keep_results(layout.folder, metrics, files, shown, at=time.time())
    uri = tracking_uri(study, layout)
    try:
        store, remote, image = study_run(uri, study, layout)
        send_results(store, remote, layout.folder)
        # How the run stands says whoever runs the study.
        store.update(remote, replace(image, status=remote.status, ended=remote.ended), ())
    except Exception as error:  # MLflow and its stores raise errors of many libraries
        return error_text(error, uri)
    return None


def study_run(uri: str, study: StudyConfig, layout: Layout) -> tuple[RunStore, RemoteRun, RunImage]:
    """The store, the study's run in it, made if it is missing, and what the run should hold.

    What the store and its client raise is raised.
    """
    events, state = read_ledger(layout.ledger_file)
    store = store_opener(uri, study, layout, state.uid)()
    image = Projection(events, alive=False, verdict=read_verdict(layout.folder)).image(STUDY_KEY)
    return store, store.find(STUDY_KEY) or store.create(image, None), image


def send_results(store: RunStore, remote: RemoteRun, folder: Path) -> bool:
    """Everything that was kept, on the study's run; whether anything was to be done."""
    kept = read_results(folder)
    points = [MetricPoint(key, value, int(at * 1000), 0) for key, (value, at) in kept["metrics"].items()]
    there = set(store.history(remote, [point.key for point in points]))
    missing = [point for point in points if point not in there]
    if missing:
        store.log_points(remote, missing)
    files = _contents(folder, kept["files"])
    if "picture" in kept:
        files |= {f"{FIRST}{name}": content for name, content in _contents(folder, [kept["picture"]]).items()}
    did = store.put_files(remote, files)
    return store.put_tables(remote, _contents(folder, kept["tables"])) or did or bool(missing)


def _contents(folder: Path, paths: Sequence[str]) -> dict[str, bytes]:
    """By name, of the files that are there."""
    return {Path(path).name: (folder / path).read_bytes() for path in paths if (folder / path).is_file()}
