"""`sync`: whatever happened to a store, afterwards it holds what the ledger holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tracking_fakes import assert_holds, attempt, begin, create, end, lag, live, new_study
from typer.testing import CliRunner

from search.cli.main import app
from search.exports.analysis_results import log_results
from search.exports.cursor import with_credentials, without_password
from search.exports.kept_results import Shown
from search.exports.sync import sync
from search.study.folder import Layout
from search.study.lock import study_lock
from search.study.yaml_file import load_study
from trainables.errors import UserError


@pytest.fixture
def layout(tmp_path: Path, database: str) -> Layout:
    """A study that has ended and was never tracked."""
    _, layout, ledger = new_study(tmp_path)
    live(ledger, seed=1)
    end(ledger)
    ledger.close()
    return layout


def test_a_fresh_store_gets_everything_once(
    layout: Layout, database: str, other_database: Callable[[str], str]
) -> None:
    """All runs are made; the second time nothing is done; another store gets all of it too, and has its own count."""
    assert lag(layout, database).events_behind > 0
    first = sync(layout.folder)
    assert (first.agrees, first.trials, len(first.created)) == (True, 8, 9)
    assert_holds(database, layout)
    assert lag(layout, database).events_behind == 0
    assert sync(layout.folder).unchanged
    cursor = layout.tracking_file.read_bytes()
    other = other_database("other.db")
    assert len(sync(layout.folder, other).created) == 9
    assert_holds(other, layout)
    assert layout.tracking_file.read_bytes() == cursor


def test_whatever_happened_is_put_right(layout: Layout, database: str) -> None:
    """Runs doubled, deleted, left running, of no trial; tags changed or added: one sync, and the next finds nothing."""
    result = sync(layout.folder)
    client = MlflowClient(database)
    runs = {run.info.run_name: run for run in client.search_runs([result.experiment_id])}
    uid = runs["demo"].data.tags["binwise.study_uid"]
    mine = {"binwise.study_uid": uid, "binwise.kind": "trial"}
    double = client.create_run(result.experiment_id, tags={**mine, "binwise.trial": "image_000"}).info.run_id
    orphan = client.create_run(result.experiment_id, tags={**mine, "binwise.trial": "image_777"}).info.run_id
    stranger = client.create_run(result.experiment_id, tags={"binwise.study_uid": "another"}).info.run_id
    client.delete_run(runs["image_001"].info.run_id)
    client.update_run(runs["image_002"].info.run_id, status="RUNNING")
    client.set_tag(runs["image_003"].info.run_id, "stop_reason", "wrong")
    client.set_tag(runs["image_004"].info.run_id, "checkpoint", "stale")
    client.set_terminated(runs["demo"].info.run_id, "FAILED")
    again = sync(layout.folder)
    assert (again.duplicates, again.orphans, again.created) == ([double], [orphan], ["image_001"])
    assert set(again.changed) == {"study", "image_002", "image_003", "image_004"}
    assert again.agrees
    for run_id in (double, orphan):
        assert client.get_run(run_id).info.status == "KILLED"
    assert client.get_run(stranger).info.status == "RUNNING"
    client.delete_tag(orphan, "binwise.study_uid")
    assert_holds(database, layout)
    assert sync(layout.folder).unchanged


def test_what_mlflow_never_takes_back_is_said(layout: Layout, database: str) -> None:
    """A value that someone else logged stays; the result names the trial, and doesn't claim to agree."""
    result = sync(layout.folder)
    client = MlflowClient(database)
    [run] = [one for one in client.search_runs([result.experiment_id]) if one.data.metrics.get("val_accuracy")][:1]
    client.log_metric(run.info.run_id, "val_accuracy", 0.99, timestamp=1, step=1)
    again = sync(layout.folder)
    assert not again.agrees
    assert again.problems == [f"{run.info.run_name}: 1 values of metrics in MLflow aren't on record"]


def test_a_killed_session_leaves_nothing_running(tmp_path: Path, database: str) -> None:
    """While a process holds the study, its trials run in a store too; once nobody does, they were killed."""
    _, layout, ledger = new_study(tmp_path)
    begin(ledger)
    trial_id = create(ledger, 0)
    attempt(ledger, trial_id, (0.5,))
    with study_lock(layout):
        sync(layout.folder)
        assert assert_holds(database, layout, alive=True)[trial_id].info.status == "RUNNING"
    assert set(sync(layout.folder).changed) == {"study", trial_id}
    assert assert_holds(database, layout)[trial_id].info.status == "KILLED"


def test_results_wait_for_a_store(tmp_path: Path, database: str) -> None:
    """What the analysis found is kept where the store is away, and sent by the next sync, once."""
    config, layout, ledger = new_study(tmp_path, tracking={"uri": "http://user:secret@127.0.0.1:9"})
    live(ledger, seed=1)
    end(ledger)
    report = layout.folder / "analysis" / "report.html"
    report.parent.mkdir()
    report.write_text("<p>größer</p>", "utf-8")
    reason = log_results(config, layout, {"fused_val_accuracy": 0.9}, [report])
    assert reason is not None
    assert "secret" not in reason
    with pytest.raises(UserError, match=r"MLflow must be reachable.*http://127\.0\.0\.1:9"):
        sync(layout.folder)
    result = sync(layout.folder, database)
    client = MlflowClient(database)
    assert client.get_run(result.run_id).data.metrics["fused_val_accuracy"] == 0.9
    assert "report.html" in [one.path for one in client.list_artifacts(result.run_id)]
    assert sync(layout.folder, database).unchanged


def test_results_go_to_the_study_s_run(layout: Layout, database: str, tmp_path: Path) -> None:
    """At once, where the store is there; a second stage adds to them, and a changed file replaces the old one."""
    config, client = load_study(layout.study_file, []), MlflowClient(database)
    file = layout.folder / "report.md"
    for text, metrics in (("old", {"fused_val_accuracy": 0.9}), ("new", {"fused_test_accuracy": 0.85})):
        file.write_text(text)
        assert log_results(config, layout, metrics, [file]) is None
    assert log_results(config, layout, {"fused_test_accuracy": 0.85}, []) is None
    result = sync(layout.folder)
    run = client.get_run(result.run_id)
    assert (run.data.metrics["fused_val_accuracy"], run.data.metrics["fused_test_accuracy"]) == (0.9, 0.85)
    assert len(client.get_metric_history(result.run_id, "fused_test_accuracy")) == 1
    assert Path(client.download_artifacts(result.run_id, "report.md", str(tmp_path))).read_text() == "new"


def test_the_study_s_page_begins_with_the_verdict(layout: Layout, database: str) -> None:
    """Before what its author wrote of it; the report's first picture is the first file; sync finds it as it should be.

    How the run stands, and when it ended, doesn't change for that. A new verdict takes the old one's place.
    """
    config, client, folder = load_study(layout.study_file, []), MlflowClient(database), layout.folder / "analysis"
    folder.mkdir()
    table, picture, verdict = folder / "classes.json", folder / "performance.png", folder / "verdict.md"
    table.write_text('{"columns": ["class"], "data": [["Blue"]]}')
    picture.write_bytes(b"PNG")
    sync(layout.folder)
    for text in ("**87.5 %** of val", "**85.0 %** of test"):
        verdict.write_text(text)
        assert log_results(config, layout, {}, [], Shown(verdict, picture, (table,))) is None
        result = sync(layout.folder)
        assert (result.unchanged, result.agrees) == (True, True)
        run = client.get_run(result.run_id)
        assert run.data.tags["mlflow.note.content"] == f"{text}\n\nWhat it is for."
    assert run.info.status == "FINISHED"
    names = [one.path for one in client.list_artifacts(result.run_id)]
    assert names[0] == "00_performance.png"
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": "classes.json", "type": "table"}]
    assert log_results(config, layout, {"test_accuracy": 0.85}, []) is None
    assert sync(layout.folder).unchanged, "what is shown first stays"


def test_the_command(layout: Layout, database: str) -> None:
    """It says what was done, in words or as JSON; 1 where the two still differ."""
    told = CliRunner().invoke(app, ["sync", str(layout.folder)])
    assert told.exit_code == 0, told.output
    assert "9 runs made" in told.output
    assert "MLflow holds what is on record." in told.output
    raw = json.loads(CliRunner().invoke(app, ["sync", str(layout.folder), "--json"]).output)
    assert (raw["unchanged"], raw["agrees"], raw["trials"]) == (True, True, 8)


def test_passwords_stay_with_their_process(tmp_path: Path) -> None:
    """The written config has none; a database's URI gets the environment's, unless it has its own."""
    config, layout, _ = new_study(tmp_path, tracking={"uri": "http://user:secret@host:5000/p"})
    assert without_password(config).tracking.uri == "http://host:5000/p"
    assert "secret" not in layout.study_file.read_text() + layout.ledger_file.read_text()
    variables = {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "p/w"}
    assert with_credentials("postgresql://host/db", variables) == "postgresql://me:p%2Fw@host/db"
    for own in ("postgresql://you:x@host/db", "http://host:5000", "sqlite:////a/b.db"):
        assert with_credentials(own, variables) == own
