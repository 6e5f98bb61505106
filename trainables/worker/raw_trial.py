"""What a worker is given of a trial: the keys of its raw dict. It holds train and val only.

Where the test split lies isn't known to any worker.
"""

from __future__ import annotations

# Keys of a trial's raw dict beside its hyperparameters.
HYPERPARAMETERS = "hyperparameters"
NUMBER = "number"
MODALITY = "modality"
DATA = "data"  # the study's table of train and val
CACHES = "caches"  # the folder of all caches
PIXEL_LIMIT = "pixel_limit"
DECODE = "decode"
PREPARED = "prepared"  # what the modality prepared for all of its trials
FOLDER = "folder"  # where this modality's trials lie
SEED = "seed"
CPUS = "cpus"
RECORDED = "recorded"  # how many of the trial's epochs the study's record has; 0 where it is left out
STOP_FILE = "stop_file"  # while this file exists, trials stop at their next step; null or left out: none
PIN = "pin"  # whether a worker keeps to cores of its own; left out: it doesn't
