"""The words that the three packages share: names of splits, metrics, files and folders."""

from __future__ import annotations

from typing import Literal, get_args

# What is made of several modalities.
ENSEMBLE = "ensemble"
FUSED = "fused"
# Richer fusions of the selected models: a weight for each class, and logistic regression on their log-probabilities.
PER_CLASS: Literal["per_class"] = "per_class"
STACKING: Literal["stacking"] = "stacking"
FusionName = Literal["per_class", "stacking"]
RICHER: tuple[FusionName, ...] = (PER_CLASS, STACKING)

# Splits.
TRAIN = "train"
VAL = "val"
TEST = "test"
SPLIT_FOLDERS = ("Train", "Val", "Test")  # of a data set that was made here

# Columns of a CSV; the built-in modalities have the names of theirs.
LABEL_COLUMN = "label"
TEXT_COLUMN = "text"
IMAGE_COLUMN = "image"

# Metric keys, the same in Tune, Optuna, MLflow, trials.jsonl and the report.
EPOCH = "epoch"
VAL_ACCURACY = "val_accuracy"
LATENCY = "latency"  # an objective: seconds per sample on val
SIZE = "size"  # an objective: bytes of the weights
# Where an epoch has an objective's value.
OBJECTIVE_FIELDS = {VAL_ACCURACY: VAL_ACCURACY, LATENCY: "latency", SIZE: "weights_bytes"}
STOP_REASON = "stop_reason"
DETAIL = "detail"  # why, in words
WORKER = "worker"  # host and process id of the worker that reports
NOTE = "note"  # what happened on the way that a person should know: a damaged state, a batch that didn't fit

# What the weight of a fusion is chosen for, and by which rule.
ACCURACY: Literal["accuracy"] = "accuracy"
FusedMetric = Literal["accuracy", "macro_f1", "weighted_f1", "balanced_accuracy"]
WIDEST_PLATEAU: Literal["widest_plateau"] = "widest_plateau"
AlphaRule = Literal["widest_plateau", "one_standard_error"]

# A hyperparameter that only head trials have: which head is fitted on frozen features.
HEAD = "head"
HeadFamily = Literal["kernel_ridge", "logistic", "neighbours"]
HEAD_FAMILIES: tuple[HeadFamily, ...] = get_args(HeadFamily)  # in the order in which they are worth it

NONE = "none"  # a value of `weights`: random ones; of `heads`: no head trials

# Files of a checkpoint folder.
WEIGHTS_FILE = "weights.safetensors"
STATE_FILE = "state.pt"
META_FILE = "meta.json"
VAL_LOGITS_FILE = "val_logits.npy"  # beside the best weights: (N, C), in the order of the val split
TRAIN_LOGITS_FILE = "train_logits.npy"  # of a head: (N, C), out of fold, in the order of the train split
MANIFEST_FILE = "manifest.json"
BEST_FOLDER = "best"
LAST_FOLDER = "last"  # the state that a trial resumes from
PREVIOUS_FOLDER = "previous"  # the one before it, for when the last is damaged

STUDIES_FOLDER = "studies"  # of the output's: a folder a study

# Files of a study folder.
STUDY_FILE = "study.yaml"
BUNDLE_FOLDER = "bundle"  # a tested study's models, as `binwise export` writes them
DATA_FILE = "data.jsonl.gz"  # train and val
OLD_DATA_FILE = "data.json"  # the same, as an earlier version wrote it
MANIFEST_CSV = "manifest.csv"  # of train and val
TEST_MANIFEST_CSV = "test_manifest.csv"  # sealed: digests instead of names and labels
LEDGER_FILE = "ledger.jsonl"
TRIALS_FILE = "trials.jsonl"
OPTUNA_JOURNAL = "optuna.journal"
ANALYSIS_FOLDER = "analysis"
SELECTION_FILE = "selection.json"
TEST_OPENED_FILE = "test_opened.json"
FINAL_TEST_FILE = "final_test.json"
TEST_REGISTER_FILE = "test_openings.jsonl"  # beside the folder of all studies: every opening of a test in one of them
ANALYSIS_LOCK_FILE = "analysis.lock"  # held while the test is open, or a selection is written
REPORT_HTML = "report.html"
REPORT_MARKDOWN = "report.md"
REPORT_JSON = "report.json"
VERDICT_FILE = "verdict.md"  # what the report says first, for trackers
TABLES_FOLDER = "tables"  # what the report is about, as JSON with `columns` and `data`
TEST_PREDICTIONS = "test_predictions.json"
CLASSES_TABLE = "classes.json"
LEADERBOARD_TABLE = "leaderboard.json"
RESULTS_CSV = "results.csv"
IMPORTANCES_FILE = "importances.json"

REPRODUCED_FILE = "reproduced.json"  # in the folder of trials that were trained again

# What `binwise data check` writes.
DATA_CHECK_FILE = "data_check.json"
DATA_CHECK_HTML = "data_check.html"


def trial_name(modality: str, number: int, *, head: bool = False) -> str:
    """A trial's name in every record, and its folder's. Head trials have numbers of their own."""
    return f"{modality}_{HEAD}_{number:03d}" if head else f"{modality}_{number:03d}"
