"""When a session must be over."""

from __future__ import annotations

import pytest

from search.session.deadline import MARGIN, SLURM_END, Deadline, deadline_of
from trainables.errors import UserError

NOW, CLOCK = 1_800_000_000.0, 500.0


def deadline(given: str | None, **environment: str) -> Deadline | None:
    """At a known time."""
    return deadline_of(given, environment, now=lambda: NOW, clock=lambda: CLOCK)


def test_it_stops_before_what_was_given() -> None:
    """A minute before it, on the clock that nobody sets; of a short time a quarter. None where nothing ends."""
    assert deadline(None) is None
    assert deadline("110min") == Deadline(CLOCK + 6600 - MARGIN, "its deadline")
    assert deadline("40s") == Deadline(CLOCK + 30, "its deadline")


def test_a_slurm_job_s_end_is_one() -> None:
    """The earlier of both counts; a job that is over already leaves no time."""
    end = {SLURM_END: str(int(NOW) + 3600)}
    assert deadline(None, **end) == Deadline(CLOCK + 3600 - MARGIN, "the SLURM job's end")
    assert deadline("2h", **end) == Deadline(CLOCK + 3600 - MARGIN, "the SLURM job's end")
    assert deadline("30min", **end) == Deadline(CLOCK + 1800 - MARGIN, "its deadline")
    assert deadline(None, **{SLURM_END: "1"}) == Deadline(CLOCK, "the SLURM job's end")


@pytest.mark.parametrize(("given", "environment"), [("soon", {}), ("-3h", {}), (None, {SLURM_END: "tomorrow"})])
def test_what_is_no_time_is_refused(given: str | None, environment: dict[str, str]) -> None:
    """Naming the option or the variable, and what was given."""
    with pytest.raises(
        UserError, match=r"--deadline must be a time .*(soon|-3h)|SLURM_JOB_END_TIME must .* 'tomorrow'"
    ):
        deadline(given, **environment)
