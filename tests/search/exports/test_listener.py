"""The driver's listener: it costs the driver nothing, and its thread sends everything to a real SQLite store."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tracking_fakes import (
    assert_holds,
    attempt,
    begin,
    create,
    end,
    finish,
    lag,
    live,
    new_study,
    open_ledger,
    whole_trial,
)

from search.exports import listener
from search.exports.listener import MlflowTracking
from search.exports.outbox import Shipper


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second is waited for."""
    monkeypatch.setattr(listener, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(listener, "FIRST_DELAY", 0.05)


def until(happened: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_hearing_touches_neither_thread_nor_store(tmp_path: Path) -> None:
    """With no thread at all events are taken; they wait, and the lag says how many."""
    config, layout, ledger = new_study(tmp_path, tracking={"uri": "http://127.0.0.1:9"})
    tracking = MlflowTracking(config, layout, ledger, start=False)
    ledger.listeners.append(tracking)
    live(ledger, seed=0, trials=20)
    assert tracking.lag().events_behind == ledger.state.next_seq
    assert tracking.lag().last_error is None
    assert not layout.tracking_file.exists()
    assert tracking.close().events_behind == ledger.state.next_seq


def test_all_that_is_sent_is_sent_by_its_own_thread(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's thread never makes a call to the store, the connection and its migrations included."""
    threads = set()
    for name in ("ship", "_catch_up"):
        call = getattr(Shipper, name)
        monkeypatch.setattr(
            Shipper, name, lambda self, call=call: (threads.add(threading.current_thread().name), call(self))[1]
        )
    config, layout, ledger = new_study(tmp_path)
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=1)
    end(ledger)
    assert tracking.close().events_behind == 0
    assert threads == {"mlflow"}
    assert_holds(database, layout)


def test_the_store_holds_what_the_ledger_holds(tmp_path: Path, database: str) -> None:
    """Over three sessions, the second killed: each trial has one run, reopened where it went on, none left running."""
    config, layout, ledger = new_study(tmp_path)
    for session in range(3):
        tracking = MlflowTracking(config, layout, ledger)
        ledger.listeners = [tracking]
        live(ledger, seed=session)
        left = create(ledger, 900 + session)
        attempt(ledger, left, (0.3, 0.2))
        if session == 0:
            finish(ledger, left, "interrupted", detail="Ctrl-C")
        if session != 1:
            end(ledger, "interrupted")
        assert tracking.close().events_behind == 0
        runs = assert_holds(database, layout)
        assert "RUNNING" not in {run.info.status for run in runs.values()}
        ledger.close()
        ledger = open_ledger(layout)
    assert runs["image_900"].info.status == "FINISHED"
    assert runs["image_900"].data.tags["attempts"] == "2"
    assert "error" not in runs["image_900"].data.tags
    artifacts = {one.path for one in MlflowClient(database).list_artifacts(runs[""].info.run_id)}
    assert artifacts == {"study.yaml", "space.txt", "leaderboard.csv"}


def test_a_running_trial_is_seen_while_it_runs(tmp_path: Path, database: str) -> None:
    """Epochs are in the store within moments, and the run is open until the trial ends."""
    config, layout, ledger = new_study(tmp_path)
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    begin(ledger)
    trial_id = create(ledger, 0)
    attempt(ledger, trial_id, (0.3, 0.4))
    until(lambda: tracking.lag().events_behind == 0)
    assert assert_holds(database, layout, alive=True)[trial_id].info.status == "RUNNING"
    finish(ledger, trial_id, "pruned")
    end(ledger)
    tracking.close()
    assert assert_holds(database, layout)[trial_id].info.status == "KILLED"


def test_a_store_that_fails_costs_nothing_and_is_caught_up_with(tmp_path: Path, database: str) -> None:
    """A damaged database: the study hears of nothing, the reason is in the lag; put right, it gets everything."""
    config, layout, ledger = new_study(tmp_path)
    path = Path(database.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=5)
    until(lambda: tracking.lag().last_error is not None)
    assert tracking.lag().events_behind == ledger.state.next_seq
    until(lambda: lag(layout, database).last_error is not None)
    path.write_bytes(whole)
    end(ledger)
    until(lambda: tracking.lag().events_behind == 0)
    assert tracking.close().last_error is None
    assert_holds(database, layout)


def test_closing_gives_up_where_nothing_gets_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One last attempt, then a line that says what is lacking, why, and what to do; no password in it."""
    config, layout, ledger = new_study(tmp_path, tracking={"uri": "http://user:secret@127.0.0.1:9"})
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=2)
    end(ledger)
    lag = tracking.close(timeout=60)
    assert not tracking._thread.is_alive()
    assert lag.events_behind == ledger.state.next_seq
    assert "binwise sync demo" in caplog.text
    assert "secret" not in caplog.text + str(lag.last_error) + layout.tracking_file.read_text()


def test_a_locked_database_is_waited_for(tmp_path: Path, database: str) -> None:
    """Another program that holds the database for a while delays the record only."""
    config, layout, ledger = new_study(tmp_path)
    blocker = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN EXCLUSIVE")
    tracking = MlflowTracking(config, layout, ledger)
    ledger.listeners.append(tracking)
    live(ledger, seed=4)
    assert tracking.lag().events_behind == ledger.state.next_seq
    blocker.execute("ROLLBACK")
    blocker.close()
    end(ledger)
    assert tracking.close(60).events_behind == 0
    assert_holds(database, layout)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"next_seq": -1}', "gone", "ahead"])
def test_a_lost_cursor_doubles_nothing(tmp_path: Path, database: str, damage: str) -> None:
    """Without its file the next session finds the runs by their tags; an impossible one is seen through."""
    config, layout, ledger = new_study(tmp_path)
    for session in range(2):
        tracking = MlflowTracking(config, layout, ledger)
        ledger.listeners = [tracking]
        begin(ledger)
        whole_trial(ledger, session, (0.3, 0.4), "completed")
        end(ledger)
        tracking.close()
        if damage == "gone":
            layout.tracking_file.unlink()
        elif damage == "ahead":
            raw = json.loads(layout.tracking_file.read_text())
            layout.tracking_file.write_text(json.dumps({**raw, "next_seq": 10_000}))
        else:
            layout.tracking_file.write_text(damage)
        ledger.close()
        ledger = open_ledger(layout)
    assert_holds(database, layout)
