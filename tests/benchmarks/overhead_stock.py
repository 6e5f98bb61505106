"""The stock glue: overhead_stock.py FOLDER TRIALS."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def search(folder: Path, trials: int) -> None:
    """As Ray's and MLflow's guides have it."""
    import ray
    from overhead_trial import EPOCHS, HIGH, LOW, RATE, Milliseconds
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    folder.mkdir(parents=True)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(Milliseconds, {"cpu": 1}),
        param_space={RATE: tune.loguniform(LOW, HIGH)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric="val_accuracy", mode="max", seed=0),
            scheduler=ASHAScheduler(
                time_attr="epoch", metric="val_accuracy", mode="max", max_t=EPOCHS, grace_period=3, reduction_factor=3
            ),
            num_samples=trials,
            max_concurrent_trials=2,
        ),
        run_config=tune.RunConfig(
            name="stock",
            storage_path=str(folder),
            verbose=0,
            callbacks=[MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name="stock")],
        ),
    )
    tuner.fit()
    ray.shutdown()


if __name__ == "__main__":
    search(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({}))
