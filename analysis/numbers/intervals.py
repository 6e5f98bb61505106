"""How sure a share of right answers is, and the difference of two on the same samples.

Samples may come in blocks that are alike (a session, an object seen from two sides): then the share varies more than
as many independent samples would let it, and the intervals count fewer of them. Closed forms instead of resampled
ones: of few samples and shares near 1 they cover what they promise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95  # how often an interval holds the truth
LEAST_EFFECT = 0.5  # of blocks on the variance of a share, where they vary less than independent samples would
Right = NDArray[np.bool_]  # (N,) whether a model is right about each sample
Blocks = NDArray[np.int64]  # (N,) the block of each sample


@dataclass(frozen=True)
class Interval:
    """Where a number lies with the chance of `LEVEL`."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class _Sample:
    """As many independent draws as the blocks are worth, and how many standard errors an interval reaches."""

    size: float
    reach: float


def share_interval(right: Right, blocks: Blocks | None = None) -> Interval:
    """Wilson's interval of the share that is right (1927, https://doi.org/10.1080/01621459.1927.10502953); right (N,).

    With blocks it counts as many samples as would have the variance that the blocks' shares show, and reaches as far as
    Student's t with one degree of freedom less than there are blocks (Franco et al. 2019,
    https://doi.org/10.1093/jssam/smx024). Raises ValueError where there is no sample.
    """
    values = _checked(right).astype(np.float64)
    share = float(values.mean())
    sample = _worth(values, share * (1 - share), blocks)
    spread = sample.reach**2 / sample.size
    middle = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return Interval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def gain_interval(ones: Right, others: Right, blocks: Blocks | None = None) -> Interval:
    """The interval of by how much the share of `ones` is above that of `others`, on the same samples; both (N,).

    Agresti and Min's interval of paired shares (2005, https://doi.org/10.1002/sim.1781): half a sample more of each of
    the four kinds. With blocks as in `share_interval`. Raises ValueError where there is no sample, or shapes differ.
    """
    more = _checked(ones).astype(np.float64) - _checked(others)
    better, worse = float((more > 0).mean()), float((more < 0).mean())
    sample = _worth(more, better + worse - (better - worse) ** 2, blocks)
    total = sample.size + 2
    first, second = (better * sample.size + 0.5) / total, (worse * sample.size + 0.5) / total
    gain = first - second
    half = sample.reach * float(np.sqrt((first + second - gain**2) / total))
    return Interval(max(-1.0, gain - half), min(1.0, gain + half))


def _checked(right: Right) -> Right:
    if right.ndim != 1 or right.size == 0:
        raise ValueError(f"A share is of one sample or more, (N,), but got the shape {right.shape}.")
    return right


def _worth(values: NDArray[np.float64], variance: float, blocks: Blocks | None) -> _Sample:
    """How many independent samples of this variance the values (N,) are worth.

    At most twice as many as there are: that few blocks vary less than chance would let them may be chance itself.
    """
    count = len(values)
    if blocks is None or len(places := np.unique(blocks)) == count:
        return _Sample(count, float(stats.norm.ppf((1 + LEVEL) / 2)))
    own = np.searchsorted(places, blocks)
    sizes = np.bincount(own)
    if len(places) == 1:
        return _Sample(1.0, float(stats.norm.ppf((1 + LEVEL) / 2)))
    left = np.bincount(own, weights=values) - values.mean() * sizes
    shown = len(places) / (len(places) - 1) * float((left**2).sum()) / count**2
    # Where all are right, nothing is seen to vary: then the samples of a block count as alike as they can be.
    effect = shown / (variance / count) if variance > 0 else float((sizes**2).sum()) / count
    return _Sample(count / max(LEAST_EFFECT, effect), float(stats.t.ppf((1 + LEVEL) / 2, len(places) - 1)))
