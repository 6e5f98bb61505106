"""Which rules for choosing models and fusion weights hold on samples that had no say in the choice.

    make bench BENCH=selection_rules

Val of each developing set is cut into halves, samples with alike names on one side; of a pool of models as many are
drawn as a study has, each rule chooses among these on one half by the kept val logits, and is scored on the other. No
test split is opened. The pool: a study of random trials with its heads, the fine-tuned trials of `anytime.py`'s whole
study, heads with random settings; what hasn't run yet is run. Epochs were kept by their accuracy on all of val, so that
all rules look a little too good alike.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_sets import DEVELOP
from harness import main
from made_data import IMAGE, MODALITIES, TEXT
from measure import Bound, Findings, at_most
from numpy.typing import NDArray
from selection_pool import Difference, Labels, Logits, Pool, Right, Scores, Seen, averaged, halves, pool_of

from analysis.choice import REACH
from analysis.numbers.alpha_choice import FusionRule, chosen_alpha
from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.pairs import Candidate, best_together
from trainables.heads.folds import grouped_folds
from trainables.heads.temperature import best_factor, log_loss

CUTS, RESAMPLES, MODELS = 200, 50, 12
ERRORS = 2.0  # standard errors by which a rule must be above the product's to be shown better
GRID = np.linspace(0, 1, 41)

Rule = Callable[[Sequence[Logits], Seen, np.random.Generator], int]  # which of the models is chosen
AlphaRule = Callable[[Logits, Logits, Seen, np.random.Generator], float]
PairRule = Callable[[Pool, "Pairs", np.random.Generator], tuple[int, int]]


def told_right(logits: Logits, labels: Labels) -> Right:
    """(N,) whether a sample's class is said."""
    found: Right = logits.argmax(axis=1) == labels
    return found


def accuracy(logits: Logits, labels: Labels) -> float:
    """The share of samples that are told right."""
    return float(told_right(logits, labels).mean())


def by_accuracy(some: Sequence[Logits], seen: Seen, rng: np.random.Generator) -> int:
    """The product's: of equals the lower loss."""
    labels = seen.labels
    return max(range(len(some)), key=lambda at: (accuracy(some[at], labels), -log_loss(some[at], labels)))


def by_loss(some: Sequence[Logits], seen: Seen, rng: np.random.Generator) -> int:
    """The least log loss, as the logits are."""
    return min(range(len(some)), key=lambda at: log_loss(some[at], seen.labels))


def calibrated_loss(logits: Logits, labels: Labels) -> float:
    """The log loss at the logits' own best temperature."""
    return log_loss(logits * best_factor(logits, labels), labels)


def by_calibrated_loss(some: Sequence[Logits], seen: Seen, rng: np.random.Generator) -> int:
    """The least log loss, each at its own best temperature."""
    return min(range(len(some)), key=lambda at: calibrated_loss(some[at], seen.labels))


def near_the_best(shares: NDArray[np.float64], samples: int) -> list[int]:
    """The places of those within a standard error of the best share."""
    best = float(shares.max())
    return [int(at) for at in np.flatnonzero(shares >= best - (best * (1 - best) / samples) ** 0.5)]


def within_an_error(some: Sequence[Logits], seen: Seen, rng: np.random.Generator) -> int:
    """Of those within a standard error of the best accuracy, the least calibrated loss."""
    kept = near_the_best(np.array([accuracy(one, seen.labels) for one in some]), len(seen.labels))
    return kept[by_calibrated_loss([some[at] for at in kept], seen, rng)]


def mean_ranks(right: NDArray[np.bool_], parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,) the mean rank, 0 the best, of models' accuracies over parts; right (M, N), parts (P, N) weights of samples.

    A mean of accuracies over resamples or equal folds would be the accuracy itself.
    """
    shares = right @ parts.T / parts.sum(axis=1)  # (M, P)
    above = (shares[None] > shares[:, None] + 1e-12).sum(axis=1)
    level = (np.abs(shares[None] - shares[:, None]) <= 1e-12).sum(axis=1)
    found: NDArray[np.float64] = (above + 0.5 * level).mean(axis=1)
    return found


def bootstraps(seen: Seen, rng: np.random.Generator) -> NDArray[np.float64]:
    """(P, N) how often each sample is in a resample of groups."""
    _, own = np.unique(seen.groups, return_inverse=True)
    count = int(own.max()) + 1
    found: NDArray[np.float64] = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES)[:, own].astype(float)
    return found


def folds(seen: Seen, rng: np.random.Generator) -> NDArray[np.float64]:
    """(P, N) which samples are in a fold, groups together; several partitions."""
    dealt = [grouped_folds(seen.labels, seen.groups, seed=int(rng.integers(2**31))) for _ in range(RESAMPLES // 5)]
    return np.concatenate([np.unique(one)[:, None] == one[None] for one in dealt]).astype(float)


def by_bootstrap(some: Sequence[Logits], seen: Seen, rng: np.random.Generator) -> int:
    """The best mean rank by accuracy over resampled groups."""
    right = np.stack([told_right(one, seen.labels) for one in some])
    return int(mean_ranks(right, bootstraps(seen, rng)).argmin())


def by_folds(some: Sequence[Logits], seen: Seen, rng: np.random.Generator) -> int:
    """The best mean rank by accuracy over folds of groups."""
    right = np.stack([told_right(one, seen.labels) for one in some])
    return int(mean_ranks(right, folds(seen, rng)).argmin())


SINGLE: Mapping[str, Rule] = {
    "accuracy, ties by loss": by_accuracy,
    "loss": by_loss,
    "calibrated loss": by_calibrated_loss,
    "within a standard error, calibrated loss": within_an_error,
    "mean rank over bootstraps of groups": by_bootstrap,
    "mean rank over folds of groups": by_folds,
}


def plateau(image: Logits, text: Logits, seen: Seen, rng: np.random.Generator) -> float:
    """The product's: the middle of the widest plateau of the best accuracy."""
    return best_alpha(alpha_curve(image, text, seen.labels)).alpha


def least_loss(image: Logits, text: Logits, seen: Seen, rng: np.random.Generator) -> float:
    """The least log loss on a grid, the fusion at its own best temperature."""
    return float(min(GRID, key=lambda alpha: calibrated_loss((1 - alpha) * image + alpha * text, seen.labels)))


def calm(image: Logits, text: Logits, seen: Seen, rng: np.random.Generator) -> float:
    """The product's other rule: within a standard error of the best accuracy, the nearest to the least log loss."""
    return chosen_alpha(image, text, seen.labels, FusionRule(rule="one_standard_error"), seen.groups).alpha


def bagged(image: Logits, text: Logits, seen: Seen, rng: np.random.Generator) -> float:
    """The mean of the plateaus' middles over resampled halves."""
    drawn = rng.integers(0, len(seen.labels), (RESAMPLES // 2, len(seen.labels)))
    return float(np.mean([best_alpha(alpha_curve(image[row], text[row], seen.labels[row])).alpha for row in drawn]))


def calibrated(image: Logits, text: Logits, seen: Seen, rng: np.random.Generator) -> float:
    """Both as sure as they are right, then equal weights: no search."""
    first, second = best_factor(image, seen.labels), best_factor(text, seen.labels)
    return second / (first + second)


ALPHAS: Mapping[str, AlphaRule] = {
    "middle of the widest plateau": plateau,
    "least calibrated loss": least_loss,
    "within a standard error, nearest the least loss": calm,
    "mean over bootstraps": bagged,
    "equal weights after calibration": calibrated,
    "one half": lambda image, text, seen, rng: 0.5,
}


@dataclass(frozen=True)
class Pairs:
    """All pairs of models within `REACH` of their modality's best, each fused at the product's alpha."""

    places: Sequence[tuple[int, int]]
    fused: Sequence[Logits]
    right: NDArray[np.bool_]  # (pairs, N)


def near(pool: Pool, name: str, reach: float) -> list[int]:
    """The places of a modality's models within `reach` of the best, the best first."""
    shares = [accuracy(one, pool.seen.labels) for one in pool.logits[name]]
    within = [at for at, share in enumerate(shares) if share >= max(shares) - reach]
    return sorted(within, key=lambda at: -shares[at])


def pairs_of(pool: Pool, rng: np.random.Generator) -> Pairs:
    """Of the half that a rule sees."""
    places = [(one, other) for one in near(pool, IMAGE, REACH) for other in near(pool, TEXT, REACH)]
    fused = []
    for one, other in places:
        image, text = pool.logits[IMAGE][one], pool.logits[TEXT][other]
        alpha = plateau(image, text, pool.seen, rng)
        fused.append((1 - alpha) * image + alpha * text)
    return Pairs(places, fused, np.stack([told_right(one, pool.seen.labels) for one in fused]))


def best_pair(pool: Pool, reach: float = REACH) -> tuple[int, int]:
    """The product's: the pair whose fusion is the best, of models within `reach` of the best of their modality."""
    candidates = {
        name: [Candidate(str(at), pool.logits[name][at]) for at in near(pool, name, reach)] for name in MODALITIES
    }
    chosen = best_together(candidates, pool.seen.labels)
    return int(chosen[IMAGE].name), int(chosen[TEXT].name)


def of_each(rule: Rule) -> PairRule:
    """The best of each modality by a rule."""
    return lambda pool, pairs, rng: (rule(pool.logits[IMAGE], pool.seen, rng), rule(pool.logits[TEXT], pool.seen, rng))


def pair_by_loss(pool: Pool, pairs: Pairs, rng: np.random.Generator) -> tuple[int, int]:
    """The least calibrated loss of the fusion."""
    return pairs.places[by_calibrated_loss(pairs.fused, pool.seen, rng)]


def pair_within_an_error(pool: Pool, pairs: Pairs, rng: np.random.Generator) -> tuple[int, int]:
    """Of those within a standard error of the most accurate fusion, the least calibrated loss."""
    kept = near_the_best(pairs.right.mean(axis=1), len(pool.seen.labels))
    return pairs.places[kept[by_calibrated_loss([pairs.fused[at] for at in kept], pool.seen, rng)]]


def pair_by_bootstrap(pool: Pool, pairs: Pairs, rng: np.random.Generator) -> tuple[int, int]:
    """The best mean rank of the fusion's accuracy over resampled groups."""
    return pairs.places[int(mean_ranks(pairs.right, bootstraps(pool.seen, rng)).argmin())]


def pair_by_folds(pool: Pool, pairs: Pairs, rng: np.random.Generator) -> tuple[int, int]:
    """The best mean rank of the fusion's accuracy over folds of groups."""
    return pairs.places[int(mean_ranks(pairs.right, folds(pool.seen, rng)).argmin())]


# How the fusion's two models are chosen; alpha is the product's.
PAIRS: Mapping[str, PairRule] = {
    "best pair within reach, by accuracy, ties by loss": lambda pool, pairs, rng: best_pair(pool),
    "best pair of all": lambda pool, pairs, rng: best_pair(pool, reach=1.0),
    "best of each, by accuracy": of_each(by_accuracy),
    "best of each, by calibrated loss": of_each(by_calibrated_loss),
    "best of each, within a standard error": of_each(within_an_error),
    "pair by calibrated loss": pair_by_loss,
    "pair within a standard error, calibrated loss": pair_within_an_error,
    "pair by mean rank over bootstraps of groups": pair_by_bootstrap,
    "pair by mean rank over folds of groups": pair_by_folds,
}

Compared = dict[str, dict[str, Difference]]


def compared(pool: Pool, cuts: int, models: int = MODELS) -> Compared:
    """By kind of choice, each rule's held-out accuracy, and what it is above the product's, the first of its kind."""
    found: dict[str, Scores] = {}

    def note(kind: str, rule: str, rows: NDArray[np.int64], logits: Logits) -> None:
        scores = found.setdefault(kind, Scores(pool.seen.groups))
        scores.note(rule, rows, told_right(logits, pool.seen.labels[rows]))

    for number in range(cuts):
        rng = np.random.default_rng(number)
        own = pool.drawn(models, rng)
        some, rows = halves(pool.seen.groups, rng)
        seen, held_out = own.of(some), own.of(rows)
        for name in MODALITIES:
            for rule, choose in SINGLE.items():
                note(f"one {name} model", rule, rows, held_out.logits[name][choose(seen.logits[name], seen.seen, rng)])
        pairs = pairs_of(seen, rng)
        for rule, pick in PAIRS.items():
            note("pair", rule, rows, _fused(seen, held_out, pick(seen, pairs, rng), plateau, rng))
        pair = best_pair(seen)
        for rule, alpha in ALPHAS.items():
            note("alpha", rule, rows, _fused(seen, held_out, pair, alpha, rng))
    return {kind: scores.differences() for kind, scores in found.items()}


def _fused(seen: Pool, held_out: Pool, pair: tuple[int, int], rule: AlphaRule, rng: np.random.Generator) -> Logits:
    image, text = pair
    alpha = rule(seen.logits[IMAGE][image], seen.logits[TEXT][text], seen.seen, rng)
    return (1 - alpha) * held_out.logits[IMAGE][image] + alpha * held_out.logits[TEXT][text]


def together(sets: Sequence[Compared]) -> Compared:
    """The mean over sets."""
    return {
        kind: {rule: averaged([one[kind][rule] for one in sets]) for rule in rules} for kind, rules in sets[0].items()
    }


def bounds_of(found: Compared) -> list[Bound]:
    """That no rule is shown better than the product's."""
    return [
        at_most(
            f"{kind}: held-out accuracy of the best other rule - that of the product's, in its standard errors",
            ERRORS,
            max(one.errors for one in list(rules.values())[1:]),
            "standard errors",
        )
        for kind, rules in found.items()
    ]


def benchmark(folder: Path, quick: bool) -> Findings:
    """All rules on the developing sets."""
    figures: dict[str, Any] = {}
    sets: dict[str, Compared] = {}
    for name in DEVELOP[:1] if quick else DEVELOP:
        pool = pool_of(name, quick=quick)
        counts = {f"{one} models": len(some) for one, some in pool.logits.items()}
        counts |= {"val samples": len(pool.seen.labels), "groups": len(np.unique(pool.seen.groups))}
        print(f"  {name}: {counts}", file=sys.stderr)
        sets[name] = compared(pool, 5 if quick else CUTS)
        figures[name] = counts
    all_sets = together(list(sets.values()))
    for name, found in {"mean": all_sets, **sets}.items():
        told = {kind: {rule: one.text for rule, one in rules.items()} for kind, rules in found.items()}
        figures[name] = {**figures.get(name, {}), **told}
    return Findings(figures, bounds_of(all_sets), _NOTES)


_NOTES = (
    f"In each line: held-out accuracy, then points above the product's rule (the first of its kind) ± a standard "
    f"error, the larger of that over {CUTS} cuts and that over groups of val's samples.",
    f"Each cut draws {MODELS} models of a modality, about a study's, and halves val by groups.",
    f"A rule is shown better beyond {ERRORS:g} standard errors over both sets together.",
)


if __name__ == "__main__":
    main("selection_rules", benchmark, section="Rules of choice")
