"""What a person sees while a search runs."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console
from search_fakes import epoch, record, start_of

from search.progress import ProgressView, Tally, describe, human_bytes, human_seconds
from trainables.records import StopReason


def view(*, terminal: bool = False, trials: int = 3) -> tuple[ProgressView, io.StringIO]:
    """A view and what it prints."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=40)
    return ProgressView(console, "image", trials, 2), screen


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (89, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (12600, "3.5 h"),
    ],
)
def test_human_seconds(seconds: float, words: str) -> None:
    """Seconds, minutes or hours, whichever a person would say."""
    assert human_seconds(seconds) == words


def test_the_time_left_comes_from_ended_trials() -> None:
    """Unknown before the first end; then as long a trial as until now; nothing after the last."""
    tally = Tally(5, 2, began=100.0)
    tally.running["image_000"] = 3
    assert tally.seconds_left(160.0) is None
    tally.ended[StopReason.COMPLETED] += 1
    tally.ended[StopReason.PRUNED] += 1
    assert tally.done == 2
    assert tally.seconds_left(160.0) == pytest.approx(90.0)
    tally.ended[StopReason.FAILED] += 3
    assert tally.seconds_left(160.0) == 0


def test_describe_before_anything_ended() -> None:
    """Only what is known is said."""
    assert describe("text", Tally(5, 2, began=0.0), 10.0) == "text   0/5 done  0 running"


def test_describe_says_where_a_search_stands() -> None:
    """Done, running, how the others ended, the best so far with its trial, and the time left."""
    tally = Tally(6, 2, began=0.0)
    tally.running |= {"image_004": 1, "image_005": 0}
    tally.ended.update([StopReason.COMPLETED, StopReason.PRUNED, StopReason.PRUNED, StopReason.FAILED])
    tally.see("image_001", 0.871)
    assert describe("image", tally, 240.0) == (
        "image  4/6 done  2 running  1 failed  2 pruned  best val accuracy 0.871 (image_001)  about 2 min left"
    )


def test_describe_a_search_that_is_over() -> None:
    """No time is left to speak of."""
    tally = Tally(1, 1, began=0.0)
    tally.ended[StopReason.COMPLETED] += 1
    assert describe("image", tally, 240.0) == "image  1/1 done  0 running"


def test_the_best_is_the_first_of_equals() -> None:
    """A later trial of the same val accuracy doesn't take its place; a val accuracy of 0 is a value."""
    tally = Tally(3, 1)
    tally.see("a", 0.0)
    assert (tally.best, tally.best_trial) == (0.0, "a")
    for trial_id, accuracy in (("b", 0.5), ("c", 0.5), ("d", 0.4)):
        tally.see(trial_id, accuracy)
    assert (tally.best, tally.best_trial) == (0.5, "b")


def test_a_plain_line_for_each_ended_trial() -> None:
    """Off a terminal: a line a trial that ended, unbroken, without escape codes, whatever became of it."""
    shown, screen = view()
    shown.trial_started(start_of(0))
    shown.epoch_ended(start_of(0), epoch(1, 0.5))
    shown.trial_ended(record(0, (0.5, 0.8, 0.7)))
    shown.trial_ended(record(1, (0.4,), StopReason.PRUNED))
    shown.trial_ended(record(2, (), StopReason.FAILED, error="Traceback\n  File\nValueError: no such layer\n"))
    shown.close()
    lines = screen.getvalue().splitlines()
    assert "  image_000  completed after 3 epochs, val accuracy 0.800 at epoch 2, 12 s" in lines
    assert "  image_001  pruned after 1 epochs, val accuracy 0.400 at epoch 1, 12 s" in lines
    assert "  image_002  failed after 0 epochs, no epoch, 12 s" in lines
    assert "    ValueError: no such layer" in lines
    assert lines[-1] == "image  3/3 done  0 running  1 failed  1 pruned  best val accuracy 0.500 (image_000)"
    assert "\x1b" not in screen.getvalue()


def test_running_trials_dont_flood_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off a terminal, a line about running trials comes every 15 seconds, not every epoch."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shown, screen = view()
    for number in range(1, 101):
        now[0] += 1
        shown.epoch_ended(start_of(0), epoch(number, 0.5))
    assert len(screen.getvalue().splitlines()) == 7  # at 1000 and every 15 s until 1100


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("odd", ["[/foo]", "[red]not red[/red]", "backslash\\", "", "   ", "\n\n"])
def test_markup_in_an_error_is_text(odd: str, terminal: bool) -> None:
    """What looks like rich's markup in an error is shown as it is, and an empty error hurts nobody."""
    shown, screen = view(terminal=terminal)
    shown.trial_ended(record(0, (), StopReason.FAILED, error=odd))
    shown.close()
    assert odd.strip() in screen.getvalue()


def test_markup_in_a_name_is_text() -> None:
    """Names too."""
    screen = io.StringIO()
    shown = ProgressView(Console(file=screen, width=200), "[/foo]", 1, 1)
    shown.close()
    assert screen.getvalue().count("[/foo]") == 2


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (640, "640 B"), (1500, "1.5 kB"), (999_600, "1.0 MB"), (2_033_000_000, "2.0 GB"), (66e9, "66 GB")],
)
def test_bytes_as_a_person_says_them(count: float, words: str) -> None:
    """One decimal below ten, none above; the unit that keeps the number below a thousand."""
    assert human_bytes(int(count)) == words
    assert human_bytes(3_000 * 10**12) == "3,000 TB"


def test_a_terminal_is_left_as_it_was() -> None:
    """The live line ends with the view; the last line stays, and the cursor is shown again."""
    shown, screen = view(terminal=True)
    shown.trial_started(start_of(0))
    shown.trial_ended(record(0, (0.5,)))
    shown.close()
    text = screen.getvalue()
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") == 1
    assert "1/3 done" in text[text.rindex("\x1b[?25h") :]
