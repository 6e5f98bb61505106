"""Which rules for choosing models and fusion weights hold on samples that had no say in the choice.

    make bench BENCH=selection_rules

Val of each developing set is cut into halves, samples with alike names on one side; each rule chooses
on one half among all trials' kept val logits and is scored on the other. No test split is opened. The trials are those
of `anytime.py`'s whole study, and its heads with random settings; what hasn't run yet is run. Epochs were kept by their
accuracy on all of val, so that all rules look a little too good alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from anytime_curves import kept_logits, timed_trials
from anytime_runs import RANDOM_HEADS, WHOLE, commit_of_tree, ran, worked
from bench_sets import DEVELOP, build
from harness import main
from made_data import IMAGE, MODALITIES, TEXT
from measure import Findings
from numpy.typing import NDArray

from analysis.choice import REACH
from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.pairs import Candidate, best_together
from trainables.data.reading.read_split import read_split
from trainables.heads.folds import groups_of
from trainables.heads.temperature import best_factor, log_loss
from trainables.names import TRAIN, VAL
from trainables.records import TrialRecord, study_checkpoint

SPLITS, RESAMPLES = 100, 50
GRID = np.linspace(0, 1, 41)

Logits = NDArray[np.float64]  # (N, C)
Labels = NDArray[np.int64]  # (N,)
Rows = NDArray[np.int64]
Rule = Callable[[Sequence[Logits], Labels, np.random.Generator], int]  # of a half's logits, which is chosen
AlphaRule = Callable[[Logits, Logits, Labels, np.random.Generator], float]


@dataclass(frozen=True)
class Pool:
    """A set's models by modality, with their logits on all of val."""

    labels: Labels
    groups: NDArray[np.int64]
    logits: Mapping[str, Sequence[Logits]]


def pool_of(name: str, *, quick: bool) -> Pool:
    """The trials of a set's whole study, and heads with random settings."""
    data = build(name)
    train = read_split(data / TRAIN.capitalize())
    val = read_split(data / VAL.capitalize(), classes=train.classes)
    run = ran(name, WHOLE, data, quick=quick, commit=commit_of_tree())
    records = sorted((one.record for one in timed_trials(run)), key=lambda one: one.trial_id)
    heads, _ = worked(RANDOM_HEADS, name, data, test=False)
    found = {
        one: [
            *(_logits(run.folder, record) for record in records if record.modality == one),
            *(array.astype(np.float64) for key, array in heads.items() if key.startswith(f"{one}:")),
        ]
        for one in MODALITIES
    }
    return Pool(val.labels, groups_of(val), found)


def _logits(folder: Path, record: TrialRecord) -> Logits:
    return kept_logits(study_checkpoint(folder, record))


def halves(groups: NDArray[np.int64], rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Two sets of rows, about equally many, no group in both."""
    order = rng.permutation(int(groups.max()) + 1)
    sizes = np.bincount(groups, minlength=len(order))[order]
    first = order[np.cumsum(sizes) <= len(groups) / 2]
    inside = np.isin(groups, first)
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def accuracy(logits: Logits, labels: Labels) -> float:
    """The share of samples that are told right."""
    return float((logits.argmax(axis=1) == labels).mean())


def by_accuracy(some: Sequence[Logits], labels: Labels, rng: np.random.Generator) -> int:
    """The product's: of equals the lower loss."""
    return max(range(len(some)), key=lambda at: (accuracy(some[at], labels), -log_loss(some[at], labels)))


def by_loss(some: Sequence[Logits], labels: Labels, rng: np.random.Generator) -> int:
    """The least log loss, as the logits are."""
    return min(range(len(some)), key=lambda at: log_loss(some[at], labels))


def by_calibrated_loss(some: Sequence[Logits], labels: Labels, rng: np.random.Generator) -> int:
    """The least log loss, each at its own best temperature."""
    return min(range(len(some)), key=lambda at: log_loss(some[at] * best_factor(some[at], labels), labels))


def within_an_error(some: Sequence[Logits], labels: Labels, rng: np.random.Generator) -> int:
    """Of those within a standard error of the best accuracy, the least calibrated loss."""
    shares = [accuracy(one, labels) for one in some]
    best = max(shares)
    near = best - (best * (1 - best) / len(labels)) ** 0.5
    kept = [at for at, share in enumerate(shares) if share >= near]
    return kept[by_calibrated_loss([some[at] for at in kept], labels, rng)]


def by_bootstrap(some: Sequence[Logits], labels: Labels, rng: np.random.Generator) -> int:
    """The one with the best mean rank by accuracy over resampled halves.

    A mean of accuracies over resamples would be the accuracy itself.
    """
    right = np.stack([one.argmax(axis=1) == labels for one in some])
    drawn = rng.integers(0, len(labels), (RESAMPLES, len(labels)))
    shares = right[:, drawn].mean(axis=2)  # (models, resamples)
    ranks = (shares[None] > shares[:, None]).sum(axis=1) + 0.5 * (shares[None] == shares[:, None]).sum(axis=1)
    return int(ranks.mean(axis=1).argmin())


SINGLE: Mapping[str, Rule] = {
    "accuracy, ties by loss": by_accuracy,
    "loss": by_loss,
    "calibrated loss": by_calibrated_loss,
    "within a standard error, calibrated loss": within_an_error,
    "mean rank over bootstraps": by_bootstrap,
}


def plateau(image: Logits, text: Logits, labels: Labels, rng: np.random.Generator) -> float:
    """The product's: the middle of the widest plateau of the best accuracy."""
    return best_alpha(alpha_curve(image, text, labels)).alpha


def least_loss(image: Logits, text: Logits, labels: Labels, rng: np.random.Generator) -> float:
    """The least log loss on a grid, the fusion at its own best temperature."""

    def loss(alpha: float) -> float:
        logits = (1 - alpha) * image + alpha * text
        return log_loss(logits * best_factor(logits, labels), labels)

    return float(min(GRID, key=loss))


def bagged(image: Logits, text: Logits, labels: Labels, rng: np.random.Generator) -> float:
    """The mean of the plateaus' middles over resampled halves."""
    drawn = rng.integers(0, len(labels), (RESAMPLES // 2, len(labels)))
    return float(np.mean([plateau(image[rows], text[rows], labels[rows], rng) for rows in drawn]))


def calibrated(image: Logits, text: Logits, labels: Labels, rng: np.random.Generator) -> float:
    """Both as sure as they are right, then equal weights: no search."""
    first, second = best_factor(image, labels), best_factor(text, labels)
    return second / (first + second)


ALPHAS: Mapping[str, AlphaRule] = {
    "middle of the widest plateau": plateau,
    "least calibrated loss": least_loss,
    "mean over bootstraps": bagged,
    "equal weights after calibration": calibrated,
    "one half": lambda image, text, labels, rng: 0.5,
}


def pair_of_each(pool: Pool, rows: Rows, rng: np.random.Generator, rule: Rule = by_accuracy) -> tuple[int, int]:
    """The best of each modality."""
    some = {name: [one[rows] for one in pool.logits[name]] for name in MODALITIES}
    return rule(some[IMAGE], pool.labels[rows], rng), rule(some[TEXT], pool.labels[rows], rng)


def best_pair(pool: Pool, rows: Rows, rng: np.random.Generator, reach: float = REACH) -> tuple[int, int]:
    """The product's: the pair whose fusion is the best, of models within `reach` of the best of their modality."""
    labels, candidates = pool.labels[rows], {}
    for name in MODALITIES:
        own = [Candidate(str(at), one[rows]) for at, one in enumerate(pool.logits[name])]
        shares = {one.name: accuracy(one.logits, labels) for one in own}
        near = [one for one in own if shares[one.name] >= max(shares.values()) - reach]
        candidates[name] = sorted(near, key=lambda one: -shares[one.name])
    chosen = best_together(candidates, labels)
    return int(chosen[IMAGE].name), int(chosen[TEXT].name)


def pair_rules() -> Mapping[str, Callable[[Pool, Rows, np.random.Generator], tuple[int, int]]]:
    """How the fusion's two models are chosen; alpha is the product's."""
    return {
        "best of each, by accuracy": pair_of_each,
        "best of each, by calibrated loss": lambda *given: pair_of_each(*given, rule=by_calibrated_loss),
        "best of each, within a standard error": lambda *given: pair_of_each(*given, rule=within_an_error),
        "best pair within reach": best_pair,
        "best pair of all": lambda *given: best_pair(*given, reach=1.0),
    }


def compared(pool: Pool, splits: int) -> dict[str, Any]:
    """Mean held-out accuracy of each rule, and what it is above the first of its kind."""
    found: dict[str, dict[str, list[float]]] = {}

    def note(kind: str, rule: str, share: float) -> None:
        found.setdefault(kind, {}).setdefault(rule, []).append(share)

    for number in range(splits):
        rng = np.random.default_rng(number)
        some, others = halves(pool.groups, rng)
        truth, held_out = pool.labels[some], pool.labels[others]
        for name in MODALITIES:
            for rule, choose in SINGLE.items():
                chosen = choose([one[some] for one in pool.logits[name]], truth, rng)
                note(f"one model, {name}", rule, accuracy(pool.logits[name][chosen][others], held_out))
        for rule, pick in pair_rules().items():
            pair = pick(pool, some, rng)
            note("pair", rule, _fused_accuracy(pool, pair, some, others, plateau, rng))
        pair = pair_of_each(pool, some, rng)
        for rule, alpha in ALPHAS.items():
            note("alpha", rule, _fused_accuracy(pool, pair, some, others, alpha, rng))
    return {kind: _differences(rules) for kind, rules in found.items()}


def _fused_accuracy(
    pool: Pool, pair: tuple[int, int], some: Rows, others: Rows, rule: AlphaRule, rng: np.random.Generator
) -> float:
    image, text = pool.logits[IMAGE][pair[0]], pool.logits[TEXT][pair[1]]
    alpha = rule(image[some], text[some], pool.labels[some], rng)
    return accuracy((1 - alpha) * image[others] + alpha * text[others], pool.labels[others])


def _differences(rules: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Of each rule the mean, and the mean of what it is above the first one in the same split, with its spread."""
    first = np.array(next(iter(rules.values())))
    return {
        rule: {
            "held-out accuracy": float(np.mean(shares)),
            "above the first": float(np.mean(np.array(shares) - first)),
            "its standard deviation over splits": float(np.std(np.array(shares) - first)),
        }
        for rule, shares in rules.items()
    }


def benchmark(folder: Path, quick: bool) -> Findings:
    """All rules on the developing sets."""
    figures: dict[str, Any] = {}
    for name in DEVELOP[:1] if quick else DEVELOP:
        pool = pool_of(name, quick=quick)
        print(f"  {name}: { ({one: len(some) for one, some in pool.logits.items()}) } models", file=sys.stderr)
        counts = {f"{one} models": len(some) for one, some in pool.logits.items()}
        figures[name] = {**counts, **compared(pool, 5 if quick else SPLITS)}
    return Findings(
        figures, [], [f"{SPLITS} cuts of val; the same val again and again, so that they aren't independent."]
    )


if __name__ == "__main__":
    main("selection_rules", benchmark, section="Rules of choice")
