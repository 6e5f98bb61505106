"""How far the splits lie apart, without a label: names that a classifier tells apart, new words, numberings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.check import picture_facts
from trainables.data.check.digits import name_model
from trainables.data.check.findings import Finding
from trainables.data.check.names import alike, name_key, numbering, trailing_numbers
from trainables.data.check.picture_facts import FactsBySplit
from trainables.data.check.shortcuts import sample_names
from trainables.data.check.telling import FEWEST_SAMPLES, folds_of
from trainables.data.samples import Split
from trainables.names import TEST, TRAIN, VAL

PAIRS = ((TRAIN, VAL), (VAL, TEST), (TRAIN, TEST))
APART = 0.6  # the area under the curve from which splits are said to differ
FAR = 0.75  # and from which that is a warning
FOLDS = 5
RESAMPLES = 200  # of the groups, for an interval
CONFIDENCE = 0.99
MOST = 4_000  # samples of a split that are looked at
NEW_WORDS = 0.05  # by how much more of test's names than of val's must have a new word, to be told


@dataclass(frozen=True)
class Apart:
    """How well a classifier tells two splits' samples apart: the area under its ROC curve, 0.5 where it can't."""

    auc: float
    low: float
    high: float

    @property
    def notable(self) -> bool:
        """Whether the interval excludes 0.5, by enough to matter."""
        return self.low > 0.5 and self.auc >= APART

    def as_dict(self) -> dict[str, float]:
        """Plain values."""
        return {"auc": round(self.auc, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def shift_findings(splits: Mapping[str, Split], facts: FactsBySplit | None = None) -> list[Finding]:
    """In what the splits differ, of their names and of what is known of their pictures; no label is looked at."""
    names = {name: sample_names(split) for name, split in splits.items()}
    found: list[Finding | None] = []
    for pair in PAIRS:
        if all(name in splits for name in pair):
            found.append(_told("names", "names", pair, names_apart(names[pair[0]], names[pair[1]])))
            if facts is not None:
                apart = _files_apart(facts, names, pair)
                found.append(_told("files", "pictures' sizes, dimensions and formats", pair, apart))
    found += [_new_words(names), _numberings(names)]
    return [one for one in found if one is not None]


def names_apart(one: Sequence[str], other: Sequence[str], seed: int = 0) -> Apart | None:
    """How well character n-grams without digits tell two splits' names apart; None where there are too few.

    Names that are alike are never learnt from and asked: that the splits share no name isn't a difference.
    """
    rng = np.random.default_rng(seed)
    names = [*_some(one, rng), *_some(other, rng)]
    origin = np.arange(len(names)) >= min(len(one), MOST)
    keys = np.array([name_key(name) for name in names], dtype=object)

    def scores(learnt: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        model = name_model().set_params(logisticregression__class_weight="balanced")
        found: NDArray[np.float64] = model.fit(keys[learnt], origin[learnt]).decision_function(keys[rows])
        return found

    return _apart(scores, origin, alike(names), rng)


def new_words(known: Sequence[str], names: Sequence[str]) -> tuple[float, list[str]]:
    """The share of names that have a word which none of the known ones has, and these words, the most frequent first.

    Words are counted without digits and case.
    """
    seen = {word for name in known for word in name_key(name).split()}
    counts: dict[str, int] = {}
    hit = 0
    for name in names:
        new = {word for word in name_key(name).split() if word not in seen}
        hit += bool(new)
        for word in new:
            counts[word] = counts.get(word, 0) + 1
    return hit / max(1, len(names)), sorted(counts, key=lambda word: (-counts[word], word))


def _some(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    if len(names) <= MOST:
        return list(names)
    return [names[row] for row in np.sort(rng.choice(len(names), MOST, replace=False))]


def _apart(scores: Any, origin: NDArray[np.bool_], groups: NDArray[np.int64], rng: np.random.Generator) -> Apart | None:
    """The mean area over the folds, with an interval from resampling the groups."""
    if min(np.count_nonzero(origin), np.count_nonzero(~origin)) < FEWEST_SAMPLES / 2:
        return None
    folds = []
    for learnt, rows in folds_of(groups, FOLDS):
        if all(len(np.unique(origin[part])) == 2 for part in (learnt, rows)):
            folds.append((rows, scores(learnt, rows)))
    if not folds:
        return None
    auc = _mean_area(folds, origin, np.ones(len(origin)))
    counts = rng.multinomial(groups.max() + 1, np.full(groups.max() + 1, 1 / (groups.max() + 1)), RESAMPLES)
    spread = np.std([_mean_area(folds, origin, own[groups]) for own in counts])
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * float(spread)
    return Apart(auc, max(0.0, auc - half), min(1.0, auc + half))


def _mean_area(
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    origin: NDArray[np.bool_],
    weights: NDArray[Any],
) -> float:
    areas = [weighted_auc(scores, origin[rows], weights[rows]) for rows, scores in folds]
    return float(np.nanmean(areas))


def weighted_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[Any]) -> float:
    """How often a positive sample scores higher than another one, ties counting half; NaN where one kind is missing."""
    codes = np.unique(scores, return_inverse=True)[1]
    own, others = (np.bincount(codes, weights=weights * kind) for kind in (positive, ~positive))
    total = own.sum() * others.sum()
    return float((own * (others.cumsum() - others / 2)).sum() / total) if total else float("nan")


def _files_apart(facts: FactsBySplit, names: Mapping[str, Sequence[str]], pair: tuple[str, str]) -> Apart | None:
    from sklearn.ensemble import RandomForestClassifier

    both = [one for name in pair for one in facts[name]]
    known = np.array([one is not None for one in both])
    if not known.any():
        return None
    codes = np.unique(np.array(picture_facts.formats(both)), return_inverse=True)[1]
    table = np.column_stack([picture_facts.sizes(both), picture_facts.dimensions(both), codes])[known]
    origin = (np.arange(len(both)) >= len(facts[pair[0]]))[known]
    groups = alike([name for split in pair for name in names[split]])[known]

    def scores(learnt: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        forest = RandomForestClassifier(40, min_samples_leaf=5, class_weight="balanced", random_state=0)
        found: NDArray[np.float64] = forest.fit(table[learnt], origin[learnt]).predict_proba(table[rows])[:, 1]
        return found

    return _apart(scores, origin, np.unique(groups, return_inverse=True)[1], np.random.default_rng(0))


def _told(kind: str, what: str, pair: tuple[str, str], apart: Apart | None) -> Finding | None:
    if apart is None or not apart.notable:
        return None
    one, other = pair
    with_test = TEST in pair
    remedy = "Say in the study's description how they were taken; shuffle them if they shouldn't differ."
    if with_test:
        remedy = "Accuracy on val says less about test: `binwise data resplit STUDY --like-test` makes a val like it."
    return Finding(
        kind=f"shift-{kind}-{one}-{other}",
        level="warning" if with_test and apart.auc >= FAR else "note",
        title=f"{one.capitalize()} and {other} differ: by their {what} alone a classifier tells them apart, with an "
        f"area under the curve of {apart.auc:.2f} ({apart.low:.2f} to {apart.high:.2f}; 0.5 where it can't).",
        remedy=remedy,
        numbers=apart.as_dict(),
    )


def _new_words(names: Mapping[str, Sequence[str]]) -> Finding | None:
    if TRAIN not in names or TEST not in names:
        return None
    share, words = new_words(names[TRAIN], names[TEST])
    val = new_words(names[TRAIN], names[VAL])[0] if VAL in names else 0.0
    if share - val < NEW_WORDS:
        return None
    return Finding(
        kind="new-words",
        level="note",
        title=f"{share:.1%} of test's names have a word that none of train's has ({val:.1%} of val's).",
        remedy="Test asks for what train doesn't show: expect less of it than of val.",
        numbers={"test": round(share, 4), "val": round(val, 4), "words": words[:20]},
    )


def _numberings(names: Mapping[str, Sequence[str]]) -> Finding | None:
    """Said where test's numbers are of another counter than train's."""
    if TRAIN not in names or TEST not in names:
        return None
    numbers = {name: trailing_numbers(own) for name, own in names.items()}
    if numbering(numbers[TRAIN], numbers[TEST]) != "another":
        return None
    shared = VAL in names and numbering(numbers[TRAIN], numbers[VAL]) == "one"
    ranges = {name: (int(own[own >= 0].min()), int(own.max())) for name, own in numbers.items() if own.max() >= 0}
    told = ", ".join(f"{name} {low} to {high}" for name, (low, high) in ranges.items())
    return Finding(
        kind="numbering",
        level="note",
        title=f"Test's names are numbered anew{', while train and val share one numbering' if shared else ''}: {told}.",
        remedy="What a model learns from these numbers misleads on test: `cleaning: words` drops them.",
        numbers={name: list(both) for name, both in ranges.items()},
    )
