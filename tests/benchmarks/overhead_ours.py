"""Ours, through the real driver, executor, ledger, projections and tracker: overhead_ours.py FOLDER TRIALS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from overhead_study import made_study


def search(folder: Path, trials: int) -> None:
    """The same trials as the stock glue's."""
    from search.machines.ray_cluster import cluster_nodes, ray_cluster
    from search.session.stop_request import StopRequest
    from search.session.tune_executor import run_attempts
    from search.study.config import ClusterSection

    study = made_study(folder, trials)
    with ray_cluster(ClusterSection()):
        cluster_nodes()
        from overhead_trial import Milliseconds

        stop = StopRequest(study.layout.stop_file)
        run_attempts(study.driver, {"image": {"modality": "image"}}, stop, trainable=Milliseconds)
    study.close()


if __name__ == "__main__":
    search(Path(sys.argv[1]).absolute(), int(sys.argv[2]))
    print(json.dumps({}))
