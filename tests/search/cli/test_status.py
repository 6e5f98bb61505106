"""`binwise status`, `binwise stop` and `binwise logs`, as they are typed."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ledger_fakes import Told, study_config
from typer.testing import CliRunner, Result

from search.cli.main import app
from search.ledger.events import DataBound, Noted, StudyChanged, TrialEnded
from search.ledger.lines import create_lines
from search.ledger.state import Outcome
from search.study.folder import Layout
from search.study.lock import study_lock
from trainables.errors import UserError
from trainables.records import StopReason

TRACEBACK = "Traceback (most recent call last):\n  File 'x.py', line 1\nValueError: [no] such layer\n"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs in the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mlruns"


@pytest.fixture
def told(runs: Path) -> Told:
    """The study `garbage`, with a session that has begun."""
    told = begun(runs, "garbage")
    told.session("node", 41)
    return told


def begun(runs: Path, name: str) -> Told:
    """A study's folder with its ledger."""
    told = Told(runs / "studies" / name, study_config(name))
    (runs / "studies" / name / "study.yaml").write_text("name: x\n")
    return told


def call(*arguments: str) -> Result:
    """Run a command; a user's mistakes are raised."""
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@contextmanager
def driver(layout: Layout, *, follows: bool = True) -> Iterator[list[bool]]:
    """Somebody who runs the study, and lets go of it once asked to; the list says whether it was asked."""
    held, over, asked = threading.Event(), threading.Event(), [False]

    def work() -> None:
        with study_lock(layout):
            held.set()
            while not over.wait(0.02):
                asked[0] = asked[0] or layout.stop_file.exists()
                if asked[0] and follows:
                    return

    thread = threading.Thread(target=work)
    thread.start()
    held.wait()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def without_times(text: str) -> list[str]:
    """The lines, each time in them as `TIME`."""
    import re

    return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line.rstrip()) for line in text.splitlines()]


def test_the_status_of_a_study(told: Told) -> None:
    """Its state, both modalities, the last error, and what to do next."""
    told.run("image_000", [0.5, 0.871])
    told.begin("image_001")
    told.fail("image_001", "failed", TRACEBACK, retry=False)
    told.end_session(Outcome.INTERRUPTED, "stopped by SIGINT")
    lines = [line.rstrip() for line in call("status", "garbage").output.splitlines()]
    assert sum(line.startswith("Tracking    13 events, ") for line in lines) == 1
    assert [line for line in lines if not line.startswith("Tracking")] == [
        "garbage  interrupted  20 s  stopped by SIGINT",
        "",
        "image   ━━━━━━━━                  2/6  best val accuracy 0.871  image_000, epoch 2",
        "        1 completed  1 failed  4 waiting",
        "",
        "text                              0/4  no epoch has ended yet",
        "        4 waiting",
        "",
        "Last error  image_001: ValueError: [no] such layer",
        "",
        "Next: binwise resume garbage",
    ]


def test_the_status_as_json(told: Told) -> None:
    """The same for programs; a folder and the name are both ways to the study."""
    told.run("image_000", [0.5])
    found = json.loads(call("status", "garbage", "--json").output)
    assert (found["name"], found["state"], found["sessions"]) == ("garbage", "killed", 1)
    assert found["modalities"][0]["states"] == {"completed": 1, "waiting": 5}
    assert found["next"] == ["binwise resume garbage"]
    assert json.loads(call("status", "mlruns/studies/garbage", "--json").output)["name"] == "garbage"


def test_every_study_has_a_line(runs: Path, told: Told) -> None:
    """One whose record can't be read says so, and hides none of the others."""
    begun(runs, "second")
    begun(runs, "third")
    for copy in (runs / "studies" / "second").glob("ledger*"):
        copy.write_bytes(b"nothing\n" * 2)
    lines = call("status").output.splitlines()
    assert lines[0] == "garbage  killed  image  0/6 done | text   0/4 done"
    assert lines[1].startswith("second  can't be read: ")
    assert lines[2].startswith("third  not begun  ")
    parsed = [json.loads(line) for line in call("status", "--json").output.splitlines()]
    assert [one["state"] for one in parsed] == ["killed", "unreadable", "not begun"]


def test_without_any_study(runs: Path) -> None:
    """It says where it looked; an unknown name lists those that there are."""
    assert call("status").output == "No study was run under mlruns/studies.\n"
    assert call("status", "--json").output == ""
    with pytest.raises(UserError, match="but got 'unknown'"):
        call("status", "unknown")
    with pytest.raises(UserError, match="none was named"):
        call("status", "--watch")


def test_a_study_that_is_being_prepared(runs: Path) -> None:
    """Before its folder is there, whoever holds its lock is named."""
    with driver(Layout(runs, "new")), pytest.raises(UserError, match=r"still being prepared by process \d+"):
        call("status", "new")


def test_watching_ends_with_the_study(told: Told, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off a terminal: a line whenever something was recorded, and the status at the end."""
    monkeypatch.setattr("search.cli.status.WATCH_SECONDS", 0.05)
    layout = Layout(runs, "garbage")
    with driver(layout):
        timer = threading.Timer(0.4, layout.stop_file.touch)
        timer.start()
        output = call("status", "garbage", "--watch").output
        timer.join()
    lines = output.splitlines()
    assert lines[0].startswith("image  0/6 done | text   0/4 done | ")
    assert lines[1].startswith("garbage  killed")
    assert lines[-1] == "Next: binwise resume garbage"
    assert output.count("image  0/6 done | ") == 1


def test_a_running_study_is_stopped(told: Told, runs: Path) -> None:
    """The request is a file; the command waits until the study was let go of, and leaves no file behind."""
    layout = Layout(runs, "garbage")
    with driver(layout) as asked:
        result = call("stop", "garbage")
        assert asked == [True]
    assert result.exit_code == 0
    assert "to stop garbage" in result.output
    assert "Next: binwise resume garbage" in result.output
    assert not layout.stop_file.exists()


def test_a_study_that_takes_longer_to_stop(told: Told, runs: Path) -> None:
    """After the time it says what can be done, exits with 1, and the request stands."""
    layout = Layout(runs, "garbage")
    with driver(layout, follows=False):
        result = call("stop", "garbage", "--wait", "0")
        assert layout.stop_file.exists()
    assert result.exit_code == 1
    assert "hasn't ended after 0 s" in result.output
    assert "--wait 300" in result.output


def test_a_request_that_is_removed_is_made_again(told: Told, runs: Path) -> None:
    """A study that begins removes what an earlier request has left: that of a person who waits stays."""
    layout = Layout(runs, "garbage")
    with driver(layout, follows=False) as asked:
        stopper = threading.Thread(target=call, args=("stop", "garbage", "--wait", "1"))
        stopper.start()
        while not layout.stop_file.exists():
            pass
        layout.stop_file.unlink()
        asked[0] = False
        stopper.join()
        assert asked[0]


def test_nothing_to_stop(told: Told, runs: Path) -> None:
    """It says so, shows where the study stands, and asks nobody."""
    result = call("stop", "garbage")
    assert "Nothing runs garbage." in result.output
    assert "Next: binwise resume garbage" in result.output
    assert not (runs / "studies" / "garbage" / "stop").exists()
    assert json.loads(call("stop", "garbage", "--json").output)["state"] == "killed"


def whole_life(told: Told) -> None:
    """A trial that notes something, fails, is tried again, and is pruned."""
    told.begin("image_000", cpus=2, gpus=0.5)
    told.ledger.append(Noted("16 samples at a time."), "image_000")
    told.epochs("image_000", [0.5])
    told.fail("image_000", "lost", TRACEBACK, retry=True)
    told.begin("image_000", cpus=1)
    told.epochs("image_000", [0.8])
    told.end("image_000", "pruned")


def test_a_trial_s_story(told: Told) -> None:
    """Everything in order: hyperparameters, attempts, notes, epochs, the error as a whole, checkpoint and digests."""
    whole_life(told)
    told.run("image_001", [0.1])
    pad = " " * 21
    head = "epoch train loss train acc val loss val acc macro F1 rate seconds"
    lines = without_times(call("logs", "garbage", "image_000").output)
    assert lines[:8] == [
        "TIME  created as trial 0 of image",
        f"{pad}  batch_size     32",
        f"{pad}  the same in all trials, or a default:",
        f"{pad}  max_epochs     4",
        f"{pad}  head_widths    [512, 256]",
        f"{pad}  learning_rate  0.0003",
        "TIME  attempt 1 began: 2 CPUs, 0.5 GPU, worker here 12",
        "TIME  note: 16 samples at a time.",
    ]
    assert lines[8].split() == head.split()
    assert lines[9].split() == ["TIME", "1", "0.4000", "0.900", "0.5000", "0.500", "0.250", "1.00e-03", "2.0"]
    assert len(lines[8]) == len(lines[9].replace("TIME", " " * 19))
    assert lines[10:] == [
        "TIME  attempt 1 ended: lost, is tried again",
        f"{pad}Traceback (most recent call last):",
        f"{pad}  File 'x.py', line 1",
        f"{pad}ValueError: [no] such layer",
        "TIME  attempt 2 began: 1 CPU, worker here 12",
        lines[8],
        lines[9].replace(" 1  ", " 2  ", 1).replace("0.500    0.250", "0.800    0.400"),
        "TIME  attempt 2 ended: pruned",
        "TIME  ended: pruned",
        f"{pad}best checkpoint: image/image_000/best",
        f"{pad}  weights.safetensors  ab12",
    ]


def test_what_a_worker_printed_stands_below(told: Told, runs: Path) -> None:
    """Its last 200 lines, or all of them with --all; bytes that are no text, or commands, hurt nobody."""
    whole_life(told)
    folder = runs / "studies" / "garbage" / "image" / "image_000"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_bytes(b"".join(b"line %d \xff\x1b[2J\n" % number for number in range(300)))
    lines = call("logs", "garbage", "image_000").output.splitlines()
    assert lines[-201] == "What its worker printed (the end):"
    assert lines[-1] == "line 299 �\\x1b[2J"
    whole = call("logs", "garbage", "image_000", "--all").output.splitlines()
    assert whole[-301] == "What its worker printed (all of it):"


def test_a_trial_s_story_as_json(told: Told) -> None:
    """Its events as they are on record, no other trial's."""
    whole_life(told)
    told.run("image_001", [0.1])
    found: dict[str, Any] = json.loads(call("logs", "garbage", "image_000", "--json").output)
    assert (found["study"], found["trial"], found["log"]) == ("garbage", "image_000", [])
    assert {event["trial_id"] for event in found["events"]} == {"image_000"}
    assert found["events"][-1]["body"]["stop_reason"] == "pruned"


@pytest.mark.parametrize("given", ["image_3", "image0003", "imgae_003", "Image_003"])
def test_an_unknown_trial_lists_near_names(told: Told, given: str) -> None:
    """That of the same number first of all; few of many."""
    for number in range(20):
        told.create(f"image_{number:03d}")
    with pytest.raises(UserError, match="did you mean image_003") as error:
        call("logs", "garbage", given)
    assert str(error.value).endswith("? There are 20, from image_000 to image_019.")
    assert str(error.value).count(" or ") < 3


def test_a_trial_of_a_study_without_trials(told: Told) -> None:
    """There is no name to list."""
    with pytest.raises(UserError, match="no trial has begun yet"):
        call("logs", "garbage", "image_000")


def test_a_study_s_sessions_and_ends(told: Told, runs: Path) -> None:
    """In order: created, each session with its end or without, what changed, how each trial ended."""
    told.run("image_000", [0.5])
    told.begin("image_001")
    told.end("image_001", "interrupted", "stopped by SIGINT")
    told.end_session(Outcome.TIME_BUDGET, "the time budget is used up")
    told.ledger.append(StudyChanged(told.state.study))
    told.ledger.append(DataBound({"train": {}, "test": {}}))
    told.session("other", 5)
    told.begin("image_001")
    told.session("other", 6)
    told.run("image_002", [0.7])
    expected = [
        "TIME  study garbage created, u1",
        " " * 21 + "torch 2.14.1",
        "TIME  session 1 began on node, process 41",
        "TIME  image_000  completed after 1 epoch, val accuracy 0.500 at epoch 1, 10 s",
        "TIME  image_001  interrupted",
        "TIME  session 1 ended after 10 s: time budget, the time budget is used up",
        "TIME  the study's config was changed",
        "TIME  train and test known by manifests from here on",
        "TIME  session 2 began on other, process 5",
        " " * 21 + "it was killed: its last event is of TIME",
        "TIME  session 3 began on other, process 6",
        " " * 21 + "it was killed: its last event is of TIME",
        "TIME  image_002  completed after 1 epoch, val accuracy 0.700 at epoch 1, 10 s",
    ]
    assert without_times(call("logs", "garbage").output) == expected
    with driver(Layout(runs, "garbage")):
        assert call("logs", "garbage").output.count("it runs now") == 1
    kinds = {event["kind"] for event in json.loads(call("logs", "garbage", "--json").output)["events"]}
    assert kinds == {"study_created", "study_changed", "data_bound", "session_began", "session_ended", "trial_ended"}


ODD = [
    1e300,
    -1.0,
    10**9,
    10**100,
    "x",
    "../../x",
    "/etc",
    "",
    [],
    ["a", 1],
    {},
    {"a": [1]},
    None,
    True,
    "\x1b[31m\n\u202e",
]


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container within a JSON value, with each of its keys or places."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from leaves(value[key])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), odd=st.sampled_from(ODD))
@example(place=0, odd=10**9)
def test_a_record_that_was_changed_is_refused_in_a_line(runs: Path, place: int, odd: Any) -> None:
    """Whatever one value of it is made, with a sum that fits: told as it is, or one message, and no command obeyed."""
    shutil.rmtree(runs / "studies", ignore_errors=True)
    told = begun(runs, "garbage")
    told.session("node", 41)
    told.run("image_000", [0.5, 0.6])
    told.begin("text_000")
    told.epochs("text_000", [0.5])
    told.fail("text_000", "failed", TRACEBACK, retry=True)
    told.end_session(Outcome.INTERRUPTED, "Ctrl-C")
    told.ledger.close()
    ledger = runs / "studies" / "garbage" / "ledger.jsonl"
    events = [json.loads(line)["event"] for line in ledger.read_text().splitlines()]
    found = [leaf for event in events for leaf in leaves(event)]
    holder, key = found[place % len(found)]
    holder[key] = odd
    create_lines(ledger, events)
    for command in (["status"], ["status", "garbage"], ["status", "garbage", "--json"]):
        seen(*command)
    for command in (["logs", "garbage"], ["logs", "garbage", "image_000"], ["logs", "garbage", "text_000", "--json"]):
        seen(*command)


def seen(*command: str) -> None:
    """What a command says is one message where it refuses, and nothing that a terminal would obey."""
    try:
        said = call(*command).output
    except UserError as error:
        said = str(error)
        assert "\n" not in said
    assert set("\x1b\u202e").isdisjoint(said)


@pytest.mark.parametrize("leaving", ["../other/best", "/etc", "image/../../x", "a\\b", "", "a\0b"])
def test_a_checkpoint_out_of_the_study_is_refused(runs: Path, told: Told, leaving: str) -> None:
    """Whoever wrote the record: neither `status` nor `logs` takes it."""
    told.begin("image_000")
    told.ledger.append(TrialEnded(StopReason.COMPLETED, checkpoint=leaving), "image_000")
    for command in (["status", "garbage"], ["logs", "garbage"], ["logs", "garbage", "image_000"]):
        with pytest.raises(UserError, match=r"line 5 isn't an event .*checkpoint must lie in the study's folder"):
            call(*command)
