"""What tells the class and shouldn't: the number of a name, a picture's file, dimensions, format, time and camera.

Each is given to a small classifier alone, against the most frequent class, with an interval from grouped
cross-validation: samples whose names are alike, or whose pictures are, are never on both sides. Test isn't looked at.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.check import picture_facts, telling
from trainables.data.check.digits import MOST, digits_effect
from trainables.data.check.findings import Finding, Level
from trainables.data.check.names import BLOCK, alike, mean_run, number_blocks, numbering, trailing_numbers
from trainables.data.check.picture_facts import Facts, FactsBySplit
from trainables.data.check.telling import FEWEST_SAMPLES, LEAST_GAIN, Labels, Right, Told, told
from trainables.data.samples import Split
from trainables.names import IMAGE_COLUMN, TEST, TEXT_COLUMN, TRAIN, VAL

COUNTER = "counter"  # in `data.allow_shortcut`
COUNTER_KIND = "shortcut-counter"
TESTS = 8  # the most that are made of one data set: their intervals hold together
FEWEST_NUMBERED = 0.1  # share of names that end in a number, for the number to be asked
WARNED_GAIN = 0.1  # over the majority class, where a fact of the file tells it
NOTED_DIGITS = 0.01  # by which digits raise val accuracy, to be told
CLASS_BY_CLASS = 5  # runs a class and split, up to which files were just copied in the classes' order

Near = Mapping[str, Sequence[Hashable | None]]  # by split: a key that near duplicates share


@dataclass(frozen=True)
class Pool:
    """The samples of train and val in one table."""

    names: tuple[str, ...]
    labels: Labels
    groups: Labels  # of samples that mustn't be on both sides
    numbers: Labels  # at the end of each name; -1: none
    in_val: Right

    @property
    def blocks(self) -> Labels:
        """(N,) samples that follow each other in the numbering, in twos of the usual block."""
        return number_blocks(self.numbers, length=2 * BLOCK)


def sample_names(split: Split) -> list[str]:
    """(N,) what a text model reads of each sample: its text, or where there are no texts its file's name."""
    texts = split.inputs.get(TEXT_COLUMN, (None,) * len(split))
    return [Path(one).stem if text is None else str(text) for one, text in zip(split.ids, texts, strict=True)]


def shortcut_findings(
    splits: Mapping[str, Split], facts: FactsBySplit | None = None, near: Near | None = None
) -> list[Finding]:
    """What tells the class of train's and val's samples and shouldn't, the strongest warning first.

    `facts`: what is known of the pictures, by split, aligned with its samples. `near`: a key that near duplicates
    share, aligned as well.
    """
    used = {name: split for name, split in splits.items() if name != TEST}
    pool = pooled(used, near)
    if len(pool.labels) < FEWEST_SAMPLES or len(np.unique(pool.labels)) < 2:
        return []
    counter = _with_test(counter_finding(pool), pool, splits.get(TEST))
    found = [counter, digits_finding(pool, told_by_counter=counter is not None), _position(used, pool)]
    if facts is not None:
        found += _file_findings([one for name in used for one in facts[name]], pool)
    return [one for one in found if one is not None]


def _with_test(finding: Finding | None, pool: Pool, test: Split | None) -> Finding | None:
    """With what is known of test's numbering; of test the names alone are looked at."""
    if finding is None or test is None:
        return finding
    kind = numbering(pool.numbers, trailing_numbers(sample_names(test)))
    said = {
        "one": "Test shares the numbering, and would not show what a model learnt from it.",
        "another": "Test is numbered anew: what val gives credit for misleads there.",
        "unclear": "Whether test shares the numbering can't be seen.",
    }
    return replace(finding, title=f"{finding.title} {said[kind]}", numbers={**finding.numbers, "test_numbering": kind})


def counter_shortcut(train: Split, val: Split) -> Finding | None:
    """Whether the number at the end of the texts tells the class; a second or two for 20,000 texts."""
    pool = pooled({TRAIN: train, VAL: val})
    enough = len(pool.labels) >= FEWEST_SAMPLES and len(np.unique(pool.labels)) > 1
    return counter_finding(pool) if enough else None


def pooled(splits: Mapping[str, Split], near: Near | None = None) -> Pool:
    """The samples of several splits in one table, in the order of the splits."""
    names = [name for split in splits.values() for name in sample_names(split)]
    ties = None if near is None else [key for name in splits for key in near[name]]
    return Pool(
        names=tuple(names),
        labels=np.concatenate([split.labels for split in splits.values()]),
        groups=alike(names, ties),
        numbers=trailing_numbers(names),
        in_val=np.concatenate([np.full(len(split), name == VAL) for name, split in splits.items()]),
    )


def counter_finding(pool: Pool) -> Finding | None:
    """The number at the end of the names, where it tells the class."""
    numbered = pool.numbers >= 0
    if numbered.mean() < FEWEST_NUMBERED:
        return None
    values = np.where(numbered, pool.numbers.astype(np.float64), np.nan)
    right = telling.neighbours_right(values, pool.labels, pool.groups)
    found = told(right, pool.labels, [pool.groups, pool.blocks], TESTS)
    if not found.notable:
        return None
    run = mean_run(pool.numbers, pool.labels)
    return Finding(
        kind=COUNTER_KIND,
        level="warning",
        title=f"The number at the end of a name tells the class: its nearest neighbours alone get {found.words}.",
        remedy="Let texts be read without it, `cleaning: words`: where names are numbered anew it misleads. "
        "`data.allow_shortcut: [counter]` is for texts that will always be numbered as these are.",
        numbers={
            **found.as_dict(),
            "numbered": round(float(numbered.mean()), 4),
            "mean_run": round(run, 2),  # samples of one class that follow each other
            "chance_run": round(_chance_run(pool.labels[numbered]), 2),  # were they in random order
            **_rewarded(values, pool),
        },
    )


def rewards(finding: Finding) -> bool:
    """Whether val gives credit for the number: a val that is numbered otherwise than train doesn't."""
    numbers = finding.numbers
    return "val_accuracy" not in numbers or numbers["val_accuracy"] >= numbers["val_majority"] + LEAST_GAIN


def _rewarded(values: NDArray[np.float64], pool: Pool) -> dict[str, float]:
    """How often train's nearest numbers have the class of val's samples: what a search on val would be rewarded for."""
    val = pool.in_val
    if not val.any() or val.all():
        return {}
    guesses = telling.nearest_classes(values[~val], pool.labels[~val], values[val])
    best = (guesses == pool.labels[val, None]).mean(axis=0).max()
    majority = (pool.labels[val] == np.bincount(pool.labels[~val]).argmax()).mean()
    return {"val_accuracy": round(float(best), 4), "val_majority": round(float(majority), 4)}


def _chance_run(labels: Labels) -> float:
    """How long a run of one class is in random order: 1 / (1 - the chance that two samples share a class)."""
    shares = np.bincount(labels) / len(labels)
    return float(1 / max(1e-9, 1 - (shares**2).sum()))


def digits_finding(pool: Pool, *, told_by_counter: bool) -> Finding | None:
    """Whether digits raise val accuracy that a new numbering would take away again."""
    rows, val = _some(pool), pool.in_val
    learnt, asked = rows[~val[rows]], rows[val[rows]]
    if len(asked) < FEWEST_SAMPLES or len(np.unique(pool.labels[learnt])) < 2 or not (pool.numbers[rows] >= 0).any():
        return None
    name = np.array(pool.names, dtype=object)
    effect = digits_effect(list(name[learnt]), pool.labels[learnt], list(name[asked]), pool.labels[asked])
    raw, words, anew = (float(one.mean()) for one in (effect.raw, effect.words, effect.renumbered))
    if raw - words < NOTED_DIGITS or anew > words or not (told_by_counter or _surely_better(effect.raw, effect.words)):
        return None
    return Finding(
        kind="shortcut-digits",
        level="warning",
        title=f"Digits win on val and lose where names are numbered anew: a linear model on the names' letters gets "
        f"{raw:.1%} of val right with digits and {words:.1%} without; with val numbered anew {anew:.1%}.",
        remedy="A search that maximizes val accuracy would keep them: `cleaning: words` drops the number at the end.",
        numbers={"raw": round(raw, 4), "words": round(words, 4), "renumbered": round(anew, 4), "samples": len(asked)},
    )


def _surely_better(one: Right, other: Right) -> bool:
    """Whether more samples are right by `one` alone than by `other` alone, beyond chance (McNemar)."""
    gained, lost = int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one))
    if gained <= lost:
        return False
    return telling.wilson(gained / (gained + lost), gained + lost, 3.2)[0] > 0.5


def _some(pool: Pool) -> NDArray[np.int64]:
    """The rows of whole number blocks, at most about MOST: a thinned numbering would tell less than it does."""
    if len(pool.labels) <= MOST:
        return np.arange(len(pool.labels))
    blocks = number_blocks(pool.numbers, length=10 * BLOCK)
    chosen = np.random.default_rng(0).permutation(int(blocks.max()) + 1)
    sizes = np.bincount(blocks)[chosen].cumsum()
    return np.flatnonzero(np.isin(blocks, chosen[sizes <= MOST]))


def _file_findings(facts: Sequence[Facts | None], pool: Pool) -> list[Finding | None]:
    """What a picture's file tells beside its content."""
    times = picture_facts.times(facts)
    remedy = (
        "Where classes come from different sources, a model may learn the source: save all pictures alike, or take "
        "each class from every source."
    )
    session = "Pictures of one session look alike: keep a session in one split, and photograph several classes in it."
    found = [
        _by_tree("file-size", "A picture's file size and bytes a pixel tell", picture_facts.sizes(facts), pool, remedy),
        _by_tree("dimensions", "A picture's dimensions tell", picture_facts.dimensions(facts), pool, remedy),
        _by_lookup("format", "A picture's format and mode tell", picture_facts.formats(facts), pool, remedy),
        _by_lookup("camera", "The camera tells", picture_facts.cameras(facts), pool, remedy),
        _by_neighbours("time", "The time at which a picture was taken tells", times, pool, session),
    ]
    return list(found)


def _by_tree(kind: str, what: str, features: NDArray[np.float64], pool: Pool, remedy: str) -> Finding | None:
    known = ~np.isnan(features).any(axis=1)
    if known.sum() < FEWEST_SAMPLES or (features[known] == features[known][0]).all():
        return None
    right = telling.tree_right(features[known], pool.labels[known], pool.groups[known])
    return _finding(kind, what, told(right, pool.labels[known], [pool.groups[known]], TESTS), remedy)


def _by_lookup(kind: str, what: str, keys: Sequence[str], pool: Pool, remedy: str) -> Finding | None:
    if len(set(keys)) < 2:
        return None
    right = telling.lookup_right(keys, pool.labels, pool.groups)
    return _finding(kind, what, told(right, pool.labels, [pool.groups], TESTS), remedy)


def _by_neighbours(
    kind: str, what: str, values: NDArray[np.float64], pool: Pool, remedy: str, level: Level | None = None
) -> Finding | None:
    if np.count_nonzero(~np.isnan(values)) < FEWEST_SAMPLES or len(np.unique(values[~np.isnan(values)])) < 2:
        return None
    right = telling.neighbours_right(values, pool.labels, pool.groups)
    return _finding(kind, what, told(right, pool.labels, [pool.groups], TESTS), remedy, level)


def _finding(kind: str, what: str, found: Told, remedy: str, level: Level | None = None) -> Finding | None:
    if not found.notable:
        return None
    return Finding(
        kind=f"shortcut-{kind}",
        level=level or ("warning" if found.gain >= WARNED_GAIN else "note"),
        title=f"{what} the class: alone {found.words}.",
        remedy=remedy,
        numbers=found.as_dict(),
    )


def _position(splits: Mapping[str, Split], pool: Pool) -> Finding | None:
    """The order in which the files were written, unless they were copied class by class, which says nothing."""
    times = np.array([_written(path) for split in splits.values() for path in _paths(split)])
    known = ~np.isnan(times)
    runs = 1 + np.count_nonzero(np.diff(pool.labels[known][np.argsort(times[known], kind="stable")]))
    if runs <= CLASS_BY_CLASS * len(np.unique(pool.labels)) * len(splits):
        return None
    return _by_neighbours(
        "position",
        "The order in which the files were last changed tells",
        times,
        pool,
        "Nothing to do where it comes from copying; where it is the order in which pictures were taken, keep those of "
        "one session in one split.",
        "note",
    )


def _paths(split: Split) -> Sequence[Any]:
    return split.inputs.get(IMAGE_COLUMN, (None,) * len(split))


def _written(path: Path | None) -> float:
    """When a file was last changed; NaN where there is none."""
    try:
        return np.nan if path is None else path.stat().st_mtime
    except OSError:
        return np.nan
