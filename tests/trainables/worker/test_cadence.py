"""When a state is saved."""

from __future__ import annotations

from trainables.worker.cadence import Cadence


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_epochs_count_at_their_ends_only() -> None:
    """Every third epoch, never within one, however long it takes."""
    clock = Clock()
    cadence = Cadence(3, clock)
    clock.now += 1e6
    assert not cadence.due()
    assert [epoch for epoch in range(1, 8) if cadence.due(epoch)] == [3, 6]


def test_seconds_count_anywhere() -> None:
    """Due after 30 s within an epoch or at its end, then 30 s after the save."""
    clock = Clock()
    cadence = Cadence("30s", clock)
    clock.now += 29
    assert not cadence.due()
    assert not cadence.due(1)
    clock.now += 1
    assert cadence.due()
    assert cadence.due(1)
    cadence.saved(cost=25)
    clock.now += 29
    assert not cadence.due()
    clock.now += 1
    assert cadence.due()


def test_auto_follows_the_cost() -> None:
    """A minute at least; a save that took 10 s is worth repeating after 200 s, 5 % of the time."""
    clock = Clock()
    cadence = Cadence("auto", clock)
    clock.now += 60
    assert cadence.due()
    cadence.saved(cost=10)
    clock.now += 199
    assert not cadence.due()
    clock.now += 1
    assert cadence.due(4)
    cadence.saved(cost=0.1)
    clock.now += 60
    assert cadence.due()
