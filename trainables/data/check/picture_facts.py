"""What is known of pictures beside what they show, as numbers and words that a small classifier can take. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Facts(Protocol):
    """What `trainables.data.pictures.examine` says of a picture, of which a model sees nothing."""

    @property
    def size_bytes(self) -> int: ...  # noqa: D102
    @property
    def format(self) -> str: ...  # noqa: D102
    @property
    def mode(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def taken(self) -> str: ...  # noqa: D102
    @property
    def camera(self) -> str: ...  # noqa: D102


FactsBySplit = Mapping[str, Sequence[Facts | None]]  # aligned with each split's samples; None: no picture to speak of


def sizes(facts: Sequence[Facts | None]) -> NDArray[np.float64]:
    """(N, 2) the file's bytes and its bytes a pixel; NaN where there is no picture."""
    return _table(facts, lambda one: (one.size_bytes, one.size_bytes / max(1, one.width * one.height)), 2)


def dimensions(facts: Sequence[Facts | None]) -> NDArray[np.float64]:
    """(N, 3) width, height and width by height; NaN where there is no picture."""
    return _table(facts, lambda one: (one.width, one.height, one.width / max(1, one.height)), 3)


def formats(facts: Sequence[Facts | None]) -> list[str]:
    """(N,) such as `JPEG RGB`; empty where there is no picture."""
    return ["" if one is None else f"{one.format} {one.mode}" for one in facts]


def cameras(facts: Sequence[Facts | None]) -> list[str]:
    """(N,) the camera; empty where none is told."""
    return ["" if one is None else one.camera for one in facts]


def times(facts: Sequence[Facts | None]) -> NDArray[np.float64]:
    """(N,) when the picture was taken by EXIF, in seconds since 1970; NaN where that isn't told."""
    return np.array([np.nan if one is None else _seconds(one.taken) for one in facts])


def _table(
    facts: Sequence[Facts | None], row: Callable[[Facts], tuple[float, ...]], width: int
) -> NDArray[np.float64]:
    nothing = (np.nan,) * width
    return np.array([nothing if one is None else row(one) for one in facts], dtype=np.float64).reshape(-1, width)


def _seconds(taken: str) -> float:
    """Seconds of `2024:05:31 14:05:09` or `2024-05-31T14:05:09`, whatever stands between its numbers."""
    numbers = [int(one) for one in re.findall(r"\d{1,4}", taken)[:6]]
    if len(numbers) < 6:
        return np.nan
    year, month, day, hour, minute, second = numbers
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:  # cameras whose clock was never set write 0000:00:00
        return np.nan
