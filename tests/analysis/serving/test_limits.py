"""A server takes a burst, then so many requests a second."""

from __future__ import annotations

from analysis.serving.limits import Rate


def test_a_burst_then_so_many_a_second() -> None:
    """Who waits as long as is said is served; what isn't used is kept up to a burst."""
    now = [0.0]
    rate = Rate(a_second=2, at_once=3, clock=lambda: now[0])
    assert [rate.wait() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] += 0.5
    assert rate.wait() == 0
    now[0] += 100
    assert [rate.wait() for _ in range(4)] == [0, 0, 0, 0.5]
