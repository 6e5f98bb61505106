"""A study's train and val as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from search.ledger.state import StudyState
from search.study.config import DataSection, StudyConfig
from trainables.data.accounting import account_lines
from trainables.data.check.labels import few_samples
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split, check_pairs
from trainables.names import TRAIN, VAL


def read_options(data: DataSection) -> ReadOptions:
    """How a study's splits are read."""
    return ReadOptions(data.columns, data.image_root, data.allow_links, data.labels.merge)


def begun_with(state: StudyState | None) -> Sequence[str] | None:
    """The classes that a study on record was begun with, in their order; None where it has none."""
    classes: Sequence[str] | None = state.data.get(TRAIN, {}).get("classes") if state is not None else None
    return classes


def read_data(study: StudyConfig, classes: Sequence[str] | None = None) -> dict[str, Split]:
    """Train and val by name, with every modality's inputs. The test split isn't looked at.

    `classes`: those that a study was begun with, whose order and spellings it keeps. Raises UserError.
    """
    read = partial(read_split, modalities=study.modalities, options=read_options(study.data))
    train = read(study.data.train, classes=classes)
    val = read(study.data.val, classes=train.classes)
    check_pairs(train, val)
    return {TRAIN: train, VAL: val}


def data_lines(splits: Mapping[str, Split]) -> list[str]:
    """What a person should know of how the splits were read: what wasn't taken, classes with few samples."""
    told = [line for name, split in splits.items() for line in account_lines(name, split.account)]
    return [*told, *(finding.title for finding in few_samples(splits))]
