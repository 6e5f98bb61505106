"""How a search is begun, or gone on with, as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from search.session.deadline import Deadline


@dataclass(frozen=True)
class Mode:
    """What is to be done about a study that may be there already."""

    replace: bool = False  # remove it first
    resume: bool = False  # go on with it
    more: int = 0  # trials beyond those that were planned, each modality
    warm_start: str | None = None  # another study, whose trials teach the sampler
    deadline: Deadline | None = None  # when this session must be over
