"""MLflow's record, read back from a real store: a run a study, a child a trial; and a store that fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from search_fakes import epochs, record, searching, start_of, study

from search.layout import Layout, create_study_folder
from search.study import StudyConfig
from search.study_file import dump_study
from search.tracking import (
    MlflowTracking,
    TrackedStudy,
    end_tracking,
    log_results,
    open_client,
    read_tracked,
    redacted,
    start_tracking,
    tracking_uri,
)
from trainables.records import StopReason, UserError

STATUS = {
    StopReason.COMPLETED: "FINISHED",
    StopReason.PRUNED: "KILLED",
    StopReason.INTERRUPTED: "KILLED",
    StopReason.DIVERGED: "FAILED",
    StopReason.OOM: "FAILED",
    StopReason.FAILED: "FAILED",
    StopReason.LOST: "FAILED",
}
SPACE_TEXT = "image: 20 trials, tpe\n"


def begin(config: StudyConfig) -> TrackedStudy:
    """A study's folder and its parent run."""
    layout = Layout.of(config)
    if not layout.folder.exists():
        create_study_folder(layout, dump_study(config), {})
    return start_tracking(config, layout, SPACE_TEXT)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    """A study with a store of its own, shared by this module's tests: making one takes seconds."""
    folder = tmp_path_factory.mktemp("tracking")
    return study(folder, image=searching(), description="What it is for.", seed=7)


@pytest.fixture
def tracked(config: StudyConfig) -> TrackedStudy:
    """A fresh parent run in that store."""
    return begin(config)


@pytest.fixture
def client(tracked: TrackedStudy) -> MlflowClient:
    """Reads the store."""
    return open_client(tracked.uri)


def children(client: MlflowClient, tracked: TrackedStudy) -> dict[str, Run]:
    """The parent's child runs by name."""
    runs = client.search_runs([tracked.experiment_id], f"tags.`mlflow.parentRunId` = '{tracked.run_id}'")
    return {run.info.run_name: run for run in runs}


def tell(listener: MlflowTracking, number: int, accuracies: Sequence[float], reason: StopReason, **more: Any) -> None:
    """A whole trial."""
    listener.trial_started(start_of(number))
    for result in epochs(accuracies):
        listener.epoch_ended(start_of(number), result)
    listener.trial_ended(record(number, accuracies, reason, **more))


def test_the_parent_run_is_the_study(config: StudyConfig, tracked: TrackedStudy, client: MlflowClient) -> None:
    """Named as the study, tagged so that it can be found, with its config and space; closed by end_tracking."""
    run = client.get_run(tracked.run_id)
    assert (run.info.run_name, run.info.status) == ("demo", "RUNNING")
    assert client.get_experiment(tracked.experiment_id).name == "binwise"
    tags = run.data.tags
    assert (tags["binwise.kind"], tags["binwise.study"], tags["binwise.seed"]) == ("study", "demo", "7")
    assert tags["binwise.modalities"] == "image,text"
    assert tags["mlflow.note.content"] == "What it is for."
    artifacts = Layout.of(config).mlflow_artifacts
    kept = {
        path.name: path.read_text("utf-8")
        for path in artifacts.rglob("*")
        if tracked.run_id in str(path) and path.is_file()
    }
    assert kept == {"study.yaml": dump_study(config), "space.txt": SPACE_TEXT}
    end_tracking(tracked, "FINISHED")
    assert client.get_run(tracked.run_id).info.status == "FINISHED"


def test_a_trial_is_a_child_run(tracked: TrackedStudy, client: MlflowClient) -> None:
    """All hyperparameters, every metric by epoch, the best val accuracy under its own key, and how it ended."""
    listener = MlflowTracking("demo", tracked)
    tell(listener, 4, (0.4, 0.8, 0.6), StopReason.COMPLETED)
    [run] = children(client, tracked).values()
    assert run.info.run_name == "image_004"
    assert run.data.params == {"batch_size": "32", "head_widths": "(512, 256)"}
    tags = run.data.tags
    assert tags["mlflow.parentRunId"] == tracked.run_id
    assert (tags["binwise.kind"], tags["binwise.study"], tags["binwise.trial"]) == ("trial", "demo", "image_004")
    assert (tags["binwise.modality"], tags["binwise.searched"]) == ("image", "batch_size")
    assert (tags["epochs"], tags["checkpoint"]) == ("3", "image/image_004/best")
    history = client.get_metric_history(run.info.run_id, "val_accuracy")
    assert sorted((point.step, point.value) for point in history) == [(1, 0.4), (2, 0.8), (3, 0.6)]
    assert run.data.metrics["val_accuracy"] == 0.6
    assert run.data.metrics["best_val_accuracy"] == 0.8
    assert run.data.metrics["best_epoch"] == 2
    assert "epoch" not in run.data.metrics
    assert len(run.data.metrics) <= 20
    assert listener.lost == 0


def test_each_end_has_its_status(tracked: TrackedStudy, client: MlflowClient) -> None:
    """Every reason is a tag and a status; no child is left running, not even one that had no epoch."""
    listener = MlflowTracking("demo", tracked)
    for number, reason in enumerate(StopReason):
        error = "Traceback\nValueError: " + "x" * 6000 if reason == StopReason.FAILED else None
        tell(listener, number, () if reason == StopReason.FAILED else (0.5,), reason, error=error)
    runs = children(client, tracked)
    assert len(runs) == len(STATUS) == len(StopReason)
    ends = {StopReason(run.data.tags["stop_reason"]): run.info.status for run in runs.values()}
    assert ends == STATUS
    failed = runs[f"image_{list(StopReason).index(StopReason.FAILED):03d}"]
    assert failed.data.tags["error"].endswith("xxx")
    assert "checkpoint" not in failed.data.tags
    assert listener.lost == 0


def test_trials_that_run_at_once_are_kept_apart(tracked: TrackedStudy, client: MlflowClient) -> None:
    """An epoch goes to its own trial's run."""
    listener = MlflowTracking("demo", tracked)
    for number in (0, 1):
        listener.trial_started(start_of(number))
    for number, accuracy in ((1, 0.9), (0, 0.2)):
        listener.epoch_ended(start_of(number), epochs((accuracy,))[0])
    metrics = {name: run.data.metrics["val_accuracy"] for name, run in children(client, tracked).items()}
    assert metrics == {"image_000": 0.2, "image_001": 0.9}


class Broken:
    """A client whose every call raises."""

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise ConnectionError(f"{name}: http://user:secret@server is down")

        return fail


def test_a_failing_store_never_stops_a_study(tracked: TrackedStudy, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the store raises, the listener goes on, counts what was lost and says so once, without secrets."""
    listener = MlflowTracking("demo", tracked)
    listener._client = Broken()
    with caplog.at_level(logging.WARNING, logger="binwise.tracking"):
        tell(listener, 0, (0.4, 0.5), StopReason.COMPLETED)
        tell(listener, 1, (), StopReason.FAILED)
    assert listener.lost == 6
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_a_store_that_comes_back_is_written_again(tracked: TrackedStudy, client: MlflowClient) -> None:
    """A few lost epochs don't cost a trial its end."""
    listener = MlflowTracking("demo", tracked)
    listener.trial_started(start_of(0))
    whole, listener._client = listener._client, Broken()
    listener.epoch_ended(start_of(0), epochs((0.4,))[0])
    listener._client = whole
    listener.trial_ended(record(0, (0.4,)))
    assert listener.lost == 1
    assert children(client, tracked)["image_000"].info.status == "FINISHED"


def test_a_trial_whose_last_words_are_lost_still_ends(tracked: TrackedStudy, client: MlflowClient) -> None:
    """Where its tags are refused, its run is closed all the same: none stays running for ever."""
    listener = MlflowTracking("demo", tracked)
    listener.trial_started(start_of(0))

    class NoTags:
        def log_batch(self, *args: Any, **kwargs: Any) -> None:
            raise ConnectionError("down for a moment")

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

    listener._client = NoTags()
    listener.trial_ended(record(0, (), StopReason.FAILED))
    assert listener.lost == 1
    assert children(client, tracked)["image_000"].info.status == "FAILED"


def test_a_store_that_is_gone_at_the_end_costs_no_search(
    tracked: TrackedStudy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing the study's run is told as a warning where it fails; hours of trials don't end in an error."""
    monkeypatch.setattr("search.tracking.open_client", lambda uri: Broken())
    with caplog.at_level(logging.WARNING, logger="binwise.tracking"):
        end_tracking(tracked, "FINISHED")
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_an_unreachable_server_is_known_before_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers there: one message with a remedy, soon, and the password isn't in it."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    config = study(tmp_path, tracking={"uri": "http://user:secret@127.0.0.1:9"})
    began = time.monotonic()
    with pytest.raises(UserError, match=r"MLflow must be reachable.*http://127\.0\.0\.1:9") as error:
        begin(config)
    assert time.monotonic() - began < 10
    assert "secret" not in str(error.value)
    assert "user:" not in str(error.value)
    assert "start its server, or leave tracking.uri out" in str(error.value)
    assert not Layout.of(config).tracking_file.exists()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:secret@host:5000/path?x=1", "http://host:5000/path?x=1"),
        ("https://token@host", "https://host"),
        ("postgresql://user:se@cret@host/db", "postgresql://host/db"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////work/me@home/mlflow.db", "sqlite:////work/me@home/mlflow.db"),
    ],
)
def test_redacted_hides_user_and_password_alone(uri: str, shown: str) -> None:
    """The rest of a URI says where the store is, and stays."""
    assert redacted(uri) == shown


def test_a_password_stays_out_of_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither mlflow.json nor the config kept in MLflow holds it."""
    logged: list[str] = []

    class Server:
        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: _Anything()

        def log_text(self, run_id: str, text: str, name: str) -> None:
            logged.append(text)

    monkeypatch.setattr("search.tracking.open_client", lambda uri: Server())
    config = study(tmp_path, tracking={"uri": "http://user:secret@127.0.0.1:9"})
    tracked = begin(config)
    assert tracked.uri == "http://user:secret@127.0.0.1:9"
    layout = Layout.of(config)
    assert "secret" not in layout.tracking_file.read_text("utf-8")
    assert len(logged) == 2
    assert "uri: http://127.0.0.1:9" in logged[0]
    assert "secret" not in "".join(logged)
    assert read_tracked(layout, config) == tracked


class _Anything:
    """Stands for whatever a server gives back."""

    experiment_id = "1"

    class info:  # noqa: N801  # MLflow's name
        """A run's."""

        run_id = "abc"


def test_results_go_to_the_parent_run(tracked: TrackedStudy, client: MlflowClient, tmp_path: Path) -> None:
    """Numbers, tags and files of the analysis stand with the study; a second stage adds to them."""
    file = tmp_path / "report.html"
    file.write_text("<p>größer</p>", "utf-8")
    log_results(tracked, {"fused_val_accuracy": 0.9}, {"alpha": "0.4"}, [file])
    log_results(tracked, {}, {}, [])
    log_results(tracked, {"fused_test_accuracy": 0.85}, {}, [])
    run = client.get_run(tracked.run_id)
    assert run.data.metrics == {"fused_val_accuracy": 0.9, "fused_test_accuracy": 0.85}
    assert run.data.tags["alpha"] == "0.4"
    assert "report.html" in [artifact.path for artifact in client.list_artifacts(tracked.run_id)]


def test_a_study_remembers_its_parent_run(config: StudyConfig, tracked: TrackedStudy, tmp_path: Path) -> None:
    """read_tracked gives back what start_tracking gave; a study that wasn't tracked has none."""
    assert read_tracked(Layout.of(config), config) == tracked
    other = study(tmp_path)
    assert read_tracked(Layout.of(other), other) is None


def test_the_configured_store_is_used(tmp_path: Path) -> None:
    """A URI in the config wins over the file among the runs."""
    for uri, expected in ((None, f"sqlite:///{tmp_path}/runs/mlflow.db"), ("http://host:5000", "http://host:5000")):
        config = study(tmp_path, tracking={"uri": uri})
        assert tracking_uri(config, Layout.of(config)) == expected


def test_artifacts_of_a_local_store_lie_among_the_runs(
    tmp_path: Path, config: StudyConfig, tracked: TrackedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configured SQLite file keeps its artifacts in the runs folder too, not in the current directory."""
    monkeypatch.chdir(tmp_path)
    other = study(tmp_path / "other", tracking={"uri": tracked.uri, "experiment": "another"})
    second = begin(other)
    assert list(Layout.of(other).mlflow_artifacts.rglob("space.txt")) != []
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert second.experiment_id != tracked.experiment_id
