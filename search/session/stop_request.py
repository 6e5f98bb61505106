"""How a study is stopped from outside: a signal, or a file in its folder. Trials save their states first.

The file works from any machine that sees the folder, and the trials look for it themselves, between two steps.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from search.decide.driver import StudyDriver
from search.ledger.state import Outcome
from search.machines.signals import first_signal
from search.session.deadline import Deadline

# For trials to save their states. Tune gives a worker that hangs 10 seconds more, and SLURM kills everything 30 seconds
# after its SIGTERM.
GRACE_SECONDS = 12.0
LOOK_SECONDS = 0.5  # between two looks for the file


class StopRequest:
    """Whether the study was asked to stop, and since when."""

    def __init__(
        self,
        file: Path,
        grace: float = GRACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        deadline: Deadline | None = None,
    ) -> None:
        """`file`: its presence is the request. One that an earlier session left is removed."""
        self._file, self._grace, self._clock, self._deadline = file, grace, clock, deadline
        self._looked = -LOOK_SECONDS
        self._since: float | None = None
        self.signal: int | None = None
        self.by_deadline = False
        file.unlink(missing_ok=True)

    def look(self, driver: StudyDriver) -> None:
        """Pass a request on to the driver; and the driver's own wish to stop on to the trials."""
        driver.look_at_the_clock()
        if driver.stop is None and self._asked():
            by = signal.Signals(self.signal).name if self.signal is not None else "`binwise stop`"
            driver.request_stop(Outcome.INTERRUPTED, f"stopped by {by}")
        if driver.stop is None and self._deadline is not None and self._clock() >= self._deadline.stops_at:
            driver.request_stop(Outcome.INTERRUPTED, f"stopped before {self._deadline.what}")
            self.by_deadline = True
        if driver.stop is not None and self._since is None:
            self._since = self._clock()
            self._file.touch()

    def _asked(self) -> bool:
        if self.signal is not None:
            return True
        if self._clock() - self._looked < LOOK_SECONDS:
            return False
        self._looked = self._clock()
        return self._file.exists()

    @property
    def overdue(self) -> bool:
        """Whether the trials had their time to save."""
        return self._since is not None and self._clock() - self._since >= self._grace

    def tune_stopper(self) -> Any:
        """Tune's view of it: once the trials had their time, everything stops."""
        from ray.tune import Stopper

        request = self

        class Overdue(Stopper):
            def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
                return False

            def stop_all(self) -> bool:
                return request.overdue

            def __getstate__(self) -> dict[str, Any]:
                return {}

        return Overdue()

    def signals(self) -> AbstractContextManager[None]:
        """Within the block SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask for a stop; a second one ends all at once."""

        def asked(number: int) -> None:
            self.signal = number

        return first_signal(asked)
