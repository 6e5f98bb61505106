"""A golden study: what a refactoring must not change. `record` runs it with some checkout, `compare` tells two apart.

    python tests/integration/golden.py record OUT [--python CHECKOUT/.venv/bin/python]
    python tests/integration/golden.py compare OUT_BEFORE OUT_AFTER

Both modalities, six trials each, one at a time, a fixed seed; its driver is killed in the middle of a trial and the
study resumed, analysed, tested and reported. Run it through the command line alone, so that any version can be asked.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EPOCHS_BEFORE_KILL = 13  # the driver is killed when the ledger has so many
STUDY = """
name: golden
description: Six trials a modality, one at a time.
seed: 11
data: {train: data/Train, val: data/Val, test: data/Test}
image:
  backbone: test_efficientnet
  weights: none
  size: 32
  head_widths: [16]
  head_dropouts: [0.1]
  max_epochs: 4
  batch_size: 32
  checkpoint_every: 1
  search:
    heads: none
    trials: 6
    startup_trials: 2
    resources: {cpus: CPUS, gpus: 0}
    space:
      head_learning_rate: {type: float, low: 1e-4, high: 1e-1, log: true}
      batch_size: {type: choice, choices: [16, 32]}
    points: [{head_learning_rate: 3e-2}, {label_smoothing: 0.1}]
    scheduler: {name: asha, grace: 1, factor: 2}
text:
  backbone: distilbert-base-uncased
  weights: none
  architecture: {n_layers: 1, dim: 32, hidden_dim: 64, n_heads: 2, max_position_embeddings: 64}
  vocabulary_size: 300
  max_epochs: 4
  batch_size: 32
  learning_rate: 1e-3
  checkpoint_every: 1
  search:
    heads: none
    trials: 6
    startup_trials: 2
    resources: {cpus: CPUS, gpus: 0}
    space:
      learning_rate: {type: float, low: 1e-4, high: 1e-1, log: true}
      cleaning: {type: choice, choices: [raw, words]}
    points: [{learning_rate: 1e-2}]
    scheduler: {name: hyperband, grace: 1, factor: 2}
"""
# Fields that are about time, about this machine or about the version that wrote them.
VARYING = frozenset(
    {
        *("at", "uid", "pid", "host", "worker", "versions", "commit", "created", "seconds", "evaluated", "text"),
        *("epoch_seconds", "samples_per_second", "host_memory_bytes", "gpu_memory_bytes", "gpu_utilization"),
        *("cpu_utilization", "latency", "seconds_per_sample", "notes", "selection_digest", "crc"),
        "val_logits.npy",  # of a checkpoint's digests: earlier versions didn't keep it
    }
)


def binwise(python: Path, folder: Path, *arguments: str) -> list[str]:
    """The command line of a checkout's environment."""
    return [str(python.parent / "binwise"), *arguments]


def run(python: Path, folder: Path, *arguments: str) -> str:
    """A command to its end; its standard output."""
    done = subprocess.run(
        binwise(python, folder, *arguments), cwd=folder, env=_environment(), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


def record(folder: Path, python: Path) -> None:
    """Run the study in `folder`, which is new."""
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(STUDY.replace("CPUS", str(os.cpu_count())), "utf-8")
    run(python, folder, "data", "demo", "data", "--scale", "240", "--size", "48")
    kill_in_the_middle(python, folder)
    for arguments in (("resume",), ("analyze",), ("test",), ("report",)):
        (folder / f"{arguments[0]}.out").write_text(run(python, folder, *arguments, "golden"), "utf-8")


def kill_in_the_middle(python: Path, folder: Path, epochs: int = EPOCHS_BEFORE_KILL) -> None:
    """Begin the study and SIGKILL its driver as soon as so many epochs are on record."""
    ledger = folder / "mlruns/studies/golden/ledger.jsonl"
    with (folder / "first.out").open("w") as out:
        driver = subprocess.Popen(
            binwise(python, folder, "search", "study.yaml"),
            cwd=folder, env=_environment(), stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        while driver.poll() is None and _epochs(ledger) < epochs:
            time.sleep(0.005)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    if _epochs(ledger) != epochs:
        raise SystemExit(f"The driver should have been killed after {epochs} epochs, but there are {_epochs(ledger)}.")


def _epochs(ledger: Path) -> int:
    return ledger.read_bytes().count(b'"kind":"epoch"') if ledger.is_file() else 0


def golden_values(study: Path) -> dict[str, Any]:
    """What must be the same: the ledger, the trials, the selection, the test's result, the report's words."""
    ledger = [json.loads(line)["event"] for line in (study / "ledger.jsonl").read_text("utf-8").splitlines()]
    # A killed worker may have reported its resumption or not: notes are no behaviour of the study's.
    events = [{**event, "seq": 0} for event in ledger if event["kind"] != "note"]
    trials = [json.loads(line) for line in (study / "trials.jsonl").read_text("utf-8").splitlines()]
    analysis = study / "analysis"
    report = (analysis / "report.md").read_text("utf-8")
    return {
        "ledger": without_varying(events),
        "trials": without_varying(trials),
        "selection": without_varying(json.loads((analysis / "selection.json").read_text("utf-8"))),
        "final_test": without_varying(json.loads((analysis / "final_test.json").read_text("utf-8"))),
        "report": [line for line in plain_report(report).splitlines() if line],
    }


def plain_report(text: str) -> str:
    """The report without times, dates, digests and versions."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:+]+( UTC)?", "TIME", text)
    lines = [re.sub(r"\| [\d.]+ \|$", "| MS |", line) for line in text.splitlines()]
    lines = [re.sub(r"Resumed (after|within) epoch \d+", "Resumed", line) for line in lines]  # as far as it had saved
    dropped = ("- Made with", "- Speed:", "- Frozen on", "| What does a sample cost?")
    return "\n".join(
        re.sub(r"(\d+\u00a0min\u00a0)?\d+\u00a0(s|min|ms)\b", "TIME", one)
        for one in lines
        if not one.startswith(dropped)
    )


def without_varying(value: Any) -> Any:
    """A value without what differs between two runs of one version."""
    if isinstance(value, dict):
        return {key: without_varying(one) for key, one in value.items() if key not in VARYING}
    return [without_varying(one) for one in value] if isinstance(value, list) else value


def compare(before: Path, after: Path) -> list[str]:
    """The places at which two recordings differ, parts that one of them lacks included."""
    old, new = (golden_values(folder / "mlruns/studies/golden") for folder in (before, after))
    roots = {str(before.absolute()): "FOLDER", str(after.absolute()): "FOLDER"}
    return list(_differences("", _renamed(old, roots), _renamed(new, roots)))


def _renamed(value: Any, roots: dict[str, str]) -> Any:
    text = json.dumps(value)
    for root, name in roots.items():
        text = text.replace(root, name)
    return json.loads(text)


def _differences(place: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [d for key in sorted({*old, *new}) for d in _differences(f"{place}.{key}", old.get(key), new.get(key))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [d for n, pair in enumerate(zip(old, new, strict=True)) for d in _differences(f"{place}[{n}]", *pair)]
    return [] if old == new else [f"{place}: {json.dumps(old)[:300]} -> {json.dumps(new)[:300]}"]


def main() -> None:
    """See the module's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("record")
    one.add_argument("folder", type=Path)
    one.add_argument("--python", type=Path, default=Path(sys.executable))
    two = commands.add_parser("compare")
    two.add_argument("before", type=Path)
    two.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "record":
        record(given.folder, given.python.absolute())
        return
    found = compare(given.before, given.after)
    print("\n".join(found) or "the same")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
