"""What can happen in a study, each as one event of its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FORMAT = 1  # of the ledger; a reader refuses a newer one


class Kind(StrEnum):
    """What happened. The bodies' keys stand beside each."""

    STUDY_CREATED = "study_created"  # format, uid, study, data, versions, commit, warm
    STUDY_CHANGED = "study_changed"  # study, changes
    SESSION_BEGAN = "session_began"  # host, pid, versions, shares, nodes
    SESSION_ENDED = "session_ended"  # outcome, detail
    TRIAL_CREATED = "trial_created"  # number, modality, params, config, inside
    ATTEMPT_BEGAN = "attempt_began"  # attempt, cpus, gpus
    EPOCH = "epoch"  # result, stop (by the scheduler), ends (why it ends by itself), worker
    NOTE = "note"  # text
    ATTEMPT_ENDED = "attempt_ended"  # reason, error, retry, unseen (its driver was killed)
    TRIAL_ENDED = "trial_ended"  # stop_reason, detail, error, checkpoint, digests


class Outcome(StrEnum):
    """Why a session ended."""

    FINISHED = "finished"  # every trial ended
    TARGET = "target"  # the val accuracy that was asked for was reached
    TIME_BUDGET = "time_budget"
    INTERRUPTED = "interrupted"  # Ctrl-C, SIGTERM, `binwise stop`
    FAILING = "failing"  # too many trials in a row failed
    DISK_FULL = "disk_full"
    FAILED = "failed"  # an error of the driver


@dataclass(frozen=True)
class Event:
    """One line of the ledger."""

    seq: int  # counted from 0 without gaps
    at: float  # seconds since 1970
    kind: Kind
    trial_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        head: dict[str, Any] = {"seq": self.seq, "at": self.at, "kind": self.kind.value}
        if self.trial_id is not None:
            head["trial_id"] = self.trial_id
        return {**head, **({"body": dict(self.body)} if self.body else {})}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Event:
        """The event of such values; KeyError or ValueError where they aren't one."""
        return cls(raw["seq"], raw["at"], Kind(raw["kind"]), raw.get("trial_id"), raw.get("body", {}))
