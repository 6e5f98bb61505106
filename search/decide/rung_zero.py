"""Rung zero: head trials before all others, the networks that they rank, and the bar that they set for fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from search.decide.terms import Limits, ModalitySearch
from search.ledger.state import StudyState
from search.study.config import Point


def due(search: ModalitySearch, state: StudyState, limits: Limits) -> bool:
    """Whether the modality is to have one more head trial now.

    The first one always; further ones within their part of the time budget, as long as nothing was fine-tuned. Where
    nothing is to be, all of them.
    """
    count = state.heads_count(search.modality)
    if count >= len(search.heads) or state.created_count(search.modality):
        return False
    return count == 0 or search.trials == 0 or state.seconds_until_now() < limits.head_limit()


def undecided(search: ModalitySearch, state: StudyState) -> bool:
    """Whether fine-tuning waits: head trials are still open, and which network it begins with depends on them."""
    networks = {head.get(search.ranked or "") for head in search.heads}
    return len(networks) > 1 and any(trial.is_head for trial in state.open_trials(search.modality))


def best_network(search: ModalitySearch, state: StudyState) -> dict[str, Any]:
    """The best head's network, by its key, where the space has it; empty where there is no choice."""
    head = state.best_head(search.modality)
    if head is None or search.ranked is None or head.config.get(search.ranked) not in search.networks:
        return {}
    return {search.ranked: head.config[search.ranked]}


def point(search: ModalitySearch, state: StudyState, number: int) -> Point | None:
    """What the trial of that number is to begin with, the best head's network put into one; None: the sampler's choice.

    Where the section's own trial stays as it is and no other point follows, it runs once more, on that network.
    """
    best = best_network(search, state) if number == search.moved else {}
    if number < len(search.points):
        given = search.points[number]
        return replace(given, values={**given.values, **best})
    own = search.points[0] if search.points else None
    if own is None or best.items() <= own.values.items():  # nothing to put in, or it is there
        return None
    return replace(own, values={**own.values, **best})


def hopeless(state: StudyState, modality: str, patience: int | None) -> str | None:
    """Why no further trial of the modality begins: `patience` ended, and none is better than the best head."""
    head = state.best_head(modality)
    if head is None or head.best is None or patience is None:
        return None
    ended, best = state.tuned(modality)
    if ended < patience or best > head.best.val_accuracy:
        return None
    return (
        f"No further {modality} trial begins: none of {ended} is better on val than the head {head.trial_id} "
        f"({head.best.val_accuracy:.3f}). `{modality}.search.patience_trials` says how many are tried."
    )


def is_whole(search: ModalitySearch, state: StudyState, limits: Limits) -> bool:
    """Whether the modality has had all the trials that it is to have."""
    if search.trials == 0:
        return not due(search, state, limits)
    return (
        state.created_count(search.modality) >= search.trials
        or hopeless(state, search.modality, search.patience) is not None
    )
