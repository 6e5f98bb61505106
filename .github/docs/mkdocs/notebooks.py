"""Run the notebooks of the documentation as Jupyter would, on a small study that is made first: `make notebooks`.

With `--write` what they show is kept in them, but for pages as large as a report.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from search import Study
from trainables.data.demo.demo import make_demo

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / ".github/docs/notebooks"
PLACE = ROOT / "build/notebooks"
LARGEST = 20_000  # characters of an output that is kept
TIMEOUT = 300  # seconds of a cell
STUDY = """
name: demo
description: Small enough to be made while the documentation is.
data: {train: data/Train, val: data/Val, test: data/Test}
image: {backbone: mobilenet_v3_small, weights: none, size: 64, max_epochs: 3, search: {heads: none, trials: 1}}
text:
  backbone: distilbert-base-uncased
  weights: none
  architecture: {n_layers: 1, dim: 64, hidden_dim: 128, n_heads: 2}
  vocabulary_size: 600
  max_epochs: 6
  learning_rate: 1e-3
  search:
    heads: none
    trials: 3
    space: {learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}}
"""


def make_study() -> None:
    """A data set and a study of it, from the search to the report, in an empty folder."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    (PLACE / "study.yaml").write_text(STUDY)
    with contextlib.chdir(PLACE):
        make_demo(Path("data"), pictures=240, size=64, seed=0)
        Study.from_yaml("study.yaml").run()


def run(path: Path, *, write: bool) -> None:
    """All cells of a notebook; what a cell raises ends the run. CellExecutionError shows it."""
    notebook = nbformat.read(path, as_version=4)
    # The kernel listens on loopback alone.
    NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(PLACE)}}).execute()
    nbformat.write(notebook, PLACE / path.name)
    if write:
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times
            if cell.cell_type == "code":
                cell.outputs = [one for one in cell.outputs if _kept(one)]
        notebook.metadata.language_info = {"name": "python"}
        nbformat.write(notebook, path)


def _kept(output: nbformat.NotebookNode) -> bool:
    """Whether it isn't too large, is no warning, and says no path of this machine."""
    text = str(output)
    return len(text) <= LARGEST and str(ROOT) not in text and output.get("name") != "stderr"


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    make_study()
    for notebook_path in sorted(NOTEBOOKS.glob("*.ipynb")):
        run(notebook_path, write="--write" in sys.argv[1:])
        print(f"Ran {notebook_path.relative_to(ROOT)}")
