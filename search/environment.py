"""How Ray and MLflow are to behave, said in the environment before either is imported; `search/__init__.py` sees to it.

What the user has set stays.
"""

from __future__ import annotations

import os

RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # it takes SIGTERM for a crash; Python's own tells a worker's crashes
    "RAY_worker_niceness": "0",  # trials are what the machine is there for: at Ray's 15 any neighbour starves them
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our own output instead of Tune's loggers, no advice about either
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # no snapshots: the ledger is what a study is rebuilt from
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the session's own matter
    "TUNE_MAX_PENDING_TRIALS_PG": "200",  # whether one more trial fits says our driver: their workers start together
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_COLOR_PREFIX": "0",  # no colours in what may be a file
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}
MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # who sends tries again itself, later
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def prepare() -> None:
    """Set what isn't set yet."""
    for name, value in {**RAY, **MLFLOW}.items():
        os.environ.setdefault(name, value)
