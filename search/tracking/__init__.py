"""MLflow as a projection of the ledger: the study as parent run, each trial a child of it. It never stops a study.

MLflow itself is imported in `store.py` alone, and that only where a store is spoken to: the import takes seconds.
"""

from search.tracking import environment  # noqa: F401  # before MLflow is imported
from search.tracking.cursor import Lag, lag_of, tracking_uri, with_credentials, without_password
from search.tracking.listener import MlflowTracking
from search.tracking.results import log_results

__all__ = [
    "Lag",
    "MlflowTracking",
    "lag_of",
    "log_results",
    "tracking_uri",
    "with_credentials",
    "without_password",
]
