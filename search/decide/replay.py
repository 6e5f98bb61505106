"""What samplers and schedulers know is what the ledger says: they are told all of it at every start."""

from __future__ import annotations

from collections.abc import Mapping

from search.decide.terms import ModalitySearch
from search.ledger.events import EpochEnded, TrialCreated, TrialEnded
from search.ledger.ledger import Ledger
from search.ledger.state import Trial
from trainables.records import StopReason


def replay(searches: Mapping[str, ModalitySearch], ledger: Ledger) -> None:
    """Tell samplers and schedulers what is on record, event by event."""
    trials = ledger.state.trials
    for event in ledger.events:
        if event.trial_id is None or trials[event.trial_id].modality not in searches or trials[event.trial_id].is_head:
            continue
        trial = trials[event.trial_id]
        search = searches[trial.modality]
        match event.body:
            case TrialCreated():
                space = {key: trial.config[key] for key in search.searched}
                search.sampler.started(trial.number, {**search.own, **space} if trial.inside else None)
            case EpochEnded(result):
                search.scheduler.result(trial.number, result.epoch, result.val_accuracy)
                search.sampler.reported(trial.number, result.epoch, result.val_accuracy)
            case TrialEnded(stop_reason) if stop_reason != StopReason.INTERRUPTED:
                tell_end(search, trial)


def tell_end(search: ModalitySearch, trial: Trial) -> None:
    """The sampler learns how a trial ended."""
    assert trial.stop_reason is not None  # noqa: S101
    best = trial.best
    search.sampler.ended(trial.number, trial.stop_reason, search.objective(best) if best else None)
