"""How much of the class one thing tells: grouped cross-validation of a small classifier, with an interval. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS = 10
NEIGHBOURS = (1, 5, 15)
FEWEST_SAMPLES = 60  # below, nothing is said
LEAST_GAIN = 0.05  # over the majority class: less is never told
ERROR = 0.01  # how often one of all the tests of a clean data set may exclude the majority rate by chance

Labels = NDArray[np.int64]
Right = NDArray[np.bool_]


@dataclass(frozen=True)
class Told:
    """How often a classifier that sees one thing alone is right, with an interval that holds for all tests together."""

    accuracy: float
    low: float
    high: float
    majority: float  # how often the most frequent class would be right
    samples: int

    @property
    def gain(self) -> float:
        """Over the majority class."""
        return self.accuracy - self.majority

    @property
    def notable(self) -> bool:
        """Whether the interval excludes the majority rate, by enough to matter."""
        return self.low > self.majority and self.gain >= LEAST_GAIN

    @property
    def words(self) -> str:
        """`80.4% right (77.9% to 82.7%), the most frequent class 31.6%`."""
        return (
            f"{self.accuracy:.1%} right ({self.low:.1%} to {self.high:.1%}), always the most frequent class "
            f"{self.majority:.1%}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def told(right: Right, labels: Labels, clusters: Sequence[Labels], tests: int) -> Told:
    """The accuracy of predictions that are `right` (N,) or not, and its interval.

    `clusters`: ways (N,) in which samples hang together, such as names and number blocks; the one that makes accuracy
    vary most counts. The interval is Wilson's for as many samples as would be worth the same if they were independent,
    and holds with 99 % for `tests` tests together (Bonferroni).
    """
    samples, accuracy = len(right), float(right.mean())
    effective = samples / max([1.0, *(_design_effect(right, one) for one in clusters)])
    low, high = wilson(accuracy, effective, NormalDist().inv_cdf(1 - ERROR / (2 * tests)))
    majority = float(np.bincount(labels).max() / samples)
    return Told(accuracy, low, high, majority, samples)


def wilson(share: float, samples: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a share of `samples`; z: the normal distribution's quantile."""
    shrunk = 1 + z * z / samples
    centre = (share + z * z / (2 * samples)) / shrunk
    half = z / shrunk * np.sqrt(share * (1 - share) / samples + z * z / (4 * samples * samples))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def _design_effect(right: Right, clusters: Labels) -> float:
    """How many times the variance of the mean is that of independent samples (N,).

    Where all are right or all are wrong, no variance shows, and a cluster counts as one sample.
    """
    sizes = np.bincount(clusters)
    mean, samples = right.mean(), len(right)
    if mean in (0.0, 1.0) or np.count_nonzero(sizes) < 2:
        return float((sizes**2).sum() / samples)
    deviations = np.bincount(clusters, weights=right - mean)
    count = np.count_nonzero(sizes)
    return float((deviations**2).sum() / samples * count / (count - 1) / (mean * (1 - mean)))


def folds_of(groups: Labels, folds: int = FOLDS) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows to learn from and rows to predict, for each fold; a group is in one fold."""
    from sklearn.model_selection import GroupKFold

    count = min(folds, len(np.unique(groups)))
    if count >= 2:
        yield from GroupKFold(count).split(groups, groups=groups)


def neighbours_right(values: NDArray[np.float64], labels: Labels, groups: Labels) -> Right:
    """(N,) whether the samples with the nearest values (N,) have the class, by cross-validation over `groups`.

    1, 5 or 15 neighbours vote: for each fold the number that is best on the other folds. Samples without a value (NaN)
    get the most frequent class of those that have none either.
    """
    right = np.zeros((len(labels), len(NEIGHBOURS)), dtype=np.bool_)
    fold = np.zeros(len(labels), dtype=np.int64)
    for number, (learnt, rows) in enumerate(folds_of(groups)):
        fold[rows] = number
        guesses = nearest_classes(values[learnt], labels[learnt], values[rows])
        right[rows] = guesses == labels[rows, None]
    totals = right.sum(axis=0)
    own = np.array([right[fold == number].sum(axis=0) for number in range(int(fold.max()) + 1)])
    best = np.argmax(totals - own, axis=1)
    chosen: Right = right[np.arange(len(labels)), best[fold]]
    return chosen


def nearest_classes(values: NDArray[np.float64], labels: Labels, asked: NDArray[np.float64]) -> NDArray[np.int64]:
    """(M, 3) the class of each asked value (M,) by 1, 5 and 15 of the known `values` (N,), the nearest one in a tie."""
    from sklearn.neighbors import NearestNeighbors

    known, wanted = ~np.isnan(values), ~np.isnan(asked)
    missing = labels[~known] if not known.all() else labels
    guesses = np.full((len(asked), len(NEIGHBOURS)), np.bincount(missing).argmax(), dtype=np.int64)
    if not known.any() or not wanted.any():
        return guesses
    most = min(NEIGHBOURS[-1], int(known.sum()))
    index = NearestNeighbors(n_neighbors=most, algorithm="kd_tree").fit(values[known, None])
    nearest = labels[known][index.kneighbors(asked[wanted, None], return_distance=False)]
    votes = np.eye(int(labels.max()) + 1)[nearest]
    for column, count in enumerate(NEIGHBOURS):
        guesses[wanted, column] = (votes[:, :count].sum(axis=1) + votes[:, 0] / 2).argmax(axis=1)
    return guesses


def tree_right(features: NDArray[np.float64], labels: Labels, groups: Labels) -> Right:
    """(N,) whether a small decision tree on numbers (N, F) finds the class, by cross-validation over `groups`."""
    from sklearn.tree import DecisionTreeClassifier

    right = np.zeros(len(labels), dtype=np.bool_)
    for learnt, rows in folds_of(groups):
        tree = DecisionTreeClassifier(max_leaf_nodes=32, min_samples_leaf=10, random_state=0)
        right[rows] = tree.fit(features[learnt], labels[learnt]).predict(features[rows]) == labels[rows]
    return right


def lookup_right(keys: Sequence[str], labels: Labels, groups: Labels) -> Right:
    """(N,) whether the most frequent class of the samples with the same key is right, by cross-validation."""
    codes = np.unique(np.array(keys), return_inverse=True)[1]
    right = np.zeros(len(labels), dtype=np.bool_)
    for learnt, rows in folds_of(groups):
        table = np.zeros((codes.max() + 1, labels.max() + 1))
        np.add.at(table, (codes[learnt], labels[learnt]), 1)
        # A key that wasn't seen gets the most frequent class, and so does a tie.
        table += np.bincount(labels[learnt], minlength=table.shape[1]) / (len(learnt) + 1)
        right[rows] = table.argmax(axis=1)[codes[rows]] == labels[rows]
    return right
