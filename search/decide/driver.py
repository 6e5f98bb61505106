"""What a study does next: which trial, stop it or go on, try it again. It writes the ledger and knows no Ray.

Rebuilt from the ledger at every start: the scheduler's rungs and the sampler's history are what the record says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from search.decide import rung_zero
from search.decide.failures import Failure
from search.decide.replay import replay, tell_end
from search.decide.terms import Limits, ModalitySearch, Next, NextAttempt, Resources
from search.ledger.events import AttemptBegan, AttemptEnded, EpochEnded, Noted, SessionEnded, TrialCreated, TrialEnded
from search.ledger.ledger import Ledger
from search.ledger.state import Outcome, Trial
from trainables.names import HEAD, trial_name
from trainables.records import EpochResult, StopReason

INFRASTRUCTURE = (StopReason.FAILED, StopReason.LOST)  # ends that count towards "too many in a row"


@dataclass
class Stop:
    """Why no attempt is begun any more, and since when."""

    outcome: Outcome
    detail: str
    since: float = field(default_factory=time.monotonic)


class StudyDriver:
    """One study's decisions. Whoever runs attempts asks for them and reports what became of each."""

    def __init__(
        self,
        searches: Sequence[ModalitySearch],
        ledger: Ledger,
        limits: Limits,
        *,
        fits: Callable[[Mapping[str, int], str], bool],
        larger: Callable[[str, Resources], Resources | None] = lambda modality, resources: None,
        checkpoint_of: Callable[[Trial, bool], tuple[str | None, dict[str, str]]] = lambda trial, over: (None, {}),
    ) -> None:
        """`fits`: whether one more trial of a modality fits beside the running ones, counted by modality.

        `larger`: what a trial gets that ran out of memory, None where it had all. `checkpoint_of`: where a trial's best
        checkpoint lies and its files' digests, and whether it is over: then nothing is kept to resume it from.
        """
        self.ledger, self.limits = ledger, limits
        self.searches = {search.modality: search for search in searches}
        self._fits, self._larger, self._checkpoint_of = fits, larger, checkpoint_of
        self._waiting: list[str] = []  # trials that are begun again before new ones are
        self._resources: dict[str, Resources] = {}  # of trials that need more than the others
        self.stop: Stop | None = None
        self._replay()

    # What was

    def _replay(self) -> None:
        """Rebuild what the sampler and the scheduler know, in the record's order."""
        replay(self.searches, self.ledger)
        for trial in self.ledger.state.trials.values():
            if trial.ends is not None and not trial.over:  # the driver was killed between the last epoch and the end
                self._end(trial, trial.ends)
            elif not trial.over:
                if trial.running:
                    self.ledger.append(AttemptEnded(StopReason.INTERRUPTED, retry=True, unseen=True), trial.trial_id)
                self._remember_share(trial)
                self._waiting.append(trial.trial_id)

    def _remember_share(self, trial: Trial) -> None:
        """A trial that ran out of memory keeps its larger share."""
        for attempt in trial.attempts:
            if attempt.reason == StopReason.OOM:
                larger = self._larger(trial.modality, Resources(attempt.cpus, attempt.gpus))
                self._resources[trial.trial_id] = larger or Resources(attempt.cpus, attempt.gpus)

    # What is next

    def next_attempt(self) -> NextAttempt | Next:
        """The attempt to begin now, which is on record as begun; or why there is none."""
        self.look_at_the_clock()
        running = self.running()
        if self.stop is None:
            trial = self._waiting_trial(running) or self._new_head(running) or self._new_trial(running)
            if trial is not None:
                return self._begin(trial)
        return Next.WAIT if running else Next.DONE

    def running(self) -> dict[str, int]:
        """How many trials run, by modality."""
        counts = dict.fromkeys(self.searches, 0)
        for trial in self._running_trials():
            counts[trial.modality] += 1
        return counts if any(counts.values()) else {}

    def _running_trials(self) -> list[Trial]:
        return [trial for trial in self.ledger.state.open_trials() if trial.running]

    def _waiting_trial(self, running: Mapping[str, int]) -> Trial | None:
        for trial_id in self._waiting:
            trial = self.ledger.state.trials[trial_id]
            if not self.reached(trial.modality) and self._fits(running, trial.modality):
                self._waiting.remove(trial_id)
                return trial
        return None

    def _new_head(self, running: Mapping[str, int]) -> Trial | None:
        """Of the modality that has the fewest head trials so far."""
        state = self.ledger.state
        behind = sorted(self.searches.values(), key=lambda search: state.heads_count(search.modality))
        for search in behind:
            if rung_zero.due(search, state, self.limits) and self._fits(running, search.modality):
                return self._create_head(search)
        return None

    def _create_head(self, search: ModalitySearch) -> Trial:
        number = self.ledger.state.heads_count(search.modality)
        config = search.heads[number]
        trial_id = trial_name(search.modality, number, head=True)
        told = {key: config[key] for key in (HEAD, search.ranked or HEAD) if key in config}
        self.ledger.append(TrialCreated(number, search.modality, told, config, inside=False), trial_id)
        return self.ledger.state.trials[trial_id]

    def _new_trial(self, running: Mapping[str, int]) -> Trial | None:
        """Of the modality that is furthest behind, so that both come to their ends at about the same time."""
        state = self.ledger.state
        tuned = [search for search in self.searches.values() if search.trials]
        behind = sorted(tuned, key=lambda search: state.created_count(search.modality) / search.trials)
        for search in behind:
            if self._is_finetuned(search) and self._fits(running, search.modality):
                return self._create(search)
        return None

    def _is_finetuned(self, search: ModalitySearch) -> bool:
        """Whether the modality is to have one more trial beside its heads now."""
        state, modality = self.ledger.state, search.modality
        if state.created_count(modality) >= search.trials or self.reached(modality):
            return False
        if (why := rung_zero.hopeless(state, modality, search.patience)) is not None:
            self._note_once(state.trials[trial_name(modality, state.created_count(modality) - 1)], why)
            return False
        return not rung_zero.undecided(search, state)

    def _note_once(self, trial: Trial, text: str) -> None:
        if text not in trial.notes:
            self.noted(trial.trial_id, text)

    def _create(self, search: ModalitySearch) -> Trial:
        """A new trial: a fixed point as long as there are any, then what the sampler proposes."""
        number = self.ledger.state.created_count(search.modality)
        point = rung_zero.point(search, self.ledger.state, number)
        if point is not None:
            values, inside = dict(point.values), point.in_space
            search.sampler.started(number, values if inside else None)
        else:
            values, inside = {**search.own, **search.sampler.propose(number)}, True
        trial_id = trial_name(search.modality, number)
        departed = [key for key, value in search.own.items() if values[key] != value]
        params = {key: values[key] for key in dict.fromkeys([*search.searched, *departed])}
        self.ledger.append(TrialCreated(number, search.modality, params, values, inside), trial_id)
        return self.ledger.state.trials[trial_id]

    def _begin(self, trial: Trial) -> NextAttempt:
        resources = self._resources.get(trial.trial_id, self.searches[trial.modality].resources)
        self.ledger.append(AttemptBegan(resources.cpus, resources.gpus), trial.trial_id)
        return NextAttempt(trial.trial_id, trial.number, trial.modality, trial.config, len(trial.epochs), resources)

    def reached(self, modality: str) -> bool:
        """Whether the val accuracy that the modality's search is to stop at was reached."""
        target = self.searches[modality].target
        return target is not None and self.ledger.state.best_accuracy(modality) >= target

    @property
    def finished(self) -> bool:
        """Whether every modality has come to its end."""
        state = self.ledger.state
        return all(
            self.reached(search.modality)
            or (rung_zero.is_whole(search, state, self.limits) and not state.open_trials(search.modality))
            for search in self.searches.values()
        )

    def outcome(self) -> Outcome:
        """Why the session ends, at its end."""
        if self.stop is not None:
            return self.stop.outcome
        if not self.finished:
            return Outcome.FAILED
        return Outcome.TARGET if any(self.reached(modality) for modality in self.searches) else Outcome.FINISHED

    # What happens

    def epoch_ended(
        self, trial_id: str, result: EpochResult, worker: str | None = None, ends: StopReason | None = None
    ) -> bool:
        """Put an epoch on record; whether its trial has ended with it. `ends`: why it does so by itself.

        A trial that the scheduler stops is over, as pruned. A resumed trial may repeat epochs: once is enough. One that
        leaves an epoch out is tried again, and news of an attempt that has ended is no news.
        """
        trial = self.ledger.state.trials[trial_id]
        if not trial.running:
            return True
        due = len(trial.epochs) + 1
        if result.epoch > due:
            gap = f"Epoch {due} must be reported next, but got epoch {result.epoch}."
            self.attempt_failed(trial_id, Failure(StopReason.FAILED, gap, curable=True))
            return True
        if result.epoch == due:
            self._record_epoch(trial, result, worker, ends)
        if ends is not None:
            self.trial_stopped(trial_id, ends)
        elif not trial.over and self.reached(trial.modality):
            self._interrupt(trial, "the target was reached")
        return not trial.running

    def _record_epoch(self, trial: Trial, result: EpochResult, worker: str | None, ends: StopReason | None) -> None:
        search = self.searches[trial.modality]
        if trial.is_head:  # neither compared with trials of many epochs, nor a lesson about their space
            self.ledger.append(EpochEnded(result, False, ends, worker), trial.trial_id)
            return
        stop = search.scheduler.result(trial.number, result.epoch, result.val_accuracy) and ends is None
        self.ledger.append(EpochEnded(result, stop, ends, worker), trial.trial_id)
        search.sampler.reported(trial.number, result.epoch, result.val_accuracy)
        if stop:
            self._end(trial, StopReason.PRUNED)

    def noted(self, trial_id: str, text: str) -> None:
        """Something happened on the way that a person should know."""
        self.ledger.append(Noted(text), trial_id)

    def trial_stopped(self, trial_id: str, reason: StopReason, detail: str | None = None) -> None:
        """A trial came to an end of its own, or was interrupted. Out of memory, it may get more of it."""
        trial = self.ledger.state.trials[trial_id]
        if trial.over:
            return
        if reason == StopReason.OOM:
            self.attempt_failed(trial_id, Failure(StopReason.OOM, detail or "", curable=True))
        elif reason == StopReason.INTERRUPTED:
            self._interrupt(trial, detail)
        else:
            self._end(trial, reason, detail)

    def attempt_failed(self, trial_id: str, failure: Failure) -> None:
        """An attempt ended in an error: try the trial again where that may help, else it is over."""
        trial = self.ledger.state.trials[trial_id]
        if trial.over or not trial.running:
            return
        if failure.stops_study:
            self._interrupt(trial, failure.error)
            self.request_stop(Outcome.DISK_FULL, failure.error.strip().splitlines()[-1] if failure.error else "")
            return
        retry = self._may_retry(trial, failure)
        self.ledger.append(AttemptEnded(failure.reason, failure.error or None, retry), trial_id)
        if retry:
            self._remember_share(trial)
            self._waiting.append(trial_id)
        else:
            self._end(trial, failure.reason, error=failure.error or None)

    def _may_retry(self, trial: Trial, failure: Failure) -> bool:
        if not failure.curable or trial.failed_attempts >= self.limits.retries:
            return False
        if failure.reason == StopReason.OOM:
            attempt = trial.attempts[-1]
            return self._larger(trial.modality, Resources(attempt.cpus, attempt.gpus)) is not None
        return True

    def _end(self, trial: Trial, reason: StopReason, detail: str | None = None, error: str | None = None) -> None:
        """The trial is over: on record, and the sampler learns from it."""
        if trial.running:
            self.ledger.append(AttemptEnded(reason), trial.trial_id)
        checkpoint, digests = self._checkpoint_of(trial, True)
        self.ledger.append(TrialEnded(reason, detail or None, error, checkpoint, digests), trial.trial_id)
        if not trial.is_head:
            tell_end(self.searches[trial.modality], trial)
        failed = self.ledger.state.failed_in_a_row(INFRASTRUCTURE)
        if reason in INFRASTRUCTURE and failed >= self.limits.in_a_row:
            last = (error or detail or "no error is known").strip().splitlines()[-1]
            self.request_stop(Outcome.FAILING, f"{failed} trials failed one after the other, the last with: {last}")

    def _interrupt(self, trial: Trial, detail: str | None = None) -> None:
        """The trial can go on later, from its last state."""
        if trial.running:
            self.ledger.append(AttemptEnded(StopReason.INTERRUPTED, retry=True), trial.trial_id)
        checkpoint, digests = self._checkpoint_of(trial, False)
        ended = TrialEnded(StopReason.INTERRUPTED, detail or None, checkpoint=checkpoint, digests=digests)
        self.ledger.append(ended, trial.trial_id)

    def attempts_vanished(self) -> None:
        """Whoever ran the attempts has broken down: what ran goes on in new attempts."""
        for trial in self._running_trials():
            self.ledger.append(AttemptEnded(StopReason.INTERRUPTED, retry=True), trial.trial_id)
            self._waiting.append(trial.trial_id)

    # The end

    def request_stop(self, outcome: Outcome, detail: str = "") -> None:
        """No attempt is begun any more. The first reason counts."""
        if self.stop is None:
            self.stop = Stop(outcome, detail)

    def look_at_the_clock(self) -> None:
        """Stop where the time budget is used up."""
        seconds = self.limits.seconds
        if seconds is not None and self.stop is None and self.ledger.state.seconds_until_now() >= seconds:
            self.request_stop(Outcome.TIME_BUDGET, "the time budget is used up")

    def close(self) -> Outcome:
        """Put on record what was interrupted, and why the session ends."""
        outcome = self.outcome()
        why = self.stop.detail if self.stop else outcome.value
        for trial in self.ledger.state.open_trials():
            if trial.running or trial.stop_reason is None:
                self._interrupt(trial, why)
        self.ledger.append(SessionEnded(outcome, self.stop.detail if self.stop else None))
        return outcome
