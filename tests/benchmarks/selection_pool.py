"""Pools of models with kept val logits, cut into halves by groups, and what rules are worth on such halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from anytime_curves import kept_logits
from anytime_runs import RANDOM_HEADS, RANDOM_TRIALS, WHOLE, commit_of_tree, ran, worked
from bench_sets import build
from made_data import MODALITIES
from numpy.typing import NDArray

from analysis.numbers.selection import qualifies
from search.ledger.ledger import read_ledger
from trainables.data.reading.read_split import read_split
from trainables.heads.folds import groups_of
from trainables.names import LEDGER_FILE, TRAIN, VAL
from trainables.records import TrialRecord, study_checkpoint

Logits = NDArray[np.float64]  # (N, C)
Labels = NDArray[np.int64]  # (N,)
Rows = NDArray[np.int64]
Right = NDArray[np.bool_]  # (N,)


@dataclass(frozen=True)
class Seen:
    """What a rule may look at: labels (N,) and groups of alike samples (N,)."""

    labels: Labels
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """A set's models by modality, with their logits on all of val."""

    seen: Seen
    logits: Mapping[str, Sequence[Logits]]

    def of(self, rows: Rows) -> Pool:
        """The same of some samples."""
        cut = {name: [one[rows] for one in some] for name, some in self.logits.items()}
        return Pool(Seen(self.seen.labels[rows], self.seen.groups[rows]), cut)

    def drawn(self, count: int, rng: np.random.Generator) -> Pool:
        """So many models of each modality, drawn at random: as many as a study has."""
        places = {name: rng.permutation(len(some))[:count] for name, some in self.logits.items()}
        return Pool(self.seen, {name: [self.logits[name][at] for at in own] for name, own in places.items()})


def pool_of(name: str, *, quick: bool) -> Pool:
    """Random trials and their heads, the fine-tuned trials of a set's whole study, and heads with random settings."""
    data = build(name)
    train = read_split(data / TRAIN.capitalize())
    val = read_split(data / VAL.capitalize(), classes=train.classes)
    own = [
        (folder, record)
        for variant in (RANDOM_TRIALS, WHOLE)
        for folder in [ran(name, variant, data, quick=quick, commit=commit_of_tree()).folder]
        for record in _records(folder)
        if variant == RANDOM_TRIALS or not record.is_head  # the whole study's heads are the same ones
    ]
    heads, _ = worked(RANDOM_HEADS, name, data, test=False)
    found = {
        one: [
            *(kept_logits(study_checkpoint(folder, record)) for folder, record in own if record.modality == one),
            *(array.astype(np.float64) for key, array in heads.items() if key.startswith(f"{one}:")),
        ]
        for one in MODALITIES
    }
    return Pool(Seen(val.labels, groups_of(val)), found)


def _records(folder: Path) -> list[TrialRecord]:
    _, state = read_ledger(folder / LEDGER_FILE)
    found = [state.record(trial) for trial in state.trials.values()]
    return sorted((one for one in found if qualifies(one)), key=lambda one: one.trial_id)


def halves(groups: NDArray[np.int64], rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Two sets of rows, about equally many, no group in both."""
    order = rng.permutation(int(groups.max()) + 1)
    sizes = np.bincount(groups, minlength=len(order))[order]
    first = order[np.cumsum(sizes) <= len(groups) / 2]
    inside = np.isin(groups, first)
    return np.flatnonzero(inside), np.flatnonzero(~inside)


@dataclass(frozen=True)
class Difference:
    """What a rule's choices are right about, and what that is above another rule's: shares of the samples."""

    accuracy: float
    above: float
    standard_error: float  # of `above`: the larger of that over cuts and that over groups of samples

    @property
    def text(self) -> str:
        """Accuracy, and points above the other rule with their standard error."""
        return f"{self.accuracy:.3f}; {100 * self.above:+.2f} ± {100 * self.standard_error:.2f}"

    @property
    def errors(self) -> float:
        """How many standard errors it is above."""
        return self.above / self.standard_error if self.standard_error else 0.0


@dataclass
class Scores:
    """By rule, for each cut, what its choice is right about on the half that it didn't see."""

    groups: NDArray[np.int64]
    right: dict[str, list[Right]] = field(default_factory=dict)
    rows: dict[str, list[Rows]] = field(default_factory=dict)

    def note(self, rule: str, rows: Rows, right: Right) -> None:
        """A cut's outcome."""
        self.right.setdefault(rule, []).append(right)
        self.rows.setdefault(rule, []).append(rows)

    def differences(self) -> dict[str, Difference]:
        """Of each rule to the first one."""
        first = next(iter(self.right))
        return {rule: self._difference(rule, first) for rule in self.right}

    def _difference(self, rule: str, first: str) -> Difference:
        """Cuts of one val aren't independent, so that their spread alone is too small an error.

        The error over samples: each sample's mean difference over the cuts that held it out, summed by group, as a
        clustered mean has it (Cameron and Miller 2015, section II.B).
        """
        shares = np.array([one.mean() for one in self.right[rule]])
        paired = shares - np.array([one.mean() for one in self.right[first]])
        total, count = np.zeros(len(self.groups)), np.zeros(len(self.groups))
        for rows, ones, others in zip(self.rows[rule], self.right[rule], self.right[first], strict=True):
            total[rows] += ones.astype(float) - others
            count[rows] += 1
        there = count > 0
        each = total[there] / count[there]
        sums = np.bincount(self.groups[there], each - each.mean())
        clusters = len(np.unique(self.groups[there]))
        over_groups = (sums**2).sum() ** 0.5 / there.sum() * (clusters / max(1, clusters - 1)) ** 0.5
        over_cuts = paired.std() / len(paired) ** 0.5
        return Difference(float(shares.mean()), float(paired.mean()), float(max(over_groups, over_cuts)))


def averaged(sets: Sequence[Difference]) -> Difference:
    """The mean over sets, whose errors are independent."""
    error = float(np.sqrt(np.sum([one.standard_error**2 for one in sets])) / len(sets))
    accuracy, above = (float(np.mean([getattr(one, name) for one in sets])) for name in ("accuracy", "above"))
    return Difference(accuracy, above, error)
