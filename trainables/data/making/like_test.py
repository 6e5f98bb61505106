"""A new val, taken from train and val, that is as far from the rest as test is. Names alone; no label of test.

How far: of each name the nearest one among those that were learnt from, by character n-grams without digits. A
one-feature classifier on that similarity tells unseen names from seen ones, with an area under its curve (`novelty`)
that is 0.5 where both are alike. Val is chosen so that its area is test's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.check.digits import name_model
from trainables.data.check.names import alike, name_key, number_blocks, trailing_numbers
from trainables.data.check.shift import weighted_auc
from trainables.data.check.telling import folds_of

SESSION = 5  # pictures in a block of numbers at least
GRAINS = (1, 4, 8, 16, 32, 64)  # names in a group that leaves train as a whole, on average
SHARES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)  # of val that such groups may be
NEAREST = 100  # names that are looked at for the nearest one on the other side
FOLDS = 5
MOST_OF_CLASS = 1.5  # times its share, val may have of a class

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LikeTest:
    """A choice of val among the samples of train and val."""

    in_val: NDArray[np.bool_]  # (N,)
    asked: float  # share of the samples
    target: float  # test's novelty, against train and val as they were
    before: float  # the old val's, against the old train
    after: float  # the new val's, against the new train
    whole_names: float  # share of the new val whose names, but for digits, train doesn't have
    whole_blocks: float  # share of the new val that shares no block of numbers with train

    @property
    def share(self) -> float:
        """The share of the samples that val got."""
        return float(self.in_val.mean())


def choose_like_test(
    names: Sequence[str],
    labels: NDArray[np.int64],
    was_val: NDArray[np.bool_],
    test_names: Sequence[str],
    *,
    share: float,
    seed: int = 0,
) -> LikeTest:
    """Choose val among train's and val's samples: names (N,), labels (N,), and whether each one was val's (N,).

    Val gets about `share` of them, in whole blocks of numbers; the names that look most like test's leave train
    altogether, in groups of alike names, as many and as large ones as it takes.
    """
    near = Nearest.of([name_key(name) for name in (*names, *test_names)])
    count = len(names)
    pool, test = np.arange(count), np.arange(count, count + len(test_names))
    target = near.novelty(pool, test)
    before = near.novelty(pool[~was_val], pool[was_val])
    numbers = trailing_numbers(names)
    blocks = number_blocks(numbers, length=SESSION, labels=labels)
    blocks = np.where(numbers >= 0, blocks, blocks.max() + 1 + alike(names))
    likely = _test_scores(names, test_names)
    rng = np.random.default_rng(seed)
    best, best_gap = was_val, np.inf
    wanted = np.sort(near.unlike(pool, test))
    for in_val in _candidates(names, labels, blocks, likely, share, rng):
        gap = _distance(np.sort(near.unlike(pool[~in_val], pool[in_val])), wanted)
        if gap < best_gap - 1e-9:
            best, best_gap = in_val, gap
    groups = alike(names)
    return LikeTest(
        in_val=best,
        asked=share,
        target=target,
        before=before,
        after=near.novelty(pool[~best], pool[best]),
        whole_names=float((~np.isin(groups[best], groups[~best])).mean()),
        whole_blocks=float((~np.isin(blocks[best], blocks[~best])).mean()),
    )


class Nearest:
    """How alike each name and its most similar one on the other side of a split are."""

    def __init__(self, codes: Rows, order: Rows, similarity: Scores) -> None:
        """`codes` (N,): which name (of U) a sample has; `order`, `similarity` (U, K): each name's most similar ones."""
        self._codes, self._order, self._similarity = codes, order, similarity

    @classmethod
    def of(cls, keys: Sequence[str]) -> Nearest:
        """Of these names (N,)."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.neighbors import NearestNeighbors

        names, codes = np.unique(np.array(keys, dtype=object), return_inverse=True)
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(names)
        count = min(NEAREST, len(names))
        distance, order = (
            NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(vectors).kneighbors(vectors)
        )
        return cls(codes, order, 1 - distance)

    def novelty(self, learnt: Rows, asked: Rows) -> float:
        """The area under the curve of telling `asked` samples from `learnt` ones by their nearest learnt name.

        A learnt sample's own place doesn't count, so that one whose name nobody else has is as new as any.
        """
        held = np.bincount(self._codes[learnt], minlength=len(self._order))
        scores = np.concatenate([self._unlike(learnt, held, 1), self._unlike(asked, held, 0)])
        positive = np.arange(len(scores)) >= len(learnt)
        return weighted_auc(np.round(scores, 6), positive, np.ones(len(scores)))

    def unlike(self, learnt: Rows, asked: Rows) -> Scores:
        """(M,) one minus the similarity of each asked sample's nearest name among the learnt ones."""
        return self._unlike(asked, np.bincount(self._codes[learnt], minlength=len(self._order)), 0)

    def _unlike(self, rows: Rows, held: Rows, own: int) -> Scores:
        """(M,) one minus the similarity of the nearest learnt name; `own`: how many of it are the sample itself."""
        order, similarity = self._order[self._codes[rows]], self._similarity[self._codes[rows]]
        there = held[order] > own * (order == self._codes[rows, None])
        first = np.where(there.any(axis=1), there.argmax(axis=1), order.shape[1] - 1)
        found: Scores = 1 - similarity[np.arange(len(rows)), first]
        return found


def _distance(one: Scores, other: Scores) -> float:
    """Wasserstein's first distance between two sorted samples (N,) and (M,)."""
    shares = (np.arange(200) + 0.5) / 200
    return float(np.abs(np.quantile(one, shares) - np.quantile(other, shares)).mean())


def _test_scores(names: Sequence[str], test_names: Sequence[str]) -> Scores:
    """(N,) how much each name looks like test's: a classifier's log-odds, learnt from other names."""
    keys = np.array([name_key(name) for name in (*names, *test_names)], dtype=object)
    of_test = np.arange(len(keys)) >= len(names)
    scores = np.zeros(len(keys))
    for learnt, rows in folds_of(alike([*names, *test_names]), FOLDS):
        if of_test[learnt].any() and not of_test[learnt].all():
            model = name_model().set_params(logisticregression__class_weight="balanced")
            scores[rows] = model.fit(keys[learnt], of_test[learnt]).decision_function(keys[rows])
    return scores[: len(names)]


def _candidates(
    names: Sequence[str],
    labels: NDArray[np.int64],
    blocks: Rows,
    likely: Scores,
    share: float,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.bool_]]:
    """Choices of val (N,), from one whose names train has, too, to one with many and large groups of new names."""
    wanted = share * len(names)
    for grain in GRAINS:
        groups = _name_groups(names, grain)
        order = _by_mean(likely, groups)
        for part in SHARES:
            if part == 0 and grain != GRAINS[0]:
                continue
            in_val = np.zeros(len(names), dtype=np.bool_)
            for group in order:
                more = np.isin(blocks, blocks[groups == group])
                if _fits(in_val | more, labels, part * wanted, share):
                    in_val |= more
            yield _filled(in_val, labels, blocks, wanted, rng)


def _fits(in_val: NDArray[np.bool_], labels: NDArray[np.int64], most: float, share: float) -> bool:
    """Whether it is not too much, neither in all nor of a class."""
    held = np.bincount(labels[in_val], minlength=labels.max() + 1)
    return in_val.sum() <= most and bool((held <= MOST_OF_CLASS * share * np.bincount(labels)).all())


def _filled(
    in_val: NDArray[np.bool_], labels: NDArray[np.int64], blocks: Rows, wanted: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """With more blocks in random order, so that val has its share of each class."""
    in_val = in_val.copy()
    totals = np.bincount(labels)
    lack = wanted * totals / len(labels) - np.bincount(labels[in_val], minlength=len(totals))
    rows_of = np.split(np.argsort(blocks, kind="stable"), np.flatnonzero(np.diff(np.sort(blocks))) + 1)
    for place in rng.permutation(len(rows_of)):
        rows = rows_of[place]
        counts = np.bincount(labels[rows], minlength=len(totals))
        if not in_val[rows].any() and (counts <= np.maximum(lack, 0) + 1)[counts > 0].all() and lack.sum() >= len(rows):
            in_val[rows] = True
            lack -= counts
    return in_val


def _name_groups(names: Sequence[str], grain: int) -> Rows:
    """(N,) groups of names that are alike; with `grain` about so many different names in each."""
    groups = alike(names)
    if grain == 1:
        return groups
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    firsts = np.unique(groups, return_index=True)[1]
    keys = [name_key(names[row]) for row in firsts]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(keys)
    size = min(50, vectors.shape[1] - 1, len(firsts) - 1)
    count = max(2, len(firsts) // grain)
    cluster = MiniBatchKMeans(min(count, len(firsts)), random_state=0, n_init=1)
    found: Rows = make_pipeline(TruncatedSVD(size, random_state=0), cluster).fit_predict(vectors).astype(np.int64)
    return found[groups]


def _by_mean(scores: Scores, groups: Rows) -> Rows:
    """Groups in the order of their samples' mean score, the highest first."""
    sizes = np.bincount(groups)
    means = np.bincount(groups, weights=scores) / np.maximum(sizes, 1)
    order = np.argsort(-means, kind="stable")
    return order[sizes[order] > 0]
