"""Features of frozen networks, made comparable: each block's rows of length 1, ReLU features as square roots."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.heads.inputs import HeadInputs
from trainables.runtime.heads import of_length_one


def powers_of(train: HeadInputs) -> tuple[bool, ...]:
    """Of each block, whether it has no negative feature: then it comes from a ReLU, and its square root is taken.

    A few large values rule such features otherwise (Perronnin et al. 2010, https://doi.org/10.1007/978-3-642-15561-1_11).
    """
    return tuple(bool(block.min(initial=0.0) >= 0) for block in train.dense)


def scaled(inputs: HeadInputs, powers: Sequence[bool]) -> HeadInputs:
    """The same samples with each block's rows of length 1, of the square roots where `powers` says so."""
    return HeadInputs(tuple(map(of_length_one, inputs.dense, powers)), inputs.sparse)
