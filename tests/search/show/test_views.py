"""What is seen while a search runs."""

from __future__ import annotations

import io
import itertools
import json
import math
import threading
import time
from pathlib import Path

import pytest
from ledger_fakes import Told, study_config
from rich.console import Console

from search.ledger.events import Noted
from search.ledger.ledger import Lag
from search.ledger.state import Outcome
from search.methods.stopping import Rung
from search.show.views import JsonView, LiveView, PlainView, make_view
from search.study.config import StudyConfig


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """A study's ledger."""
    return Told(tmp_path)


def plain(told: Told, *, lag: Lag | None = None) -> io.StringIO:
    """A plain view that listens, and what it prints. Its lines are longer than the console is wide."""
    screen = io.StringIO()
    view = PlainView(Console(file=screen, width=40), told.state, lambda: lag, clock=lambda: told.now)
    told.ledger.listeners.append(view)
    return screen


def watched(told: Told) -> tuple[PlainView, io.StringIO]:
    """A plain view that listens, whose timer is the test, and what it prints."""
    screen = io.StringIO()
    view = PlainView(Console(file=screen, width=40), told.state, clock=lambda: told.now)
    told.ledger.listeners.append(view)
    return view, screen


def live(told: Told, *, width: int = 100, height: int = 40, lag: Lag | None = None) -> tuple[LiveView, io.StringIO]:
    """A live view that listens, and its screen."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, height=height)
    view = LiveView(console, told.state, lambda: lag, clock=lambda: told.now)
    told.ledger.listeners.append(view)
    return view, screen


def picture(view: LiveView, width: int = 100) -> list[str]:
    """The lines of the picture of now, without colours."""
    screen = io.StringIO()
    Console(file=screen, width=width).print(view.picture())
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_plain_lines_tell_a_whole_study(told: Told) -> None:
    """Off a terminal: each trial's end with its error or note, each further try with its reason, the study's end."""
    screen = plain(told)
    told.session()
    told.begin("image_000")
    told.ledger.append(Noted("16 samples at a time."), "image_000")
    told.epochs("image_000", [0.5, 0.8, 0.7])
    told.end("image_000")
    told.begin("text_000")
    told.epochs("text_000", [0.4])
    told.fail("text_000", "lost", "The actor died.\nIts process was killed.\n", retry=True)
    told.begin("text_000")
    told.fail("text_000", "failed", "Traceback\nValueError: [no] such layer\n", retry=False)
    told.end_session(Outcome.INTERRUPTED, "stopped by SIGINT")
    told.session()
    told.begin("image_001")
    told.end("image_001", "interrupted", "stopped by SIGTERM")
    told.begin("image_001")
    told.end_session(Outcome.FINISHED)
    told.ledger.listeners[0].close()  # type: ignore[attr-defined]
    assert screen.getvalue() == (
        "image  0/6 done  1 running  best val accuracy 0.500 (image_000) | text   0/4 done | 10 s\n"
        "image  0/6 done  1 running  best val accuracy 0.800 (image_000) | text   0/4 done | 30 s\n"
        "  image_000  completed after 3 epochs, val accuracy 0.800 at epoch 2, 30 s\n"
        "    16 samples at a time.\n"
        "  text_000  lost after 1 epoch, is tried again: Its process was killed.\n"
        "  text_000  failed after 1 epoch, val accuracy 0.400 at epoch 1, 10 s\n"
        "    ValueError: [no] such layer\n"
        "  image_001  interrupted after 0 epochs, no epoch, 0 s\n"
        "    stopped by SIGTERM\n"
        "  image_001  goes on after 0 epochs\n"
        "image  1/6 done  1 running  best val accuracy 0.800 (image_000)\n"
        "text   1/4 done  1 failed  best val accuracy 0.400 (text_000)\n"
        "garbage  finished after 40 s\n"
        "Last error: text_000: ValueError: [no] such layer\n"
    )


def test_running_trials_dont_flood_a_log(told: Told) -> None:
    """Off a terminal, a line about the study comes every 15 seconds, not every epoch."""
    screen = plain(told)
    told.session()
    told.begin("image_000")
    told.epochs("image_000", [0.5] * 100, seconds=1.0)
    assert len(screen.getvalue().splitlines()) == 7  # after the first epoch and every 15 s up to the 91st


@pytest.mark.parametrize(
    "odd", ["[/foo]", "[red]not red[/red]", "backslash\\", "\x1b[31mred\x1b[0m", "half \udc80", ""]
)
def test_texts_from_outside_are_texts(told: Told, odd: str) -> None:
    """What looks like markup is shown as it is; what a terminal would obey, or can't show, is escaped."""
    screen = plain(told)
    view, terminal = live(told)
    told.session()
    told.begin("image_000")
    told.fail("image_000", "failed", f"Error: {odd}", retry=False)
    wanted = f"Error: {odd}".replace("\x1b", "\\x1b").replace("\udc80", "\\udc80").strip()
    assert wanted in screen.getvalue()
    assert wanted in "\n".join(picture(view))
    view.close()
    assert wanted in terminal.getvalue()
    assert "\x1b[31mred" not in terminal.getvalue()
    assert "\x1b" not in screen.getvalue()


def test_the_picture_shows_both_modalities(told: Told) -> None:
    """Trials by state, the best, the rungs, each running trial, what they use, the lag, the last error, how to stop."""
    view, _ = live(told, lag=Lag(12, 4.0, "Connection refused"))
    view.rungs = lambda modality: [Rung(3, 0, 2, 0.6123), Rung(9, 0, 0, None)] if modality == "image" else []
    told.session("node", 41)
    told.run("image_000", [0.5, 0.871])
    told.run("text_000", [0.4], "pruned")
    told.begin("image_001", cpus=4, gpus=0.5)
    told.epochs("image_001", [0.61, 0.6])
    told.begin("text_001")
    told.fail("text_001", "lost", "Its process was killed.", retry=True)
    told.begin("text_001")
    assert picture(view) == [
        "garbage  running on node, process 41  50 s, 1-3 min left",
        "",
        "image   ━━━━                      1/6  best val accuracy 0.871  image_000, epoch 2",
        "        1 running  1 completed  4 waiting",
        "        rungs  epoch 3: 2 trials (cutoff 0.612)",
        "",
        "text    ━━━━━━                    1/4  best val accuracy 0.400  text_000, epoch 1",
        "        1 running  1 pruned  2 waiting",
        "",
        "running                         epoch  val accuracy   best  GPU  GPU mem.  CPU  memory  time",
        "image_001           ━━━━━         2/4         0.600  0.610    –         –    –       –  20 s",
        "text_001 attempt 2                0/4             –      –    –         –    –       –   0 s",
        "",
        "Tracking    12 events, 4 s behind: Connection refused",
        "Last error  text_001: Its process was killed.",
        "Ctrl-C stops: trials save their states first, and nothing is lost.",
    ]
    view.close()


def test_a_low_terminal_still_shows_how_to_stop(told: Told) -> None:
    """Of many running trials only as many are listed as there is room for; the others are counted."""
    told.session()
    for number in range(30):
        told.begin(f"image_{number:03d}")
    view, _ = live(told, height=20)
    lines = picture(view)
    assert len(lines) < 20
    assert lines[-1].startswith("Ctrl-C stops")
    shown = sum(line.startswith("image_0") for line in lines)
    assert f"and {30 - shown} more" in lines
    assert shown >= 3
    view.close()


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_no_line_of_the_picture_is_wider_than_the_terminal(told: Told, width: int) -> None:
    """Long ones are cut; in a narrow terminal a running trial has fewer columns."""
    told.session("a-very-long-host-name.example.org")
    told.begin("image_000", gpus=1)
    told.epochs("image_000", [0.5])
    told.begin("text_000")
    told.fail("text_000", "failed", "E" * 500, retry=False)
    view, _ = live(told, width=width)
    lines = picture(view, width)
    assert max(map(len, lines)) <= width
    assert ("GPU mem." in "\n".join(lines)) == (width >= 100)
    view.close()


def test_a_terminal_is_left_as_it_was(told: Told) -> None:
    """The picture goes at the end; the trials' lines and the study's last ones stay, and the cursor is shown again."""
    view, screen = live(told)
    told.session()
    told.run("image_000", [0.5])
    told.end_session(Outcome.FINISHED)
    view.close()
    text = screen.getvalue()
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") == 1
    last = text[text.rindex("\x1b[?25h") :]
    assert "image  1/6 done" in last
    assert "garbage  finished after 10 s" in last
    assert "image_000  completed after 1 epoch" in text


def test_a_driver_that_broke_off_is_no_running_study(told: Told) -> None:
    """Closed without an end on record, the view doesn't say that the study runs."""
    screen = plain(told)
    told.session()
    told.ledger.listeners[0].close()  # type: ignore[attr-defined]
    assert "garbage  killed after 0 s" in screen.getvalue()


def test_json_lines_hold_event_and_status(told: Told) -> None:
    """One strict JSON line an event, with what `status --json` says; NaN is null."""
    screen = io.StringIO()
    view = JsonView(screen, told.state, lambda: Lag(1, 0.5, None), clock=lambda: told.now)
    view.rungs = lambda modality: [Rung(3, 0, 1, None)]
    told.ledger.listeners.append(view)
    told.session()
    told.begin("image_000")
    told.epochs("image_000", [0.5], val_loss=math.nan)
    told.end_session(Outcome.FINISHED)
    view.close()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in screen.getvalue().splitlines()]
    assert [line["event"]["kind"] for line in lines] == [
        "session_began",
        "trial_created",
        "attempt_began",
        "epoch",
        "session_ended",
    ]
    assert lines[3]["event"]["body"]["result"]["val_loss"] is None
    assert lines[3]["modalities"][0]["best"] == {"val_accuracy": 0.5, "trial": "image_000", "epoch": 1}
    assert (lines[3]["state"], lines[4]["state"]) == ("running", "finished")
    assert lines[0]["lag"]["events_behind"] == 1


def test_the_console_decides_which_view(told: Told, tmp_path: Path) -> None:
    """A picture in a terminal, lines elsewhere, JSON where it was asked for."""
    study = StudyConfig.model_validate({"name": "x", "data": {"train": tmp_path, "val": tmp_path}})
    views = [
        make_view(Console(file=io.StringIO(), force_terminal=terminal), study, told.ledger, json_out=json_out)
        for terminal, json_out in ((True, None), (False, None), (True, io.StringIO()))
    ]
    assert [type(view) for view in views] == [LiveView, PlainView, JsonView]
    views[0].close()


def test_plain_lines_are_never_silent_for_long(told: Told) -> None:
    """Eight seconds after the last line at first, whatever happens or doesn't; a minute where it goes on for long."""
    view, screen = watched(told)
    view.look()
    assert screen.getvalue() == "", "nothing has begun"
    told.session()
    told.begin("image_000")
    began, lines = told.now, []
    for second in range(1, 1200):
        told.now = began + second
        before = screen.getvalue()
        view.look()
        if screen.getvalue() != before:
            lines.append(second)
    assert lines[:3] == [8, 16, 24]
    assert {later - one for one, later in itertools.pairwise(lines) if one > 900} == {60}
    assert "image" in screen.getvalue()


def test_a_timer_tells_it_until_the_study_ends(told: Told) -> None:
    """A thread of its own, which is gone after the last lines."""
    before = threading.active_count()
    screen = io.StringIO()
    view = make_view(Console(file=screen), study_config(), told.ledger)
    assert threading.active_count() == before + 1
    view.close()
    until = time.monotonic() + 60
    while threading.active_count() > before:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_study_without_gpus_shows_no_column_for_them(tmp_path: Path) -> None:
    """Nor does it claim a use that nobody measured."""
    told = Told(tmp_path, study_config(image=1))
    told.session()
    told.begin("image_000")
    view, _ = live(told)
    assert "GPU" not in "\n".join(picture(view))
    assert "In use" not in "\n".join(picture(view))
    view.close()


def test_the_picture_is_drawn_while_the_study_goes_on(told: Told) -> None:
    """The timer's thread reads what the study's thread writes: it never breaks, and ends with the truth."""
    view, _ = live(told)
    view.rungs = lambda modality: [Rung(3, 0, 2, 0.5)]
    over, raised = threading.Event(), []

    def draw() -> None:
        try:
            while not over.is_set():
                picture(view)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    told.session()
    for number in range(60):
        told.run(f"image_{number:03d}", [0.5, 0.6])
    over.set()
    thread.join()
    assert raised == []
    assert "60 completed" in "\n".join(picture(view))
    view.close()


def test_what_the_running_trials_use(told: Told) -> None:
    """Of their last epochs, together against what they were given; a new attempt isn't told by the one before."""
    view, _ = live(told)
    told.session()
    used = {"gpu_utilization": 0.4, "gpu_memory_bytes": 9e9, "cpu_utilization": 0.5, "host_memory_bytes": 3e9}
    for trial_id in ("image_000", "image_001"):
        told.begin(trial_id, cpus=4, gpus=0.5)
        told.epochs(trial_id, [0.5], **used)
    lines = picture(view)
    assert "In use      GPU 80% of 1 GPU, 18 GB   CPU 50% of 8 cores   memory 6.0 GB" in lines
    assert [line.split()[-8:-2] for line in lines if "image_001" in line] == [["40%", "9.0", "GB", "50%", "3.0", "GB"]]
    told.wait(1)
    told.fail("image_001", "lost", "Its process was killed.", retry=True)
    told.begin("image_001", cpus=4, gpus=0.5)
    assert "In use      GPU 80% of 0.5 GPUs, 9.0 GB   CPU 50% of 4 cores   memory 3.0 GB" in picture(view)
    view.close()
