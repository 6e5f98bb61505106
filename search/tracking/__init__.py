"""MLflow as a projection of the ledger: the study as parent run, each trial a child of it. It never stops a study."""
