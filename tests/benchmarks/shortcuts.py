"""What numbers in names do to a text model, that the check says so beforehand, and a val that is like test.

Run by name only (`python tests/benchmarks/run_all.py shortcuts`): half a minute for each seed. On the demo's names, in
sessions and as they are; with `--names FILE` (columns name, number, label) also on other ones, whose first 70 % of
numbers become train and val at random, the others a test that is numbered anew over the same range.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness import main
from made_names import demo_names
from measure import Bound, Findings, at_least, at_most
from numpy.typing import NDArray

from trainables.data.check.digits import name_model
from trainables.data.check.names import name_key, renumbered, trailing_numbers
from trainables.data.check.shortcuts import sample_names, shortcut_findings
from trainables.data.check.telling import neighbours_right
from trainables.data.making.like_test import choose_like_test
from trainables.data.samples import Split
from trainables.names import TEST, TRAIN, VAL
from trainables.runtime.texts import clean

PICTURES = 1000
COLLECTED = 0.7  # of the numbers, in train and val
Read = Callable[[str], str]
READINGS: dict[str, Read] = {
    "raw": str,
    "words": lambda text: clean(text, "words"),
    "digit-free": name_key,
}


def benchmark(folder: Path, quick: bool) -> Findings:
    """Every figure is a mean over seeds."""
    seeds = range(2 if quick else 8)
    sessions = [demo_names(PICTURES, seed, sessions=True) for seed in seeds]
    usual = [demo_names(PICTURES, seed, sessions=False) for seed in seeds]
    figures: dict[str, Any] = {"seeds": len(seeds), "pictures": PICTURES}
    bounds = [
        *_digits("demo in sessions", sessions, figures, gain=0.03),
        *_gaps("demo in sessions", sessions, figures),
        *_gaps("demo", usual, figures),
        at_most("20 clean sets: findings", 1, _alarms(5 if quick else 20), "findings"),
    ]
    if NAMES is not None:
        bounds += _digits("named", [_numbered_anew(NAMES, seed) for seed in seeds], figures, gain=0.02)
        bounds += _number_alone(NAMES)
    return Findings(figures, bounds, [])


def accuracy(splits: dict[str, Split], name: str, read: Read) -> float:
    """Of a linear model on character n-grams, fitted on train."""
    model = name_model().fit([read(text) for text in sample_names(splits[TRAIN])], splits[TRAIN].labels)
    return _accuracy(model, sample_names(splits[name]), splits[name].labels, read)


def _accuracy(model: Any, names: Sequence[str], labels: NDArray[np.int64], read: Read = str) -> float:
    return float(np.mean(model.predict([read(name) for name in names]) == labels))


def _digits(what: str, sets: Sequence[dict[str, Split]], figures: dict[str, Any], gain: float) -> list[Bound]:
    """Raw names win on val and lose on test, and each set's findings say so."""
    found = {
        name: {reading: np.mean([accuracy(one, name, read) for one in sets]) for reading, read in READINGS.items()}
        for name in (VAL, TEST)
    }
    told = [{one.kind: one for one in shortcut_findings(one)} for one in sets]
    counters = [one["shortcut-counter"].numbers for one in told if "shortcut-counter" in one]
    figures[f"{what}: accuracy"] = {
        name: {key: float(value) for key, value in own.items()} for name, own in found.items()
    }
    figures[f"{what}: the number alone"] = [
        {key: one[key] for key in ("accuracy", "low", "majority")} for one in counters
    ]
    test, val = found[TEST], found[VAL]
    said = np.mean([{"shortcut-counter", "shortcut-digits"} <= set(one) for one in told])
    warned = np.mean([one["test_numbering"] == "another" for one in counters])
    return [
        at_least(f"{what}: sets whose number is named", 1, len(counters) / len(sets), "share"),
        at_least(f"{what}: of these, with test numbered anew", 1, float(warned), "share"),
        at_least(
            f"{what}: raw names on val over digit-free ones", 0.02, float(val["raw"] - val["digit-free"]), "share"
        ),
        at_least(f"{what}: sets of which that is said, too", 0.5, float(said), "share"),
        at_least(
            f"{what}: default on test over digit-free names", -0.01, float(test["words"] - test["digit-free"]), "share"
        ),
        at_least(f"{what}: default on test over raw names", gain, float(test["words"] - test["raw"]), "share"),
    ]


def _gaps(what: str, sets: Sequence[dict[str, Split]], figures: dict[str, Any]) -> list[Bound]:
    """Val accuracy minus test accuracy of one model, with the old val and with one like test."""
    gaps = np.array([_gap(one) for one in sets])
    before, after = np.abs(gaps).mean(axis=0)
    figures[f"{what}: gap between val and test"] = {
        "before": float(before),
        "after": float(after),
        "each": gaps.tolist(),
    }
    return [at_most(f"{what}: gap between val and test, after / before", 0.5, float(after / before))]


def _gap(splits: dict[str, Split]) -> tuple[float, float]:
    names = np.array([*sample_names(splits[TRAIN]), *sample_names(splits[VAL])], dtype=object)
    labels = np.concatenate([splits[TRAIN].labels, splits[VAL].labels])
    was_val = np.arange(len(names)) >= len(splits[TRAIN])
    test_names = sample_names(splits[TEST])
    chosen = choose_like_test(list(names), labels, was_val, test_names, share=float(was_val.mean()))
    gaps = []
    for in_val in (was_val, chosen.in_val):
        model = name_model().fit(names[~in_val], labels[~in_val])
        test = _accuracy(model, test_names, splits[TEST].labels)
        gaps.append(_accuracy(model, list(names[in_val]), labels[in_val]) - test)
    return gaps[0], gaps[1]


def _alarms(sets: int) -> int:
    return sum(len(shortcut_findings(demo_names(PICTURES, 100 + seed, sessions=False))) for seed in range(sets))


def _read_names(path: Path) -> tuple[NDArray[Any], NDArray[np.int64], tuple[str, ...]]:
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    classes, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    return np.array([Path(row["name"]).stem for row in rows], dtype=object), labels, tuple(classes.tolist())


def _numbered_anew(path: Path, seed: int) -> dict[str, Split]:
    names, labels, classes = _read_names(path)
    numbers = trailing_numbers(names)
    last = int(np.quantile(numbers[numbers >= 0], COLLECTED))
    collected = np.random.default_rng(seed).permutation(np.flatnonzero((numbers >= 0) & (numbers <= last)))
    val = len(collected) // 5
    rest = np.flatnonzero(numbers > last)
    rest = rest[np.argsort(numbers[rest])]
    anew = np.linspace(1, last, len(rest)).astype(int)
    names[rest] = [renumbered(name, int(number)) for name, number in zip(names[rest], anew, strict=True)]
    return {
        name: Split(tuple(f"{row}" for row in rows), labels[rows], classes, {"text": tuple(names[rows])})
        for name, rows in ((TRAIN, collected[val:]), (VAL, collected[:val]), (TEST, rest))
    }


def _number_alone(path: Path) -> list[Bound]:
    """By 10-fold nearest neighbours, without groups, as such figures are usually given."""
    names, labels, _ = _read_names(path)
    numbers = trailing_numbers(names)
    values = np.where(numbers >= 0, numbers.astype(float), np.nan)
    found = float(neighbours_right(values, labels, np.random.default_rng(0).permutation(len(labels))).mean())
    return [
        at_least("named: the number alone, accuracy", 0.78, found, "share"),
        at_most("named: the number alone, accuracy", 0.82, found, "share"),
    ]


def _names_option() -> Path | None:
    """Taken out of the arguments, which the harness reads next."""
    if "--names" not in sys.argv:
        return None
    place = sys.argv.index("--names")
    path = Path(sys.argv[place + 1])
    del sys.argv[place : place + 2]
    return path


NAMES = _names_option() if __name__ == "__main__" else None

if __name__ == "__main__":
    main("shortcuts", benchmark)
