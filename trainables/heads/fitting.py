"""One head of a named family: fitted on frozen features, kept as tensors, restored from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from trainables.heads.folds import grouped_folds
from trainables.heads.inputs import HeadInputs
from trainables.heads.kernel_ridge import Between, fit_kernel_ridge, predicted
from trainables.heads.kernels import Kernel, Matrix
from trainables.heads.logistic import fit_logistic, joined, linear_logits
from trainables.heads.neighbours import Neighbours, fit_neighbours
from trainables.heads.scaling import powers_of, scaled
from trainables.names import HeadFamily

MOST_SUPPORT = 2000  # samples that a kernel's coefficients lie on: an eigendecomposition of so many takes seconds
MOST_NEIGHBOURS = 20_000  # samples that may be neighbours
THREADS = 1  # of linear algebra: sums of several threads depend on how many there are, and a trial may go on elsewhere
Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class FittedHead:
    """A head that predicts: what it says of features as their networks gave them."""

    settings: Mapping[str, Any]  # plain values: how features are scaled, and what cross-validation chose
    tensors: Tensors
    score: Callable[[HeadInputs], Matrix]

    def logits(self, inputs: HeadInputs) -> NDArray[np.float32]:
        """(N, C), whose softmax is as sure as the head is right."""
        with threadpool_limits(THREADS):
            return self.score(scaled(inputs, self.settings["powers"])).astype(np.float32)


def fit_head(
    family: HeadFamily,
    train: HeadInputs,
    labels: NDArray[np.int64],
    classes: int,
    groups: NDArray[np.int64] | None,
    *,
    seed: int,
    most_support: int = MOST_SUPPORT,
    between: Between = lambda: None,
) -> tuple[FittedHead, NDArray[np.float32]]:
    """The head, and its logits (N, C) of train, each by a fit that held out the sample's fold.

    Settings are chosen by grouped cross-validation (`groups`, (N,)). The same arguments give the same bits, whatever
    the number of cores: linear algebra runs on one thread. `between` is called between parts of the work.

    Raises:
        UserError: there are fewer than two groups.
    """
    folds = grouped_folds(labels, groups, seed=seed)
    powers = powers_of(train)
    with threadpool_limits(THREADS):
        ready = scaled(train, powers)
        if family == "logistic":
            linear = fit_logistic(ready, labels, classes, folds, seed=seed, between=between)
            chosen: dict[str, Any] = {"strength": linear.strength}
            tensors: Tensors = {"weights": linear.weights, "bias": linear.bias}
            held_out = linear.out_of_fold
        elif family == "kernel_ridge":
            ridge = fit_kernel_ridge(
                ready, labels, classes, folds, seed=seed, most_support=most_support, between=between
            )
            chosen = {"widths": list(ridge.kernel.widths), "weight": ridge.kernel.weight, "ridge": ridge.ridge}
            tensors = {"coefficients": ridge.coefficients, **_packed(ridge.support)}
            held_out = ridge.out_of_fold
        else:
            voters = fit_neighbours(
                ready, labels, classes, folds, seed=seed, most_support=MOST_NEIGHBOURS, between=between
            )
            chosen = {"count": voters.count, "sharpness": voters.sharpness, "factor": voters.factor, "classes": classes}
            tensors = {"labels": voters.labels, **_packed(voters.support)}
            held_out = voters.out_of_fold
    settings = {"powers": list(powers), **chosen}
    return restored(family, settings, tensors), held_out.astype(np.float32)


def restored(family: HeadFamily, settings: Mapping[str, Any], tensors: Tensors) -> FittedHead:
    """The head of such settings and tensors."""
    if family == "logistic":
        weights, bias = tensors["weights"], tensors["bias"]
        return FittedHead(settings, tensors, lambda inputs: linear_logits(joined(inputs), weights, bias))
    support = _unpacked(tensors)
    if family == "kernel_ridge":
        kernel = Kernel(tuple(settings["widths"]), settings["weight"])
        coefficients = tensors["coefficients"]
        return FittedHead(settings, tensors, lambda inputs: predicted(kernel, support, coefficients, inputs))
    voters = Neighbours(
        settings["count"],
        settings["sharpness"],
        settings["factor"],
        support,
        tensors["labels"],
        settings["classes"],
        out_of_fold=np.zeros((0, settings["classes"])),
    )
    return FittedHead(settings, tensors, voters.logits)


def _packed(inputs: HeadInputs) -> Tensors:
    """Features as named arrays."""
    found: Tensors = {f"dense_{place}": block for place, block in enumerate(inputs.dense)}
    if inputs.sparse is not None:
        sparse = inputs.sparse
        found |= {"sparse_values": sparse.data, "sparse_columns": sparse.indices, "sparse_starts": sparse.indptr}
        found["sparse_shape"] = np.array(sparse.shape, dtype=np.int64)
    return found


def _unpacked(tensors: Tensors) -> HeadInputs:
    dense = tuple(tensors[key] for key in sorted(tensors, key=_place) if key.startswith("dense_"))
    if "sparse_shape" not in tensors:
        return HeadInputs(dense)
    parts = (tensors["sparse_values"], tensors["sparse_columns"], tensors["sparse_starts"])
    return HeadInputs(dense, csr_matrix(parts, shape=tuple(int(one) for one in tensors["sparse_shape"])))


def _place(key: str) -> tuple[str, int]:
    name, _, number = key.rpartition("_")
    return (name, int(number)) if number.isdigit() else (key, 0)
