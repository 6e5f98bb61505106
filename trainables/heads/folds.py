"""Folds of a training split for grouped cross-validation: samples that belong together are held out together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from trainables.data.check.names import alike, name_key
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of

FOLDS = 5
LARGEST = 0.5  # share of a class's samples whose names may be alike and still tell them apart from others


def groups_of(split: Split, equal: Sequence[Hashable | None] | None = None) -> NDArray[np.int64]:
    """(N,) the group of each sample: those whose words, or else names, are alike but for digits.

    A name that most of a class's samples have (`shoes_1`, `shoes_2`) says no more than the class, and ties none of them
    together: held out as a whole, the class would be in no fit that is asked for it.

    Samples that share a key of `equal`, (N,), are of one group too: the digest of a picture's file, say. Where they
    weren't, a sample in a held-out fold would be predicted from its own copy, and the head would be far too sure.
    """
    names = _names(split)
    _, keys = np.unique([name_key(name) for name in names], return_inverse=True)
    _, pairs, counts = np.unique(keys * len(split.classes) + split.labels, return_inverse=True, return_counts=True)
    said = counts[pairs] > LARGEST * np.bincount(split.labels)[split.labels]
    return alike(["" if says else name for name, says in zip(names, said, strict=True)], equal)


def _names(split: Split) -> Sequence[str]:
    """A text for each sample: of the first modality that is words, else the sample's own name."""
    names = [PurePath(one).stem for one in split.ids]
    worded = next((name for name in split.inputs if modality_of(name).shown_as == "words"), None)
    if worded is None:
        return names
    shown = modality_of(worded).shown
    return [name if item is None else shown(item) for name, item in zip(names, split.inputs[worded], strict=True)]


def grouped_folds(
    labels: NDArray[np.int64], groups: NDArray[np.int64] | None, *, seed: int, count: int = FOLDS
) -> NDArray[np.int64]:
    """(N,) the fold of each sample, from 0; no group is in two folds, and each class is spread as evenly as that lets.

    Groups are dealt class by class, the large ones first, each to the fold that has the fewest samples of its class so
    far; in random order among equals. Fewer folds than `count` where there are fewer groups.

    Raises:
        UserError: fewer than two groups, of which none could be held out.
    """
    _, own = np.unique(groups if groups is not None else np.arange(len(labels)), return_inverse=True)
    sizes = np.bincount(own)
    count = min(count, len(sizes))
    if count < 2:
        raise UserError(
            f"A head is judged on samples that it wasn't fitted on, so that train must have two groups of samples or "
            f"more, but it has {len(sizes)}: give it samples with other names, or set `heads: none`."
        )
    classes = np.zeros(len(sizes), dtype=np.int64)
    classes[own] = labels  # of a group of several classes, one of them
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.lexsort((-sizes[order], classes[order]))]
    held = np.zeros((int(labels.max()) + 1, count), dtype=np.int64)
    fold_of = np.empty(len(sizes), dtype=np.int64)
    for group in order:
        own_class = held[classes[group]]
        fold = int(np.lexsort((held.sum(axis=0), own_class))[0])
        fold_of[group] = fold
        own_class[fold] += sizes[group]
    folds: NDArray[np.int64] = fold_of[own]
    return folds
