"""What others read, computed from the ledger: trials.jsonl, Optuna's journal, MLflow's runs."""
