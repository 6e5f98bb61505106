"""A study's train and val as tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from search.study.config import StudyConfig
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split, check_pairs
from trainables.names import TRAIN, VAL


def read_data(study: StudyConfig) -> dict[str, Split]:
    """Train and val by name, with every modality's inputs. The test split isn't looked at: see `read_test`.

    Raises UserError.
    """
    read = partial(read_split, modalities=study.modalities)
    train = read(study.data.train)
    val = read(study.data.val, classes=train.classes)
    check_pairs(train, val)
    return {TRAIN: train, VAL: val}


def read_test(study: StudyConfig, classes: Sequence[str]) -> Split | None:
    """The test split's rows, of train's `classes`; None where the study names none. No file is opened.

    For its examination alone: no trial is given it. Raises UserError where it is missing or empty, has a class that
    train lacks, or a sample without one of the study's modalities.
    """
    if study.data.test is None:
        return None
    return read_split(study.data.test, classes=classes, modalities=study.modalities)
