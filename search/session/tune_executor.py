"""Ray Tune runs the attempts that the study's driver asks for. One experiment, all modalities.

Tune's own state is never read back: each session builds a new experiment from the ledger. So nothing that Tune writes
can be torn, stale or unpickled.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.tune.execution import class_cache
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.decide.driver import StudyDriver
from search.decide.failures import failure_of
from search.decide.terms import Next, NextAttempt
from search.machines.private_ray import is_secret
from search.session.stop_request import StopRequest
from trainables.names import DETAIL, HEAD, NOTE, STOP_REASON, VAL_ACCURACY, WORKER, trial_name
from trainables.records import EpochResult, StopReason
from trainables.worker import raw_trial
from trainables.worker.tune_adapter import TuneTrial

RESOURCES = "resources"  # key of a trial's raw dict: what its worker gets


def run_attempts(
    driver: StudyDriver,
    constants: Mapping[str, Mapping[str, Any]],
    stop: StopRequest,
    trainable: Any = TuneTrial,
) -> None:
    """Run attempts until the driver has no more, or the request to stop was followed.

    `constants`: by modality, what each trial's raw dict has beside its hyperparameters; `trainable`: a class of Tune's
    that runs a raw dict.
    """
    keep_secrets_here()
    with tempfile.TemporaryDirectory(prefix="binwise-tune-") as folder:
        tuner = tune.Tuner(
            _attempts_of(trainable),
            param_space={},
            tune_config=tune.TuneConfig(
                search_alg=AttemptSearcher(driver, constants),
                scheduler=AttemptScheduler(driver),
                num_samples=-1,  # the searcher says when it is over
                reuse_actors=True,
                trial_dirname_creator=_dirname,
                trial_name_creator=_dirname,
            ),
            run_config=tune.RunConfig(
                name="attempts",
                storage_path=folder,
                callbacks=[AttemptEvents(driver, stop)],
                stop=stop.tune_stopper(),
                # A trial saves its states itself, and the driver decides what is tried again.
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=0),
                verbose=0,
            ),
        )
        tuner.fit()


def keep_secrets_here() -> None:
    """Tune hands the cloud's credentials to its workers, through an agent that logs them; ours have no use for them."""
    class_cache.ENV_VARS_TO_PROPAGATE.difference_update(filter(is_secret, [*class_cache.ENV_VARS_TO_PROPAGATE]))


def _attempts_of(trainable: Any) -> Any:
    """The trainable with what each attempt gets, and with errors that keep their kind.

    Of an actor that can't be made Ray hands over a text alone; so what `setup` raises is raised by the first step. A
    class within a function goes to the workers as it is: they needn't import this module, nor Optuna with it.
    """

    class Attempt(trainable):
        @classmethod
        def default_resource_request(cls, config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
            return tune.PlacementGroupFactory([dict(config[RESOURCES])])

        def setup(self, config: dict[str, Any]) -> None:
            self._fault: Exception | None = None
            try:
                super().setup(config)
            except Exception as error:
                self._fault = error

        def step(self) -> Any:
            if self._fault is not None:
                raise self._fault
            return super().step()

    return Attempt


def _dirname(trial: Any) -> str:
    return f"{trial_id_of(trial)}_{trial.trial_id}"


def trial_id_of(trial: Any) -> str:
    """The trial's id on record, of Tune's trial."""
    raw = trial.config
    head = HEAD in raw[raw_trial.HYPERPARAMETERS]
    return trial_name(raw[raw_trial.MODALITY], raw[raw_trial.NUMBER], head=head)


def error_of(trial: Any) -> Exception:
    """The error that a Tune trial ended with. Tune's own getters look for it where only a snapshot would take it."""
    try:
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    except Exception:  # Tune keeps no object of errors of its own, and some can't be read back
        file = trial.error_file
        return RuntimeError(Path(file).read_text("utf-8", "replace") if file else "The attempt ended without a word.")
    return error if isinstance(error, Exception) else RuntimeError(str(error))


class _Unsaved:
    """Tune pickles what it is given; ours stays in the driver that made it."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class AttemptSearcher(_Unsaved, Searcher):
    """Tune's searcher: hands on the attempts that the driver asks for."""

    def __init__(self, driver: StudyDriver, constants: Mapping[str, Mapping[str, Any]]) -> None:
        """`constants`: what every trial of a modality is given beside its hyperparameters."""
        super().__init__(metric=VAL_ACCURACY, mode="max")
        self._driver, self._constants = driver, constants

    def suggest(self, trial_id: str) -> Any:
        """The raw dict of the next attempt; None: not now; FINISHED: no more."""
        found = self._driver.next_attempt()
        if isinstance(found, NextAttempt):
            return self._raw(found)
        return Searcher.FINISHED if found is Next.DONE else None

    def _raw(self, attempt: NextAttempt) -> dict[str, Any]:
        resources = {"CPU": attempt.resources.cpus, "GPU": attempt.resources.gpus}
        return {
            **self._constants[attempt.modality],
            raw_trial.HYPERPARAMETERS: dict(attempt.config),
            raw_trial.NUMBER: attempt.number,
            raw_trial.RECORDED: attempt.recorded,
            raw_trial.CPUS: attempt.resources.cpus,
            RESOURCES: {key: amount for key, amount in resources.items() if amount},
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """The scheduler has told the driver."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The scheduler or the callback has told the driver."""

    def save(self, checkpoint_path: str) -> None:
        """The ledger is what is restored from."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Never called: each session is built from the ledger."""


class AttemptScheduler(_Unsaved, FIFOScheduler):
    """Tune's scheduler: tells the driver each result, and Tune whether the attempt is over."""

    def __init__(self, driver: StudyDriver) -> None:
        super().__init__()
        self._driver = driver

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's CONTINUE or STOP, after the result is on record."""
        over = put_on_record(self._driver, trial_id_of(trial), result)
        return str(TrialScheduler.STOP if over else TrialScheduler.CONTINUE)


def put_on_record(driver: StudyDriver, trial_id: str, result: Mapping[str, Any]) -> bool:
    """Tell the driver one result of a trial; whether the attempt is over."""
    for note in str(result.get(NOTE, "")).splitlines():
        driver.noted(trial_id, note)
    ends = StopReason(result[STOP_REASON]) if result.get(STOP_REASON) else None
    value = result.get(VAL_ACCURACY)
    if value is None or not math.isfinite(value):  # it ended without an epoch
        driver.trial_stopped(trial_id, ends or StopReason.DIVERGED, result.get(DETAIL))
        return True
    epoch = EpochResult(**{name: result[name] for name in EpochResult.__dataclass_fields__ if name in result})
    return driver.epoch_ended(trial_id, epoch, result.get(WORKER), ends)


class AttemptEvents(_Unsaved, tune.Callback):
    """Tune's callback: what trials end with, errors, and the clock."""

    def __init__(self, driver: StudyDriver, stop: StopRequest) -> None:
        self._driver, self._stop = driver, stop

    def on_step_begin(self, iteration: int, trials: Sequence[Any], **info: Any) -> None:
        """Time passes, and someone may have asked for the end."""
        self._stop.look(self._driver)

    def on_trial_result(
        self, iteration: int, trials: Sequence[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """The result with which a trial ends by itself: Tune doesn't ask the scheduler about it."""
        if STOP_REASON in result:
            put_on_record(self._driver, trial_id_of(trial), result)

    def on_trial_error(self, iteration: int, trials: Sequence[Any], trial: Any, **info: Any) -> None:
        """An attempt ended in an error, or its worker died."""
        self._driver.attempt_failed(trial_id_of(trial), failure_of(error_of(trial)))
