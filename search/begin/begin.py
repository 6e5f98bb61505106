"""From someone's data to a study that fits a time: look at them, try a few steps, choose sizes, write the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from search.begin.sizes import Cost, Plan, plan_of, seconds_each
from search.begin.source import CSV, Source, source_of
from search.begin.study_text import scalar, study_text
from search.machines.local import count_gpus
from search.show.at_work import at_work
from search.show.load import Load, load_now
from search.show.time_range import time_line
from search.study.config import budget_seconds, tamed_name
from search.study.sections import section_type
from trainables.data.files import replace_file
from trainables.data.making.import_csv import CsvSource, import_csv
from trainables.data.making.import_folder import import_folder
from trainables.data.making.import_options import ImportOptions
from trainables.data.reading.csv_table import read_csv
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of, registered
from trainables.modality import DataAccess, Starter
from trainables.names import TRAIN, VAL
from trainables.words import enumerated

PROBE_STEPS = 2

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What is asked for: the data, the time, where the file goes and, where they are to be made, the splits."""

    data: Path
    budget: str
    output: Path | None = None
    splits: Path | None = None
    replace: bool = False


def begin_study(wish: Wish, caches: Path, say: Say) -> Path:
    """Write a study's file that fits the time; where it lies.

    UserError where the data can't be read, no weights are at hand, the file is there already, or the time is none.
    """
    budget, load = _seconds(wish.budget), load_now()  # before our own steps are part of it
    source = source_of(wish.data)
    name = tamed_name(source.name)
    output = wish.output or Path(f"{name}.yaml")
    if output.exists() and not wish.replace:
        raise UserError(f"{output} must not be there yet, but it is: run it, take another --output, or add --force.")
    data = _data(source, wish.splits or Path("data") / name, caches, say)
    modalities = _modalities(data.splits[TRAIN])
    with at_work(f"Reading {enumerated([str(path) for path in data.splits.values()])}", say):
        read = _read(data, modalities)
        starters = _starters(read[TRAIN], modalities)
    places = count_gpus(os.environ) or max(1, os.cpu_count() or 1)
    seconds = seconds_each(budget, len(starters), places)
    sections: dict[str, tuple[Starter, Plan]] = {}
    for modality, starter in starters.items():
        with at_work(f"Trying a few steps of {modality}", say):
            cost = _cost(modality, starter, read)
        sections[modality] = (starter, plan_of(cost, starter.scales, starter.epochs, seconds))
    text = study_text(
        name=name,
        command=f"binwise init {wish.data} --budget {wish.budget}",
        data=data.lines,
        facts=[*_facts(read, places, wish.budget), *_busy(load)],
        sections=sections,
        budget=wish.budget,
    )
    replace_file(output, text.encode())
    planned = {modality: plan.seconds / places for modality, (_, plan) in sections.items()}
    say(f"{time_line(planned, load)}. The search ends after {wish.budget} with what it has.")
    return output


def _busy(load: Load) -> list[str]:
    """A line where others use the machine: steps took longer than they take on a quiet one."""
    note = load.note()
    return [f"Measured while {note}: a quiet one has room for more."] if note else []


def _seconds(budget: str) -> float:
    try:
        return budget_seconds(budget)
    except ValueError as error:
        raise UserError(f"--budget {error}") from error


@dataclass(frozen=True)
class _Data:
    """The splits, how they are read, and the lines of a study that say so."""

    splits: Mapping[str, Path]
    lines: str
    options: ReadOptions


def _data(source: Source, destination: Path, caches: Path, say: Say) -> _Data:
    """The splits that are there, or those that are made of the one folder or CSV."""
    if source.splits:
        lines = ["data:", *(f"  {split}: {scalar(str(path))}" for split, path in source.splits.items())]
        return _Data(source.splits, "\n".join(lines), ReadOptions())
    if destination.exists():
        raise UserError(
            f"The splits of {source.path} would be made in {destination}, but that is there already: make the study "
            f"from it (`binwise init {destination}`), or name another folder (--splits)."
        )
    with at_work(f"Splitting {source.path} into {destination}: what belongs together stays together", say):
        return _made(source, destination, caches)


def _made(source: Source, destination: Path, caches: Path) -> _Data:
    if source.path.suffix.lower() == CSV:
        own = CsvSource(source.path)
        report = import_csv(own, destination, ImportOptions(pictures="list"), caches=caches)
        return _Data(source_of(destination).splits, report.config, ReadOptions(image_root=own.root))
    report = import_folder(source.path, destination, ImportOptions(), caches=caches)
    return _Data(source_of(destination).splits, report.config, ReadOptions())


def _modalities(train: Path) -> list[str]:
    """The built-in modalities that a split may have: by a CSV's columns; a tree has all that files tell."""
    known = [name for name, kind in registered().items() if kind.head_config_type is not None]
    if train.is_dir():
        return [name for name in known if modality_of(name).from_file(Path("a_name.png")) is not None]
    header = read_csv(train).header
    found = [name for name in known if modality_of(name).column in header]
    if not found:
        columns = ", ".join(modality_of(name).column for name in known)
        raise UserError(f"{train} must have a column of {columns}, but its columns are {enumerated(list(header))}.")
    return found


def _read(data: _Data, modalities: list[str]) -> dict[str, Split]:
    train = read_split(data.splits[TRAIN], modalities=modalities, options=data.options)
    val = read_split(data.splits[VAL], classes=train.classes, modalities=modalities, options=data.options)
    return {TRAIN: train, VAL: val}


def _starters(train: Split, modalities: list[str]) -> dict[str, Starter]:
    found = {name: modality_of(name).starter(train) for name in modalities}
    chosen = {name: starter for name, starter in found.items() if starter is not None}
    if not chosen:
        raise UserError("The samples must have pictures, or texts that say something, but they have neither.")
    return chosen


def _cost(modality: str, starter: Starter, read: Mapping[str, Split]) -> Cost:
    """Measured at the smallest scale, on the device that trials would have."""
    import torch

    from trainables.probe import probe

    torch.set_num_threads(1)  # as a trial has it, where there is no GPU
    values: dict[str, Any] = {**starter.own, **starter.scales[-1][0]}
    config = section_type(modality).config_type.parsed(values).model_dump()
    with TemporaryDirectory(prefix="binwise-init-") as scratch:
        found = probe(modality, config, DataAccess(read, Path(scratch), 50_000_000), steps=PROBE_STEPS)
    train = found.step_seconds * found.train_steps_per_epoch
    return Cost(train, found.evaluate_seconds_per_sample * len(read[VAL]))


def _facts(read: Mapping[str, Split], places: int, budget: str) -> list[str]:
    train = read[TRAIN]
    counts = [f"{name} {count:,}" for name, count in train.counts().items()]
    return [
        f"{len(train):,} samples to learn from, {len(read[VAL]):,} to choose by; classes: {enumerated(counts, 10)}.",
        f"Sizes fit {budget} on a machine that runs {places} trial{'s' if places > 1 else ''} at once.",
    ]
