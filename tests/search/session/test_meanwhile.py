"""Work in a thread has its value, or its error, where it is asked for."""

from __future__ import annotations

import threading

import pytest

from search.session.meanwhile import Meanwhile
from trainables.errors import UserError


def test_it_runs_while_others_do_something_else() -> None:
    """It has begun before anyone asks, and its value may be asked for again."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        go_on.wait(10)
        return 7

    later = Meanwhile(work)
    assert begun.wait(10)
    go_on.set()
    assert (later.value(), later.value()) == (7, 7)


def test_its_error_is_raised_where_its_value_is_asked_for() -> None:
    """With its own kind and words."""

    def fail() -> None:
        raise UserError("no such file")

    later = Meanwhile(fail)
    with pytest.raises(UserError, match="no such file"):
        later.value()


def test_a_look_raises_what_is_known_and_waits_no_longer() -> None:
    """A fault that is found at once is told at once; work that goes on is left alone."""

    def fail() -> None:
        raise UserError("no such file")

    with pytest.raises(UserError, match="no such file"):
        Meanwhile(fail).look(10)
    go_on = threading.Event()
    later = Meanwhile(lambda: go_on.wait(10))
    later.look()
    go_on.set()
    assert later.value()
