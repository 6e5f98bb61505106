"""Accuracy against core-minutes: a whole study beside rung zero, fine-tuning alone, random heads and linear models.

    make bench BENCH=anytime                          the developing sets, val alone: no test split is opened
    make bench BENCH="anytime --sealed --write"       all sets, val and test; once

Run by name only: it takes hours, the sets that `bench_sets.py` makes, and the extra `demo`. What has run is kept in
`data/bench/runs` and used again as long as its study's YAML and data are the same (`--fresh`: run anew). Core-seconds
are CPU seconds of all of a run's processes, from the command on: imports, checks and probes count. On a machine that
others use they grow by up to a half. A study's answer at a time is what the product would choose of the models that
were there; a model counts from the epoch on whose weights were kept. Fusion weights and choices are val's in all rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import anytime_runs as runs
import numpy as np
from anytime_curves import Answer, accuracies, answer_at, fused, heads_of, pooled, seconds_before, timed_trials
from anytime_runs import FINE_TUNING, LINEAR, RANDOM_HEADS, RUNG_ZERO, STUDIES, WHOLE
from anytime_worker import SEEDS
from bench_sets import DEVELOP, SETS, build
from harness import as_json
from machine import describe_machine
from made_data import MODALITIES
from measure import Bound, Findings, at_least, at_most
from numpy.typing import NDArray

from analysis.numbers.pairs import Candidate, best_together
from trainables.data.reading.read_split import read_split
from trainables.data.samples import split_digest
from trainables.inference import predict_split
from trainables.names import TEST, TRAIN, VAL

NAME = "anytime"
SECTION = "Accuracy against core-minutes"  # of RESULTS.md
MINUTES = (1, 2, 4, 8, 16)
END = "end"
OPENED = Path(__file__).with_name("anytime_sealed.jsonl")  # a line for each time the sealed tests were opened
GAIN = 0.04  # fused accuracy that rung zero has above the linear baseline, on average
WITHIN = 2.0  # core-minutes of rung zero for 1,000 training pictures; and until `FIRST` is reached
FIRST = ("openclipart", 0.90)  # a set, and the fused val accuracy that it has within so long
SIGNIFICANT = 0.01

Answers = Mapping[str, Mapping[str, Answer | None]]  # by what was run: by core-minutes, the last one `END`


@dataclass(frozen=True)
class Labels:
    """A set's splits as the benchmark needs them."""

    train: int  # samples
    by_split: Mapping[str, NDArray[np.int64]]  # val, and test where it is opened
    digest: str | None = None  # of test


def measure(*, quick: bool, sealed: bool, fresh: bool) -> Findings:
    """The findings of the developing sets, or of all."""
    names = DEVELOP[:1] if quick else tuple(SETS) if sealed else DEVELOP
    commit = runs.commit_of_tree()
    folders = {name: build(name) for name in names}
    for name, data in folders.items():  # everything is trained before any test is opened
        for variant in STUDIES:
            runs.ran(name, variant, data, quick=quick, commit=commit, fresh=fresh)
        for what in (LINEAR, RANDOM_HEADS):
            runs.worked(what, name, data, test=False, fresh=fresh)
    labels = {name: labels_of(data, test=sealed) for name, data in folders.items()}
    if sealed:
        record(
            {"opened": commit, "studies": studies_digest(names), "sets": {n: one.digest for n, one in labels.items()}}
        )
    found = {name: answers_of(name, folders[name], labels[name], quick=quick) for name in names}
    figures = {name: figures_of(labels[name], found[name]) for name in names}
    split = TEST if sealed else VAL
    others = {f"{one} against {other}": compared(found, one, other, split) for one, other in PAIRS}
    rung_zero = {name: runs.ran(name, RUNG_ZERO, folders[name], quick=quick, commit=commit) for name in names}
    costs = {name: costs_of(found[name], seconds_before(rung_zero[name]), labels[name].train) for name in names}
    bounds = bounds_of(found, costs, split)
    about = {name: SETS[name].about for name in names}
    return Findings({"sets": about, **figures, f"on {split}, all sets together": others}, bounds, notes(commit, names))


PAIRS = ((WHOLE, LINEAR), (RUNG_ZERO, LINEAR), (WHOLE, RUNG_ZERO), (WHOLE, FINE_TUNING))


def labels_of(data: Path, *, test: bool) -> Labels:
    """Labels of val, and of test where it may be opened."""
    train = read_split(data / TRAIN.capitalize())
    names = (VAL, TEST) if test else (VAL,)
    splits = {name: read_split(data / name.capitalize(), classes=train.classes) for name in names}
    digest = split_digest(splits[TEST]) if test else None
    return Labels(len(train), {name: split.labels for name, split in splits.items()}, digest)


def refuse_second_opening() -> None:
    """End the process where the sealed tests were opened before; an opening that came to no result may go on.

    It may only do so with the very studies that it was for.
    """
    lines = [json.loads(line) for line in OPENED.read_text("utf-8").splitlines()] if OPENED.exists() else []
    others = any(line.get("studies", studies_digest(tuple(SETS))) != studies_digest(tuple(SETS)) for line in lines)
    if others or any("finished" in line for line in lines):
        sys.exit(f"The sealed sets' tests are opened once, and {OPENED} says that they were.")


def studies_digest(names: Sequence[str]) -> str:
    """SHA-256 of the records of all studies that have run: which models there are to choose of."""
    digest = hashlib.sha256()
    for path in (runs.place_of(name, what, quick=False) / runs.LEDGER for name in names for what in STUDIES):
        digest.update(path.read_bytes() if path.exists() else b"none")
    return digest.hexdigest()


def record(told: Mapping[str, Any]) -> None:
    """Put on record, on the disk before anything else is done, what becomes of the sealed tests."""
    line = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", **told}
    with OPENED.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def answers_of(name: str, data: Path, labels: Labels, *, quick: bool) -> Answers:
    """What each of the contestants would answer after so many core-minutes, and at its end."""
    test = TEST in labels.by_split
    found: dict[str, Mapping[str, Answer | None]] = {
        LINEAR: _worked(LINEAR, name, data, labels, test=test),
        RANDOM_HEADS: _worked(RANDOM_HEADS, name, data, labels, test=test),
    }
    classes = read_split(data / TRAIN.capitalize()).classes
    split = read_split(data / TEST.capitalize(), classes=classes) if test else None

    @cache
    def test_logits(checkpoint: Path) -> NDArray[np.float64]:
        assert split is not None
        return predict_split(checkpoint, split).logits.astype(np.float64)

    for variant in STUDIES:
        run = runs.ran(name, variant, data, quick=quick, commit=runs.commit_of_tree())
        trials = timed_trials(run)
        own = heads_of(trials) if variant == RUNG_ZERO else trials
        given = (labels.by_split, test_logits if test else None)
        at = {str(one): answer_at(run.folder, own, 60.0 * one, *given) for one in MINUTES}
        found[variant] = {**at, END: answer_at(run.folder, own, math.inf, *given)}
    return found


def _worked(what: str, name: str, data: Path, labels: Labels, *, test: bool) -> Mapping[str, Answer | None]:
    """The answer of a worker's models; at its end alone where several seeds share it."""
    logits, seconds = runs.worked(what, name, data, test=False)
    if test:  # which takes longer, for test's features; models are the same
        logits, _ = runs.worked(what, name, data, test=True)
    if what == LINEAR:
        by_split = {split: {one: logits[f"{one}:linear:{split}"] for one in MODALITIES} for split in labels.by_split}
        answer = fused(by_split[VAL], labels.by_split, by_split.get(TEST), seconds=seconds, models=("linear",))
        return {str(one): answer if seconds <= 60 * one else None for one in MINUTES} | {END: answer}
    return {f"{END}, seed {seed}": _random_answer(logits, seed, labels, seconds) for seed in range(SEEDS)}


def _random_answer(logits: Mapping[str, NDArray[Any]], seed: int, labels: Labels, seconds: float) -> Answer:
    """The best pair of one seed's heads."""
    candidates = {
        one: [
            Candidate(key.split(":")[1], array.astype(np.float64))
            for key, array in logits.items()
            if key.startswith(f"{one}:{seed}/") and key.endswith(f":{VAL}")
        ]
        for one in MODALITIES
    }
    truth = labels.by_split[VAL]
    for own in candidates.values():  # the best first
        own.sort(key=lambda one: -float((one.logits.argmax(axis=1) == truth).mean()))
    chosen = best_together(candidates, truth)
    test = {one: logits[f"{one}:{chosen[one].name}:{TEST}"] for one in MODALITIES} if TEST in labels.by_split else None
    val = {one: chosen[one].logits for one in MODALITIES}
    return fused(val, labels.by_split, test, seconds=seconds, models=tuple(one.name for one in chosen.values()))


def at_end(answers: Mapping[str, Answer | None]) -> Answer:
    """The last answer. ValueError where there is none."""
    found = answers.get(END)
    if found is None:
        raise ValueError("A run must end with a model, but none was kept.")
    return found


def figures_of(labels: Labels, answers: Answers) -> dict[str, Any]:
    """A set's table: what was run, core-minutes, accuracies of the fusion."""
    found: dict[str, Any] = {"samples of train": labels.train, "samples of val": len(labels.by_split[VAL])}
    for what, by_minutes in answers.items():
        rows: dict[str, Any] = {}
        for minutes, answer in by_minutes.items():
            place = minutes if minutes.startswith(END) else f"{minutes} core-min"
            rows[place] = accuracies(answer)
            if answer is not None and minutes.startswith(END):
                weights = ", ".join(f"{one} {weight:.2f}" for one, weight in answer.weights.items())
                rows[place] |= {"core-min": answer.seconds / 60, "models": f"{' + '.join(answer.models)} ({weights})"}
        found[what] = rows
    return found


def compared(found: Mapping[str, Answers], one: str, other: str, split: str) -> dict[str, float]:
    """How many samples only the one, and only the other is right about at the end, and McNemar's mid-p."""
    pairs = [(at_end(answers[one]), at_end(answers[other])) for answers in found.values()]
    first, second, p = pooled((right(a, split), right(b, split)) for a, b in pairs)
    return {"only the first is right": first, "only the second": second, "mid-p": p}


def right(answer: Answer, split: str) -> NDArray[np.bool_]:
    """What an answer is right about on val or test. ValueError where test wasn't opened."""
    found = answer.val if split == VAL else answer.test
    if found is None:
        raise ValueError(f"The answer must be about {split}, but that wasn't opened.")
    return found


def costs_of(answers: Answers, before: float, train: int) -> dict[str, float]:
    """Rung zero's core-minutes for 1,000 training pictures; `before`: the core-seconds before its first head began."""
    seconds = at_end(answers[RUNG_ZERO]).seconds
    return {
        "rung zero, features and heads": (seconds - before) / 60 * 1000 / train,
        "rung zero, from the command on": seconds / 60 * 1000 / train,
    }


def bounds_of(found: Mapping[str, Answers], costs: Mapping[str, Mapping[str, float]], split: str) -> Sequence[Bound]:
    """What is promised, by set and over all sets."""
    every = list(found.values())
    bounds = [
        at_most(f"{name}: {what}, core-minutes for 1,000 training pictures", WITHIN, minutes, "min")
        for name, own in costs.items()
        for what, minutes in own.items()
    ]
    gains = [_accuracy(answers, RUNG_ZERO, split) - _accuracy(answers, LINEAR, split) for answers in every]
    bounds.append(
        at_least(f"rung zero's fused {split} accuracy - the linear baseline's, mean", GAIN, float(np.mean(gains)))
    )
    for name, answers in found.items():
        bounds.append(
            at_least(f"{name}: whole study - fine-tuning only, val, the least of all times", 0, least(answers))
        )
        gained = _accuracy(answers, WHOLE, VAL) - _accuracy(answers, RUNG_ZERO, VAL)
        bounds.append(at_least(f"{name}: whole study - rung zero, val, at the end", 0, gained))
    p = compared(found, WHOLE, LINEAR, split)["mid-p"]
    bounds.append(at_most(f"whole study against linear on {split}, McNemar's mid-p", SIGNIFICANT, p, "p"))
    if FIRST[0] in found:
        answer = found[FIRST[0]][WHOLE][f"{WITHIN:.0f}"]
        reached = 0.0 if answer is None else float(answer.val.mean())
        bounds.append(at_least(f"{FIRST[0]}: whole study's fused val within {WITHIN:.0f} core-min", FIRST[1], reached))
    return bounds


def least(answers: Answers) -> float:
    """The least of what the whole study's fused val is above fine-tuning's, at every time at which that has a model."""
    differences = []
    for minutes, other in answers[FINE_TUNING].items():
        if other is not None:
            one = answers[WHOLE][minutes]
            differences.append((0.0 if one is None else float(one.val.mean())) - float(other.val.mean()))
    return min(differences)


def _accuracy(answers: Answers, what: str, split: str) -> float:
    return float(right(at_end(answers[what]), split).mean())


def notes(commit: str, names: Sequence[str]) -> list[str]:
    """What the figures assume."""
    size = runs.Size()
    at = {
        variant: sorted({json.loads(path.read_text("utf-8"))["commit"] for path in _kept_of(variant, names)})
        for variant in STUDIES
    }
    return [
        "Core-minutes: CPU time of all processes from the command on, others' load not taken out.",
        f"A study: {size.trials} trials a modality of {size.image_epochs} and {size.text_epochs} epochs at most, asha "
        f"from epoch {size.grace} on; its other settings are those of configs/openclipart.yaml.",
        "Rung zero is read off a study of its own, up to its last head.",
        f"Measured at commit {commit}; kept studies ran at {at}.",
    ]


def _kept_of(variant: str, names: Sequence[str]) -> list[Path]:
    places = [runs.place_of(name, variant, quick=False) / runs.METERED for name in names]
    return [path for path in places if path.is_file()]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run: one set, two short trials a modality")
    parser.add_argument("--sealed", action="store_true", help="all sets, and their tests: once")
    parser.add_argument("--fresh", action="store_true", help="use no study that has run before")
    options = parser.parse_args()
    if options.sealed:
        if options.quick:
            parser.error("--sealed opens the tests for good; a smoke run is no reason to.")
        refuse_second_opening()
    machine = describe_machine() | {"section": SECTION}
    with redirect_stdout(sys.stderr):
        findings = measure(quick=options.quick, sealed=options.sealed, fresh=options.fresh)
    if options.sealed:
        record({"finished": runs.commit_of_tree()})
    print(json.dumps(as_json(NAME, machine, findings, quick=options.quick), indent=2))


if __name__ == "__main__":
    main()
