"""The studies of `anytime.py`: their YAML, run under a meter of CPU seconds, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from bench_sets import FOLDER, REPOSITORY
from core_seconds import Metered, metered
from made_data import IMAGE, TEXT
from numpy.typing import NDArray

from trainables.data.files import replace_file
from trainables.names import LEDGER_FILE, NONE

WHOLE, FINE_TUNING, RUNG_ZERO = "whole study", "fine-tuning only", "rung zero"
LINEAR, RANDOM_HEADS = "linear", "random heads"
RANDOM_TRIALS = "random trials"  # a pool of models for `selection_rules.py`
STUDIES = (RUNG_ZERO, WHOLE, FINE_TUNING)
RUNS = FOLDER / "runs"
SECONDS = "seconds"  # a worker's CPU seconds, beside its logits
METERED = "metered.json"
NAME = "bench"  # of every study: its folder says which
LEDGER = f"studies/{NAME}/{LEDGER_FILE}"  # within a run's folder


@dataclass(frozen=True)
class Size:
    """How much is searched."""

    trials: int = 4
    image_epochs: int = 5
    text_epochs: int = 4
    grace: int = 2


QUICK = Size(trials=2, image_epochs=2, text_epochs=2, grace=1)
POOL = Size(trials=16)


@dataclass(frozen=True)
class Run:
    """A study that has run: its folder, what it took, and the commit at which it ran."""

    folder: Path
    meter: Metered
    commit: str


def study_config(variant: str, data: Path, runs: Path, size: Size) -> dict[str, Any]:
    """A study of a set: the sections of configs/openclipart.yaml with fewer trials and epochs; no test split is named.

    Fine-tuning alone has no heads. Rung zero has the heads and the shortest fine-tuning that there is, as a search has
    one trial at least; nothing after the last head counts. Random trials are drawn without regard to what others found,
    and each trains all its epochs.
    """
    image: dict[str, Any] = {
        "backbone": "tf_efficientnet_lite0",
        "weights": "imagenet",
        "size": 128,
        "max_epochs": size.image_epochs,
        "patience": size.image_epochs,
        "schedule": "one_cycle",
        "search": {
            "space": {
                "backbone_learning_rate": {"type": "float", "low": 1e-4, "high": 3e-3, "log": True},
                "head_learning_rate": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True},
                "augmentation_strength": {"type": "float", "low": 0.0, "high": 2.0},
                "label_smoothing": {"type": "float", "low": 0.0, "high": 0.2},
            },
            "points": [{"backbone_learning_rate": 1.5e-3, "head_learning_rate": 1.5e-3}],
        },
    }
    text: dict[str, Any] = {
        "backbone": "sentence-transformers/all-MiniLM-L6-v2",
        "max_epochs": size.text_epochs,
        "patience": size.text_epochs,
        "batch_size": 32,
        "search": {
            "space": {
                "learning_rate": {"type": "float", "low": 2e-5, "high": 5e-4, "log": True},
                "weight_decay": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
                "cleaning": {"type": "choice", "choices": ["raw", "words"]},
            },
            "points": [{"learning_rate": 2e-4, "cleaning": "words"}],
        },
    }
    for section in (image, text):
        search = section["search"]
        search |= {"trials": size.trials, "startup_trials": max(2, size.trials // 2)}
        search["scheduler"] = {"name": "asha", "grace": size.grace, "factor": 3}
        if variant == FINE_TUNING:
            search["heads"] = NONE
        if variant == RUNG_ZERO:
            section |= {"max_epochs": 1, "patience": 1}
            search |= {"trials": 1, "startup_trials": 1, "points": [], "scheduler": {"name": NONE}}
        if variant == RANDOM_TRIALS:
            del search["startup_trials"]
            search |= {"method": "random", "scheduler": {"name": NONE}, "patience_trials": None}
            search["resources"] = {"cpus": 1}
    return {
        "name": NAME,
        "seed": 0,
        "data": {"train": str(data / "Train"), "val": str(data / "Val")},
        "runs": str(runs),
        "linear_baseline": False,
        IMAGE: image,
        TEXT: text,
    }


def place_of(set_name: str, variant: str, *, quick: bool) -> Path:
    """The folder of a run: caches of its own, so that none computes what another one uses."""
    return RUNS / ("quick" if quick else "full") / set_name / variant.replace(" ", "_")


def ran(set_name: str, variant: str, data: Path, *, quick: bool, commit: str, fresh: bool = False) -> Run:
    """A study of a set, run to its end; one that ran with the same YAML and data is kept unless it is to be `fresh`."""
    place = place_of(set_name, variant, quick=quick)
    folder = place / "studies" / NAME
    size = QUICK if quick else POOL if variant == RANDOM_TRIALS else Size()
    text = yaml.safe_dump(study_config(variant, data, place, size), sort_keys=False)
    content = content_of(data)
    kept = None if fresh else _kept(place, {"yaml": text, "content": content})
    if kept is not None:
        return Run(folder, Metered(0, kept["times"], kept["seconds"]), kept["commit"])
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    study = place / "study.yaml"
    study.write_text(text, "utf-8")
    meter = run_metered([sys.executable, "-m", "search.cli.main", "search", str(study)], place / "output.log")
    if not (place / LEDGER).is_file():
        sys.exit(f"{place}: the study left no ledger. Its output: {place / 'output.log'}")
    replace_file(
        place / METERED, json.dumps(asdict(meter) | {"commit": commit, "yaml": text, "content": content}).encode()
    )
    return Run(folder, meter, commit)


def worked(
    what: str, set_name: str, data: Path, *, test: bool, fresh: bool = False
) -> tuple[dict[str, NDArray[Any]], float]:
    """What a worker (`LINEAR`, `RANDOM_HEADS`) found: logits by its keys, and its CPU seconds; kept once it has run."""
    folder = RUNS / ("sealed" if test else "val") / set_name / content_of(data)[:12]
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"{what.replace(' ', '_')}.npz"
    if fresh or not output.exists():
        worker = str(Path(__file__).with_name("anytime_worker.py"))
        command = [sys.executable, worker, what, str(data), str(output), *(["--test"] if test else [])]
        run_metered(command, output.with_suffix(".log"))
    with np.load(output, allow_pickle=False) as arrays:
        found = {key: arrays[key] for key in arrays.files}
    return found, float(found.pop(SECONDS))


def run_metered(command: list[str], log: Path) -> Metered:
    """Run a command of this tree under the meter; the process ends where it fails."""
    print(f"  {' '.join(command[1:4])} ... ({log})", file=sys.stderr, flush=True)
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    with log.open("wb") as stream:
        meter = metered(command, stream, env={**os.environ, "PYTHONPATH": path})
    if meter.code != 0:
        sys.exit(f"{' '.join(command)} ended with exit code {meter.code}. Its output: {log}")
    print(f"  {meter.total / 60:.2f} core-minutes", file=sys.stderr, flush=True)
    return meter


def _kept(place: Path, told_by: Mapping[str, str]) -> Mapping[str, Any] | None:
    path = place / METERED
    if not path.is_file():
        return None
    kept: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    return kept if all(kept.get(key) == value for key, value in told_by.items()) else None


def content_of(data: Path) -> str:
    """What tells a set from one that was built anew: SHA-256 of its files' names and sizes."""
    lines = [f"{path.relative_to(data)} {path.stat().st_size}" for path in sorted(data.rglob("*.png"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def commit_of_tree() -> str:
    """The commit that is measured, with `-dirty` where files differ."""
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip() or "unknown"
