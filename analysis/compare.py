"""Studies side by side, and paired on the test samples that they have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis import store, wording
from analysis.numbers.common_rows import Decided, OnCommon, common_ids, on_common
from analysis.numbers.logits import missing_rows
from analysis.numbers.mixture import mix
from analysis.numbers.paired import Verdict
from analysis.results import FinalTest, RowScores, Selection
from trainables.errors import UserError
from trainables.names import ENSEMBLE, TEST

_SAID = {Verdict.BETTER: "is ahead of", Verdict.NOT_SHOWN: "is not shown to differ from", Verdict.WORSE: "is behind"}


@dataclass(frozen=True)
class Side:
    """One study's result."""

    name: str
    selection: Selection
    final: FinalTest

    @property
    def row(self) -> RowScores:
        """What it ends with, on its own test."""
        return self.final.test[self.selection.system]


@dataclass(frozen=True)
class Compared:
    """Studies side by side."""

    sides: tuple[Side, ...]
    common: OnCommon | None  # None where they have no test sample in common

    def as_json(self) -> dict[str, Any]:
        """All numbers; shares from 0 to 1."""
        return {
            "studies": [_side_json(one) for one in self.sides],
            "common": None if self.common is None else dataclasses.asdict(self.common),
        }

    def lines(self) -> tuple[str, ...]:
        """What a terminal shows below the table, a sentence each."""
        if (common := self.common) is None:
            return ("They have no test sample in common: their accuracies are of different data.",)
        said = [f"On the {wording.count(common.samples, 'test sample')} that all of them have:"]
        said += [
            f"  {name}: {wording.percent(share)} (95\u00a0% interval {wording.shares(common.intervals[name])})"
            for name, share in common.accuracies.items()
        ]
        said += [
            f"  {one.first} {_SAID[one.verdict]} {one.second}: {wording.points(one.gain)} (95\u00a0% interval "
            f"{wording.gains(one.interval)}), by {wording.count(one.only_first, 'sample')} against "
            f"{wording.count(one.only_second)} ({wording.p_value(one.p)})"
            for one in common.pairs
        ]
        return tuple(said)

    def table(self) -> tuple[tuple[str, ...], ...]:
        """A heading, then a row a study."""
        heading = ("study", "deploys", "test accuracy", "95 % interval", "macro F1", "ms a sample", "test samples")
        return (heading, *(_table_row(one) for one in self.sides))


def compare(folders: Mapping[str, Path]) -> Compared:
    """Studies by name. Raises UserError where one has no test result, can't be read, or there are fewer than two."""
    if len(folders) < 2:
        raise UserError("`compare` needs two studies or more, each of another name: binwise compare mine yours.")
    sides = tuple(_side(name, folder) for name, folder in folders.items())
    decided = {side.name: _decided(side, folders[side.name]) for side in sides}
    return Compared(sides, on_common(decided) if common_ids(decided) else None)


def _side(name: str, folder: Path) -> Side:
    final = store.read_final_test(folder)
    if final is None:
        raise UserError(f"Studies are compared by their test results, but {name} has none: binwise test {name}.")
    return Side(name, store.read_selection(folder), final)


def _decided(side: Side, folder: Path) -> Decided:
    """From the predictions that the one test kept."""
    selection = side.selection
    names = [ENSEMBLE] if selection.deploys_ensemble else list(selection.models)
    kept = {name: store.load_predictions(folder, TEST, name) for name in names}
    one = next(iter(kept.values()))
    logits = {name: said.logits.astype(np.float64) for name, said in kept.items()}
    own = logits[names[0]]
    if not selection.deploys_ensemble and selection.fusion is not None:
        own = mix(logits, selection.fusion.weights)
    if selection.linear is not None:
        own = selection.linear.logits(logits, own)
    missing = missing_rows(own)
    chosen = np.where(missing, selection.majority_class, np.where(missing[:, None], 0, own).argmax(axis=1))
    return Decided(one.ids, _named(one.labels.tolist(), one.classes), _named(chosen.tolist(), one.classes))


def _named(places: Sequence[int], classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(classes[place] for place in places)


def _table_row(side: Side) -> tuple[str, ...]:
    row = side.row
    return (
        side.name,
        side.selection.system,
        wording.percent(row.scores.accuracy),
        wording.NONE if row.interval is None else wording.shares(row.interval),
        wording.percent(row.scores.macro_f1),
        wording.milliseconds(row.seconds_per_sample),
        wording.count(side.final.samples),
    )


def _side_json(side: Side) -> dict[str, Any]:
    row = side.row
    return {
        "study": side.name,
        "system": side.selection.system,
        "accuracy": row.scores.accuracy,
        "interval": None if row.interval is None else dataclasses.asdict(row.interval),
        "macro_f1": row.scores.macro_f1,
        "seconds_per_sample": row.seconds_per_sample,
        "samples": side.final.samples,
        "test_digest": side.final.test_digest,
    }
