"""What `anytime.py` measures beside studies, each in a process of its own, so that its CPU seconds are its own.

    python anytime_worker.py linear|'random heads' DATA OUTPUT [--test]

linear: logistic regression on frozen features and on n-grams, as the report's weakest row. random heads: those of rung
zero with settings drawn at random instead of chosen. OUTPUT, an .npz, has logits by modality and head on val (and on
test, which is only read with --test).
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from anytime_runs import LINEAR, RANDOM_HEADS, SECONDS, WHOLE, Size, study_config
from made_data import IMAGE, MODALITIES
from numpy.typing import NDArray

from search.study.sections import SearchedSection, head_trials, section_type
from trainables.build import build_trial
from trainables.checkpoint import write_checkpoint
from trainables.data.pictures.load import PIXEL_LIMIT
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.modalities import modality_of
from trainables.modality import DataAccess
from trainables.names import TEST, TRAIN, VAL

SEEDS = 3  # of random settings; the costs are those of the first

Arrays = dict[str, NDArray[Any]]


def splits_of(data: Path, *, test: bool) -> dict[str, Split]:
    """Train and val of a set, and test where it may be looked at."""
    train = read_split(data / "Train")
    names = (VAL, TEST) if test else (VAL,)
    return {TRAIN: train} | {name: read_split(data / name.capitalize(), classes=train.classes) for name in names}


def sections(data: Path) -> dict[str, SearchedSection]:
    """The sections of the whole study of a set."""
    config = study_config(WHOLE, data, data, Size())
    return {name: section_type(name).model_validate(config[name]) for name in MODALITIES}


def linear(data: Path, *, test: bool) -> Arrays:
    """Keys `modality:linear:split`."""
    splits = splits_of(data, test=test)
    evaluate = {name: split for name, split in splits.items() if name != TRAIN}
    found: Arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        access = DataAccess({name: splits[name] for name in (TRAIN, VAL)}, Path(folder) / "cache", PIXEL_LIMIT)
        checkpoint = Path(folder) / IMAGE  # of weights that nobody trained: the baseline asks for its backbone alone
        built = build_trial(IMAGE, sections(data)[IMAGE].fixed(), access, 0)
        write_checkpoint(checkpoint, built.learner.weights(), built.meta, companions=built.companions)
        for name in MODALITIES:
            predictions = modality_of(name).baseline(checkpoint, splits[TRAIN], evaluate) or {}
            found |= {f"{name}:linear:{split}": one.logits for split, one in predictions.items()}
    return found | {SECONDS: np.array(cpu_seconds())}


def random_heads(data: Path, *, test: bool) -> Arrays:
    """Keys `modality:seed/number:split`. Heads see val and test in one: neither has a say in the fit."""
    splits = splits_of(data, test=test)
    shown = joined_splits(splits[VAL], splits[TEST]) if test else splits[VAL]
    found: Arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        access = DataAccess({TRAIN: splits[TRAIN], VAL: shown}, Path(folder), PIXEL_LIMIT)
        for seed in range(SEEDS):
            for name, section in sections(data).items():
                for number, trial in enumerate(head_trials(section)):
                    with random_settings(np.random.default_rng([seed, number])):
                        learner = build_trial(name, trial, access, seed).learner
                        learner.train_epoch()
                        logits = learner.evaluate().logits
                    count = len(splits[VAL])
                    found[f"{name}:{seed}/{number}:{VAL}"] = logits[:count]
                    if test:
                        found[f"{name}:{seed}/{number}:{TEST}"] = logits[count:]
            if seed == 0:
                found[SECONDS] = np.array(cpu_seconds())
    return found


def joined_splits(one: Split, other: Split) -> Split:
    """Both as one, in this order."""
    inputs = {name: (*items, *other.inputs[name]) for name, items in one.inputs.items()}
    ids = (*(f"0/{sample}" for sample in one.ids), *(f"1/{sample}" for sample in other.ids))
    return Split(ids, np.concatenate([one.labels, other.labels]), one.classes, inputs)


@contextmanager
def random_settings(rng: np.random.Generator) -> Iterator[None]:
    """What cross-validation chooses among is one random setting, over ranges that somebody might search."""

    def drawn(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    width = drawn(0.1, 3.0)
    grids: Mapping[str, Any] = {
        "kernels.WIDTHS": (width,),
        "kernels.WIDTH_BESIDE_NGRAMS": width,
        "kernels.WEIGHTS": (drawn(0.1, 10),),
        "kernel_ridge.RIDGES": (drawn(1e-3, 10),),
        "logistic.STRENGTHS": (drawn(0.01, 1000),),
        "neighbours.COUNTS": (round(drawn(1, 100)),),
        "neighbours.SHARPNESSES": (drawn(1, 100),),
    }
    with ExitStack() as stack:
        for place, value in grids.items():
            stack.enter_context(patch(f"trainables.heads.{place}", value))
        yield


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    every = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in every)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(LINEAR, RANDOM_HEADS))
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    arrays = (linear if options.what == LINEAR else random_heads)(options.data, test=options.test)
    np.savez(options.output, allow_pickle=False, **arrays)
    print(f"{options.what}: {float(arrays[SECONDS]):.0f} core-seconds", file=sys.stderr)
