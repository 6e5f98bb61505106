"""MLflow's store: the only place that imports it."""
