"""A process that sends a study's ledger to its store, to be killed while it does: `python ship_worker.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from search.exports.listener import MlflowTracking
from search.ledger.ledger import Ledger
from search.study.folder import Layout
from search.study.yaml_file import load_study


def main() -> None:
    """Send everything, as a study's driver does at its end."""
    folder = Path(sys.argv[1])
    layout = Layout(folder.parents[1], folder.name)
    MlflowTracking(load_study(layout.study_file, []), layout, Ledger(layout.ledger_file)).close(120)


if __name__ == "__main__":
    main()
