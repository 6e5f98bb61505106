"""How long a study still takes, estimated from the trials that ended."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.ledger.state import StudyState, Trial

FIRST_SPREAD = 0.5  # of a trial's time, as a share of it, while only one ended
MOST_UNCERTAIN = 0.8  # so that the lower end stays above nothing


@dataclass(frozen=True)
class TimeLeft:
    """How long a study that runs still takes; None as far as there is no basis."""

    seconds_left: float | None = None
    range: tuple[float, float] | None = None  # by the spread of the trials that ended: one standard error down and up


def time_left(
    state: StudyState, planned: Mapping[str, int], now: float, budget_seconds: float | None = None
) -> TimeLeft:
    """The work that is left, or what the time budget has left if that is less.

    `planned`: trials by modality. Of the work nothing is known while a modality has some left and no trial that ended.
    Its range is that of the sum of the trials to come and of what is uncertain of their mean.
    """
    work, budget = _work_left(state, planned, now), _budget_left(state, now, budget_seconds)
    if work is None:
        return TimeLeft() if budget is None else TimeLeft(budget, (budget, budget))  # only the budget is known
    share, most = _uncertain(state, planned), math.inf if budget is None else budget
    return TimeLeft(min(most, work), (min(most, (1 - share) * work), min(most, (1 + share) * work)))


def _budget_left(state: StudyState, now: float, budget_seconds: float | None) -> float | None:
    return None if budget_seconds is None else max(0.0, budget_seconds - state.seconds_until_now(now))


def _uncertain(state: StudyState, planned: Mapping[str, int]) -> float:
    """The standard error of the work left as a share of it, at most `MOST_UNCERTAIN`."""
    variance = work = 0.0
    for modality, count in planned.items():
        ended = [trial.seconds for trial in state.trials.values() if _tells(trial) and trial.modality == modality]
        left = max(0, count - len(ended))
        if not ended or not left:
            continue
        mean = sum(ended) / len(ended)
        squares = sum((seconds - mean) ** 2 for seconds in ended)
        spread = squares / (len(ended) - 1) if len(ended) > 1 else (FIRST_SPREAD * mean) ** 2
        variance += left * spread + left**2 * spread / len(ended)
        work += left * mean
    return min(MOST_UNCERTAIN, variance**0.5 / work) if work else 0.0


def _tells(trial: Trial) -> bool:
    """Whether it says how long others take."""
    return trial.over and not trial.is_head


def _work_left(state: StudyState, planned: Mapping[str, int], now: float) -> float | None:
    """Trials that run beside each other need at least their work by their number, and as long as the longest one."""
    trials = list(state.trials.values())
    usual = _usual_seconds(trials)
    open_trials = [trial for trial in state.open_trials() if trial.modality in planned and not trial.is_head]
    to_come = {modality: max(0, count - state.created_count(modality)) for modality, count in planned.items()}
    needed = {trial.modality for trial in open_trials} | {modality for modality, count in to_come.items() if count}
    if not needed <= usual.keys() or not any(planned.values()):  # of heads alone nothing is known
        return None
    parts = [max(0.0, usual[trial.modality] - seconds_until_now(trial, now)) for trial in open_trials]
    work = sum(parts) + sum(count * usual[modality] for modality, count in to_come.items() if count)
    longest = max([*parts, *(usual[modality] for modality, count in to_come.items() if count)], default=0.0)
    return max(longest, work / _beside_each_other(state, trials, now))


def _usual_seconds(trials: Sequence[Trial]) -> dict[str, float]:
    """The mean of a modality's trials that are over, however they ended: those to come will be such a mixture too."""
    ended: defaultdict[str, list[float]] = defaultdict(list)
    for trial in trials:
        if _tells(trial):
            ended[trial.modality].append(trial.seconds)
    return {modality: sum(seconds) / len(seconds) for modality, seconds in ended.items()}


def _beside_each_other(state: StudyState, trials: Sequence[Trial], now: float) -> float:
    """How many trials ran at a time in this session, on average since the first of them began; at least one."""
    began = state.sessions[-1].began if state.sessions else state.created
    attempts = [attempt for trial in trials for attempt in trial.attempts if attempt.began >= began]
    first = min((attempt.began for attempt in attempts), default=now)
    busy = sum((now if attempt.ended is None else attempt.ended) - attempt.began for attempt in attempts)
    return max(1.0, busy / (now - first)) if now > first else 1.0


def seconds_until_now(trial: Trial, now: float) -> float:
    """How long the trial ran, all attempts together, one that is open until `now`."""
    attempt = trial.attempts[-1] if trial.running else None
    return trial.seconds + (max(0.0, now - attempt.began) - attempt.seconds if attempt else 0.0)
