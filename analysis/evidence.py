"""How sure the numbers of a study are: which samples count as one draw, and what choosing adds to a val accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from analysis.choice import Choice, EnsembleChoice
from analysis.numbers.ensemble import ensembled
from analysis.numbers.logits import missing_rows
from analysis.numbers.mixture import mix
from analysis.numbers.optimism import Optimism, optimism
from analysis.numbers.pairs import Candidate
from analysis.numbers.simplex import simplex_grid

MOST = 36  # pairs of the best candidates, or as many triples, that are chosen among in each resample
STEPS = 20  # of the weights of two models that are tried there
STEPS_OF_MORE = 4  # ... of three and more
SHARE = 0.05  # of the samples that must lie in groups of two or more, that the groups count


def blocks_of(groups: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """(N,) the block of each sample, from the groups of those that are alike; None where hardly any are.

    Pictures of one object or of one session are no independent draws: what is right about one is right about others.
    """
    _, own, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return groups if (counts[own] > 1).mean() > SHARE and len(counts) > 1 else None


def measured_optimism(
    choice: Choice,
    ensemble: EnsembleChoice | None,
    labels: NDArray[np.int64],
    blocks: NDArray[np.int64] | None,
) -> Optimism | None:
    """What choosing trials and weights on val adds to the val accuracy of what the study ends with.

    The best candidates' mixtures, over a grid of weights, are chosen among anew in each resample of val. (That each
    trial's epoch was chosen there too isn't in it: only the best epoch's logits are kept.) None without val logits.
    """
    if not choice.candidates:
        return None
    rows = _mixtures(choice.candidates)
    if ensemble is not None and ensemble.gain.shown:
        rows.append(("ensemble", ensembled(choice.candidates, ensemble.weights)))
    right = np.stack([_right(logits, labels) for _, logits in rows])
    return optimism(right, [name for name, _ in rows], blocks)


def _mixtures(candidates: Mapping[str, Sequence[Candidate]]) -> list[tuple[str, NDArray[np.float64]]]:
    """What is chosen among, by name: single models, or one of each modality's best at every weight of a grid."""
    if len(candidates) == 1:
        return [(one.name, one.logits) for own in candidates.values() for one in own]
    each = max(2, int(MOST ** (1 / len(candidates)) + 1e-9))
    grid = simplex_grid(len(candidates), STEPS if len(candidates) == 2 else STEPS_OF_MORE)
    return [
        (
            " + ".join(one.name for one in together),
            mix(
                {name: one.logits for name, one in zip(candidates, together, strict=True)},
                dict(zip(candidates, weights, strict=True)),
            ),
        )
        for together in product(*(own[:each] for own in candidates.values()))
        for weights in grid.tolist()
    ]


def _right(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a single model lacks its input, it is right about nothing."""
    missing = missing_rows(logits)
    found: NDArray[np.bool_] = np.where(missing[:, None], 0, logits).argmax(axis=1) == labels
    return found & ~missing
