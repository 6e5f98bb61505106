"""Hand-made ledgers for what is computed from them: a clock that is set, trials that do as they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from search_fakes import epoch

from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    Event,
    SessionBegan,
    SessionEnded,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import Ledger, create_ledger
from search.ledger.state import Outcome, StudyState
from trainables.records import StopReason

T0 = 1_760_000_000.0  # when the study was created
SPACE = {"batch_size": {"type": "choice", "choices": [16, 32]}}


def study_config(name: str = "garbage", image: int = 6, text: int = 4) -> dict[str, Any]:
    """What a ledger holds of a study's config, as far as it is read here."""
    search = {"space": SPACE, "points": []}
    return {
        "name": name,
        "modalities": ["image", "text"],
        "image": {"search": {**search, "trials": image}},
        "text": {"search": {**search, "trials": text}},
    }


def fold(events: Iterable[Event]) -> StudyState:
    """The state after these events."""
    state = StudyState()
    for event in events:
        event.apply(state)
    return state


class Told:
    """A ledger and the clock that its events have their times from."""

    def __init__(self, folder: Path, config: dict[str, Any] | None = None) -> None:
        self.now = T0
        folder.mkdir(parents=True, exist_ok=True)
        created = StudyCreated(study=config or study_config(), uid="u1", data={}, versions={"torch": "2.14.1"})
        create_ledger(folder / "ledger.jsonl", created, T0)
        self.ledger = Ledger(folder / "ledger.jsonl", clock=lambda: self.now)

    @property
    def state(self) -> Any:
        """The ledger's."""
        return self.ledger.state

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def session(self, host: str = "here", pid: int = 7) -> None:
        """A session begins."""
        self.ledger.append(SessionBegan(host, pid))

    def end_session(self, outcome: Outcome, detail: str | None = None) -> None:
        """The session ends."""
        self.ledger.append(SessionEnded(outcome, detail))

    def create(self, trial_id: str, **config: Any) -> None:
        """A trial is created, and waits."""
        modality, number = trial_id.split("_")
        given = {"max_epochs": 4, "batch_size": 32, "head_widths": [512, 256], "learning_rate": 3e-4, **config}
        params = {"batch_size": given["batch_size"]}
        self.ledger.append(TrialCreated(int(number), modality, params, given, inside=True), trial_id)

    def begin(self, trial_id: str, cpus: float = 2, gpus: float = 0, **config: Any) -> None:
        """An attempt begins, of a new trial or of one that is there."""
        if trial_id not in self.state.trials:
            self.create(trial_id, **config)
        self.ledger.append(AttemptBegan(cpus, gpus), trial_id)

    def epochs(self, trial_id: str, accuracies: Sequence[float], seconds: float = 10.0, **used: Any) -> None:
        """So many more epochs, each after some seconds."""
        for accuracy in accuracies:
            self.wait(seconds)
            number = len(self.state.trials[trial_id].epochs) + 1
            result = replace(epoch(number, accuracy), **used)
            self.ledger.append(EpochEnded(result, worker="here 12"), trial_id)

    def fail(self, trial_id: str, reason: str, error: str, *, retry: bool) -> None:
        """An attempt ends in an error."""
        self.ledger.append(AttemptEnded(StopReason(reason), error, retry), trial_id)
        if not retry:
            self.ledger.append(TrialEnded(StopReason(reason), error=error), trial_id)

    def end(self, trial_id: str, reason: str = "completed", detail: str | None = None) -> None:
        """A trial ends."""
        self.ledger.append(AttemptEnded(StopReason(reason), retry=reason == "interrupted"), trial_id)
        folder, digests = f"image/{trial_id}/best", {"weights.safetensors": "ab12"}
        self.ledger.append(TrialEnded(StopReason(reason), detail, checkpoint=folder, digests=digests), trial_id)

    def run(self, trial_id: str, accuracies: Sequence[float], reason: str = "completed") -> None:
        """A whole trial: 10 seconds an epoch."""
        self.begin(trial_id)
        self.epochs(trial_id, accuracies)
        self.end(trial_id, reason)
