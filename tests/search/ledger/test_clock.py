"""The time that a study used, whatever is done to the machine's clock, and however long the machine sleeps."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from search.decide.driver import StudyDriver
from search.decide.terms import Limits
from search.ledger.clock import Moment, SessionClock, moment_now
from search.ledger.events import SessionBegan, SessionEnded, StudyCreated
from search.ledger.ledger import Ledger, create_ledger, read_ledger
from search.ledger.state import Outcome, StudyState

T0 = 1_760_000_000.0
DAY = 86_400.0
# What happens, and for how many seconds: work, sleep, the clock is set by so many, an event, the end or the death of a
# session and the next one's beginning.
HAPPENINGS = st.tuples(
    st.sampled_from(["work", "work", "sleep", "set", "event", "event", "killed", "ended"]), st.floats(0, 10 * DAY)
)


class World:
    """A machine with its clocks, and a study whose used time is known."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ledger.jsonl"
        create_ledger(self.file, StudyCreated(study={"name": "demo"}, uid="u", data={}, versions={}), T0)
        self.moment = Moment(T0, 5000.0, 5000.0)
        self.used = self.seen = 0.0  # seconds: of all sessions until now; until the last event
        self.slept = 0.0  # seconds of this session
        self.begin()

    def begin(self) -> None:
        """A process runs the study."""
        self.ledger = Ledger(self.file, clock=lambda: self.moment)
        self.ledger.append(SessionBegan("here", 1))
        self.used, self.slept = self.seen, 0.0  # what was after the last sign of life is lost

    def happens(self, what: str, seconds: float) -> None:
        """One of HAPPENINGS."""
        wall, steady, boot = self.moment
        match what:
            case "work":
                self.moment = Moment(wall + seconds, steady + seconds, boot + seconds)
                self.used += seconds
            case "sleep":
                self.moment = Moment(wall + seconds, steady, boot + seconds)
                self.slept += seconds
            case "set":
                self.moment = Moment(wall + seconds - 5 * DAY, steady, boot)
            case "event":
                self.ledger.append(SessionEnded(Outcome.INTERRUPTED))  # any will do
                self.ledger.state.sessions[-1].outcome = None
                self.seen = self.used
            case _:
                if what == "ended":
                    self.ledger.append(SessionEnded(Outcome.INTERRUPTED))
                    self.seen = self.used
                self.ledger.close()
                self.begin()

    def read(self) -> StudyState:
        """What another process reads."""
        return read_ledger(self.file)[1]


@settings(max_examples=40, deadline=None)
@given(st.lists(HAPPENINGS, max_size=25))
def test_used_time_is_the_truth(happenings: list[tuple[str, float]]) -> None:
    """Within a second, at any moment, for who runs the study and for who reads its record; never back, never less."""
    with TemporaryDirectory() as folder:
        world, before = World(Path(folder)), 0.0
        for what, seconds in happenings:
            world.happens(what, seconds)
            state = world.ledger.state
            assert abs(state.seconds_until_now() - world.used) <= 1
            read = world.read()
            assert abs(read.seconds - world.seen) <= 1
            assert read.seconds >= before
            before = read.seconds
            assert all(session.last_seen >= session.began for session in read.sessions)
            assert abs(world.ledger.now() - state.lived() - state.sessions[-1].ahead) < 1e-3
        world.ledger.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(HAPPENINGS, max_size=12), st.floats(1, 10 * DAY))
def test_the_budget_ends_when_it_is_used(happenings: list[tuple[str, float]], budget: float) -> None:
    """Not before, whatever the clock says, and at once then."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        for what, seconds in happenings:
            world.happens(what, seconds)
            driver = StudyDriver([], world.ledger, Limits(seconds=budget), fits=lambda *_: True)
            driver.look_at_the_clock()
            if abs(world.used - budget) > 1:
                assert (driver.stop is not None) == (world.used > budget)
        world.happens("set", 0)
        world.happens("work", budget + 1)
        driver = StudyDriver([], world.ledger, Limits(seconds=budget), fits=lambda *_: True)
        driver.look_at_the_clock()
        assert driver.stop is not None
        world.ledger.close()


def test_a_sleep_is_counted_apart(tmp_path: Path) -> None:
    """Eight hours asleep are no use of the machine, and the event has the time of day that people saw."""
    world = World(tmp_path)
    world.happens("work", 60)
    world.happens("sleep", 8 * 3600)
    world.happens("work", 30)
    event = world.ledger.append(SessionEnded(Outcome.INTERRUPTED))
    session = world.read().sessions[-1]
    assert (event.at, event.used, event.asleep) == (T0 + 8 * 3600 + 90, 90.0, 8 * 3600.0)
    assert (session.last_seen - session.began, session.asleep) == (90.0, 8 * 3600.0)


def test_lines_are_as_they_were_where_nothing_happens(tmp_path: Path) -> None:
    """An event says what its session used only where that isn't told by its time."""
    world = World(tmp_path)
    world.happens("work", 60)
    world.moment = world.moment._replace(wall=world.moment.wall + 0.3)  # as time servers correct it
    event = world.ledger.append(SessionEnded(Outcome.INTERRUPTED))
    assert event.to_json().keys() == {"seq", "at", "kind", "body"}
    assert abs(world.read().seconds - 60.3) < 1e-6


def test_another_process_knows_the_clock_until_the_last_event(tmp_path: Path) -> None:
    """So that a status of after the night goes on from what was used before it."""
    world = World(tmp_path)
    world.happens("work", 60)
    world.happens("sleep", 8 * 3600)
    world.happens("event", 0)
    state = world.read()
    state.sessions[-1].outcome = None
    assert state.seconds_until_now(state.lived(world.moment.wall + 10)) == 70.0


def test_before_a_session_there_is_the_calendar_alone() -> None:
    """What is written then is no use; it isn't before what was written before."""
    clock = SessionClock(lambda: Moment(T0, 1.0, 1.0))
    assert clock.lived() is None
    assert clock.read(0.0) == (T0, None, 0.0)
    assert clock.read(T0 + 7) == (T0 + 7, None, 0.0)


def test_the_machine_s_clocks() -> None:
    """The calendar's, and two that go on."""
    first, second = moment_now(), moment_now()
    assert abs(first.wall - time.time()) < 60
    assert second.steady >= first.steady
    assert second.boot >= first.boot
    assert first.boot >= first.steady - 1
