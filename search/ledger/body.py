"""What each kind of event is made of: a class whose fields are the keys of the line's `body`, in this order.

A field with a default may be missing in a line that an older version wrote. A key that no field has is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Self

from search.ledger.checked import check_fields
from search.ledger.state import Outcome, StudyState
from trainables.records import EpochResult, StopReason


class Kind(StrEnum):
    """What happened, as a line says it."""

    STUDY_CREATED = "study_created"
    STUDY_CHANGED = "study_changed"
    DATA_BOUND = "data_bound"
    SESSION_BEGAN = "session_began"
    SESSION_ENDED = "session_ended"
    TRIAL_CREATED = "trial_created"
    ATTEMPT_BEGAN = "attempt_began"
    EPOCH = "epoch"
    NOTE = "note"
    ATTEMPT_ENDED = "attempt_ended"
    TRIAL_ENDED = "trial_ended"
    TEST_OPENED = "test_opened"
    TEST_ENDED = "test_ended"


@dataclass(frozen=True)
class Body:
    """What one kind of event says. Which trial it is about, if any, stands beside it in the event."""

    kind: ClassVar[Kind]
    of_session: ClassVar[bool] = True  # whether it shows that the last session still ran

    def apply(self, state: StudyState, at: float, trial_id: str | None) -> None:
        """Change the state by what happened at `at` (seconds since 1970)."""
        raise NotImplementedError

    def unwritten(self) -> tuple[str, ...]:
        """The fields that its line leaves out, as they say nothing."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """Plain values by key, in the order of the fields."""
        left_out = self.unwritten()
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.name not in left_out}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """The body of such values. TypeError or ValueError where they are none."""
        given = {one.name: raw[one.name] for one in fields(cls) if one.name in raw}
        body = cls(**{name: _READ[name](value) if name in _READ else value for name, value in given.items()})
        check_fields(body)
        body.check()
        return body

    def check(self) -> None:
        """ValueError where a field that was read says what none can say, though it is of the right type."""


def _plain(value: Any) -> Any:
    """A field's value as JSON has it; what is deeper inside is plain already."""
    if isinstance(value, EpochResult):
        return value.as_metrics()
    if isinstance(value, Mapping):
        return dict(value)
    return value.value if isinstance(value, StrEnum) else value


# How fields are read whose values JSON has otherwise.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "result": lambda metrics: EpochResult(**metrics),
    "outcome": Outcome,
    "reason": StopReason,
    "stop_reason": StopReason,
    "ends": lambda reason: StopReason(reason) if reason else None,
    "digests": lambda digests: digests or {},
}
