"""A study's train and val as tables."""

from __future__ import annotations

from functools import partial

from search.study.config import StudyConfig
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split, check_pairs
from trainables.names import TRAIN, VAL


def read_data(study: StudyConfig) -> dict[str, Split]:
    """Train and val by name, with every modality's inputs. The test split isn't looked at.

    Raises UserError.
    """
    read = partial(read_split, modalities=study.modalities)
    train = read(study.data.train)
    val = read(study.data.val, classes=train.classes)
    check_pairs(train, val)
    return {TRAIN: train, VAL: val}
