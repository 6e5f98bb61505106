"""One small study of both modalities on the embedded data set, from the search to the report, as a user runs it."""

from __future__ import annotations

import ast
import base64
import contextlib
import csv
import gzip
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import mlflow.pyfunc
import optuna
import pandas as pd
import pytest
from command_line import CODE, binwise_here
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from analysis.store import selection_digest
from search import Study
from search.cli.mlflow_ui import free_port
from search.exports.optuna_journal import open_journal
from trainables.data.demo.demo import make_demo
from trainables.errors import UserError
from trainables.names import DATA_FILE, FINAL_TEST_FILE, TEST_REGISTER_FILE
from trainables.records import StopReason, TrialRecord

NOTEBOOKS = sorted((Path(__file__).parents[2] / ".github/docs/notebooks").glob("*.ipynb"))
STUDY = """
name: small
description: Small enough for a test, real in every stage.
seed: 1
data: {train: data/Train, val: data/Val, test: data/Test}
image:
  backbone: mobilenet_v3_small
  weights: none
  size: 64
  max_epochs: 2
  batch_size: 32
  batchnorm_momentum: 0.1
  search:
    heads: none
    trials: 3
    space: {head_learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}}
    scheduler: {name: asha, grace: 1, factor: 2}
text:
  backbone: distilbert-base-uncased
  weights: none
  architecture: {n_layers: 1, dim: 64, hidden_dim: 128, n_heads: 2}
  vocabulary_size: 600
  max_epochs: 3
  learning_rate: 1e-3
  search:
    heads: none
    trials: 3
    space: {learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}}
    points: [{learning_rate: 5e-3, cleaning: words}]
    scheduler: {name: asha, grace: 1, factor: 2}
"""
# How numbers are told to people, by what they are; a minus is a hyphen here.
SAID = {
    "accuracy": r"gets ([\d.]+) % of ([\d,]+) test samples right",
    "interval": r"are right; 95 % interval ([\d.]+) to ([\d.]+) %",
    "gain": r"([-+±][\d.]+) points on test over \w+ alone \(95 % interval ([-+±][\d.]+) to ([-+±][\d.]+)\)",
    "alpha": r"Alpha ([\d.]+) is",
    "temperature": r"at the temperature ([\d.]+) that",
    "opened": r"with ([\d,]+) samples? \(([\d,]+) opening",
    "card_opened": r"On ([\d,]+) test samples that no model was chosen by; the test was opened once",
}
VERSIONS: dict[str, int] = {}  # of its model in the registry, after each command
pytestmark = pytest.mark.timeout(480)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study after `binwise search`, during which the test split couldn't be read."""
    folder = tmp_path_factory.mktemp("study")
    make_demo(folder / "data", pictures=240, size=64, seed=0, workers=1)
    text = STUDY.replace("test: data/Test", "test: null")
    (folder / "study.yaml").write_text(text)
    (folder / "data" / "Test").rename(folder / "hidden")
    done = binwise_here(folder, "search", "study.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "hidden").rename(folder / "data" / "Test")
    study = folder / "mlruns" / "studies" / "small" / "study.yaml"
    study.write_text(study.read_text().replace("test: null", f"test: {folder / 'data' / 'Test'}"))
    return folder


@pytest.fixture(scope="module")
def study_folder(searched: Path) -> Path:
    """The study's own folder."""
    return searched / "mlruns" / "studies" / "small"


@pytest.fixture(scope="module")
def reported(searched: Path, study_folder: Path) -> Path:
    """The study's folder after analyze, test and report."""
    for command in ("analyze", "test", "report"):
        done = binwise_here(searched, command, "small")
        assert done.returncode == 0, done.stdout + done.stderr
        VERSIONS[command] = len(model_versions(searched))
        assert ("Model: small@champion" in done.stdout) == (command == "test")
    return study_folder


def store_of(folder: Path) -> str:
    """Where its record is."""
    return f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}"


def model_versions(folder: Path) -> list[ModelVersion]:
    """What the registry has of the study."""
    return list(MlflowClient(store_of(folder)).search_model_versions("name = 'small'"))


def trial_records(study_folder: Path) -> list[TrialRecord]:
    """`trials.jsonl`."""
    return [TrialRecord.from_json(line) for line in (study_folder / "trials.jsonl").read_text().splitlines()]


def mlflow_runs(folder: Path) -> list[Run]:
    """Every run of the record, read with MLflow's own client."""
    client = MlflowClient(store_of(folder))
    experiment = client.get_experiment_by_name("binwise")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def parent_run(folder: Path) -> Run:
    """The study's own."""
    [run] = [one for one in mlflow_runs(folder) if one.info.run_name == "small"]
    return run


def test_every_trial_has_a_record(study_folder: Path) -> None:
    """Three trials a modality; every epoch once and in order; the fixed trials came first."""
    records = trial_records(study_folder)
    assert sorted(record.trial_id for record in records) == [
        *(f"image_00{n}" for n in range(3)),
        *(f"text_00{n}" for n in range(3)),
    ]
    for record in records:
        assert [epoch.epoch for epoch in record.epochs] == list(range(1, len(record.epochs) + 1))
        assert record.stop_reason in {StopReason.COMPLETED, StopReason.PRUNED}
        assert (study_folder / str(record.checkpoint) / "weights.safetensors").is_file()
    first = {record.trial_id: record for record in records}
    assert first["image_000"].config["head_learning_rate"] == 1e-3
    assert first["text_001"].config["cleaning"] == "words"


def test_mlflow_agrees(searched: Path, study_folder: Path) -> None:
    """One parent; a child a trial, ended, with its best value under its own name; as many pruned as ASHA stopped."""
    runs, records = mlflow_runs(searched), trial_records(study_folder)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.data.tags["binwise.trial"]: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert len(parents) == 1
    assert parents[0].info.status == "FINISHED"
    assert set(children) == {record.trial_id for record in records}
    for record in records:
        run = children[record.trial_id]
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.info.status == ("FINISHED" if record.stop_reason == StopReason.COMPLETED else "KILLED")
        assert run.data.tags["stop_reason"] == record.stop_reason.value
        assert record.best is not None
        assert run.data.metrics["best_val_accuracy"] == pytest.approx(record.best.val_accuracy)


def test_optuna_agrees(study_folder: Path) -> None:
    """Optuna's own record has the same trials, states and values; the point outside the space taught it nothing."""
    storage = open_journal(study_folder / "optuna.journal")
    for modality in ("image", "text"):
        trials = {
            t.user_attrs["trial_id"]: t
            for t in optuna.load_study(study_name=f"small/{modality}", storage=storage).trials
        }
        records = [record for record in trial_records(study_folder) if record.modality == modality]
        assert set(trials) == {record.trial_id for record in records}
        for record in records:
            trial = trials[record.trial_id]
            assert trial.state.name == {"completed": "COMPLETE", "pruned": "PRUNED"}[record.stop_reason.value]
            assert list(trial.intermediate_values.values()) == [epoch.val_accuracy for epoch in record.epochs]
    assert not trials["text_001"].params


def test_asha_stopped_what_is_pruned(study_folder: Path) -> None:
    """A pruned trial ended before its last epoch, and at a rung another one had done better."""
    for modality, last in (("image", 2), ("text", 3)):
        records = [record for record in trial_records(study_folder) if record.modality == modality]
        for record in records:
            assert (record.stop_reason == StopReason.PRUNED) == (len(record.epochs) < last)
            if record.stop_reason == StopReason.PRUNED:
                rung = record.epochs[-1]
                assert any(
                    len(other.epochs) >= rung.epoch and other.epochs[rung.epoch - 1].val_accuracy > rung.val_accuracy
                    for other in records
                )


def test_trials_never_hold_the_test_split(searched: Path, study_folder: Path) -> None:
    """What a trial is given names no test split; and the search above ran while there was none to read."""
    table = gzip.decompress((study_folder / DATA_FILE).read_bytes())
    assert list(json.loads(table.splitlines()[0])["splits"]) == ["train", "val"]
    test_folder = str(searched / "data" / "Test")
    assert test_folder.encode() not in table
    for path in [*study_folder.glob("*/*.json"), *study_folder.glob("*/*/*/meta.json")]:
        assert test_folder not in path.read_text("utf-8", errors="replace")


def test_report_stands_alone(reported: Path) -> None:
    """One HTML file that loads nothing from elsewhere, and one Markdown file, both with the three systems' results."""
    page = (reported / "analysis" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    markdown = (reported / "analysis" / "report.md").read_text()
    for text in (page, markdown):
        for word in ("Image", "Text", "Fused", "image_000", "text_002", "Linear"):
            assert word in text


def test_results_reach_the_parent_run(reported: Path) -> None:
    """Val and test accuracy stand on the study's run, and the report lies among its artifacts."""
    parent = next(run for run in mlflow_runs(reported.parents[2]) if "mlflow.parentRunId" not in run.data.tags)
    final = json.loads((reported / "analysis" / FINAL_TEST_FILE).read_text())
    assert any("test" in key and "fused" in key for key in parent.data.metrics)
    assert final["selection_digest"]
    client = MlflowClient(f"sqlite:///{reported.parents[1] / 'mlflow.db'}")
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}


def test_second_test_is_refused(searched: Path, reported: Path) -> None:
    """The test can't be run twice, nor the selection changed after it; the first result stays byte for byte."""
    result = reported / "analysis" / FINAL_TEST_FILE
    before = result.read_bytes()
    for command in ("test", "analyze"):
        again = binwise_here(searched, command, "small")
        assert again.returncode == 2
        assert "Traceback" not in again.stderr
    assert result.read_bytes() == before
    lines = [json.loads(line) for line in (searched / "mlruns" / TEST_REGISTER_FILE).read_text().splitlines()]
    digest = json.loads(before)["selection_digest"]
    assert [(one["study"], one["selection"]) for one in lines] == [("small", digest)] * 2, "its begin and its end"


def test_predict_sorts_a_picture(searched: Path, reported: Path) -> None:
    """A picture with its name gives probabilities of image, text and fused that sum to one."""
    picture = next((searched / "data" / "Test" / "Blue").glob("*.jpg"))
    done = binwise_here(searched, "predict", "small", str(picture), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    probabilities = answer["probabilities"]
    assert {"image", "text", "fused"} <= set(probabilities)
    for system in probabilities.values():
        assert sum(system.values()) == pytest.approx(1, abs=1e-3)


def test_the_model_is_registered_after_the_test_alone(searched: Path, reported: Path) -> None:
    """Once, whatever is repeated; it says of which test and selection it is, and is the champion."""
    assert VERSIONS == {"analyze": 0, "test": 1, "report": 1}
    for _ in range(2):
        done = binwise_here(searched, "sync", "small")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Registered" not in done.stdout
    assert "nothing was lacking" in done.stdout
    [version] = model_versions(searched)
    champion = MlflowClient(store_of(searched)).get_model_version_by_alias("small", "champion")
    assert champion.version == version.version
    final = json.loads((reported / "analysis" / FINAL_TEST_FILE).read_text())
    assert version.tags["binwise.selection"] == version.tags["selection_digest"] == final["selection_digest"]


def asked(searched: Path) -> list[dict[str, str | None]]:
    """Samples of test to ask models of: some as they are, some of one modality alone."""
    pictures = sorted((searched / "data" / "Test").rglob("*.jpg"))[:6]
    pairs = [(str(one), one.stem.replace("_", " ")) for one in pictures]
    return [
        {"image": None if row == 4 else picture, "text": None if row == 5 else text}
        for row, (picture, text) in enumerate(pairs)
    ]


def told(searched: Path, models: str, samples: list[dict[str, str | None]]) -> list[dict[str, Any]]:
    """What `binwise predict` says of them."""
    found = []
    for one in samples:
        inputs = [f"--input={name}={value}" for name, value in one.items() if value is not None]
        found.append(json.loads(binwise_here(searched, "predict", models, *inputs, "--json").stdout))
    return found


def assert_alike(said: list[dict[str, Any]], expected: list[dict[str, Any]], within: float) -> None:
    """The same classes by the same models, with the same probabilities."""
    for one, other in zip(said, expected, strict=True):
        assert (one["predicted"], one["decided_by"]) == (other["predicted"], other["decided_by"])
        assert one["probabilities"] == pytest.approx(other["probabilities"][other["decided_by"]], abs=within)


def test_the_registered_model_says_what_predict_says(
    searched: Path, reported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the study and as its bundle: a picture by its path, as bytes or in base64; what can't be read is refused."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(searched))
    model = mlflow.pyfunc.load_model("models:/small@champion")
    samples = asked(searched)
    given = [dict(one) for one in samples]
    content = Path(str(samples[1]["image"])).read_bytes()
    given[1]["image"] = content  # type: ignore[assignment]
    given[2]["image"] = base64.b64encode(Path(str(samples[2]["image"])).read_bytes()).decode()
    said = model.predict(pd.DataFrame(given)).to_dict("records")
    assert_alike(said, told(searched, str(reported / "bundle"), samples), 1e-9)
    assert_alike(said, told(searched, "small", samples), 1e-5)
    assert model.predict(pd.DataFrame([{"text": "a yogurt bottle"}]))["decided_by"].item() == "text"
    for wrong in ({"image": "no such picture"}, {"text": " "}, {"image": b"text"}):
        with pytest.raises(MlflowException, match="must"):
            model.predict(pd.DataFrame([wrong]))


def as_read(text: str) -> dict[str, list[float]]:
    """The numbers that a text says, as a person reads them: shares and gains in points."""
    plain = re.sub(r"<[^>]+>", "", html.unescape(text)).replace("\u00a0", " ").replace("\\", "").replace("−", "-")
    found = {name: re.search(pattern, plain) for name, pattern in SAID.items()}
    groups = {name: one.groups() for name, one in found.items() if one is not None}
    return {name: [float(one.lstrip("±").replace(",", "")) for one in own] for name, own in groups.items()}


@dataclass(frozen=True)
class Truth:
    """What the study's records say, of what it ends with."""

    system: str
    selection: dict[str, Any]
    final: dict[str, Any]

    @classmethod
    def of(cls, study_folder: Path) -> Truth:
        """From `selection.json` and `final_test.json`."""
        names = ("selection.json", FINAL_TEST_FILE)
        selection, final = (json.loads((study_folder / "analysis" / name).read_text()) for name in names)
        return cls("ensemble" if selection.get("ensemble", {}).get("deployed") else "fused", selection, final)

    @property
    def alpha(self) -> float:
        """The text's weight in the fusion."""
        return float(self.selection["fusion"]["alpha"])

    @property
    def temperatures(self) -> dict[str, float]:
        """By row."""
        return {name: one["temperature"] for name, one in self.selection["val"].items() if "temperature" in one}

    @property
    def exact(self) -> dict[str, float]:
        """What is quoted of the test, by the names that MLflow has."""
        row, gain = self.final["test"][self.system], self.final["comparisons"]["single"]
        ends = {"test_accuracy": row["interval"], "test_gain": gain["interval"]}
        return {
            **{"test_accuracy": row["scores"]["accuracy"], "test_gain": gain["gain"]},
            **{f"{name}_{end}": value for name, interval in ends.items() for end, value in interval.items()},
            **{"test_samples": self.final["samples"], "test_openings": self.final["openings"]},
            "temperature": self.temperatures[self.system],
        }

    @property
    def rounded(self) -> dict[str, list[float]]:
        """The same as it is told to people, in percent and points."""
        one = {name: round(100 * value, 1) for name, value in self.exact.items()}
        samples, openings = self.final["samples"], self.final["openings"]
        return {
            "accuracy": [one["test_accuracy"], samples],
            "interval": [one["test_accuracy_low"], one["test_accuracy_high"]],
            "gain": [one["test_gain"], one["test_gain_low"], one["test_gain_high"]],
            "temperature": [round(self.exact["temperature"], 2)],
            "opened": [samples, openings],
        }


def test_every_number_is_the_same_wherever_people_read_it(searched: Path, reported: Path) -> None:
    """Accuracy, interval, gain, alpha, temperatures, openings, samples: both reports, MLflow's page, registry, card."""
    truth, store = Truth.of(reported), MlflowClient(store_of(searched))
    rounded, system = truth.rounded, truth.system
    texts = {name: as_read((reported / "analysis" / f"report.{name}").read_text()) for name in ("html", "md")}
    for name, said in texts.items():
        assert {key: said[key] for key in rounded} == rounded, name
        assert said["alpha"] == [pytest.approx(truth.alpha, abs=0.005)], name
    assert texts["html"] == texts["md"]
    note = as_read(parent_run(searched).data.tags["mlflow.note.content"])
    assert {key: note[key] for key in ("accuracy", "interval", "gain")}.items() <= rounded.items()
    version = store.get_model_version_by_alias("small", "champion")
    assert as_read(str(version.description)) == {"accuracy": rounded["accuracy"]}
    card = (reported / "bundle" / "MODEL_CARD.md").read_text().replace("\u00a0", " ")
    (accuracy, samples), (low, high) = rounded["accuracy"], rounded["interval"]
    assert as_read(card)["gain"] == rounded["gain"]
    assert as_read(card)["card_opened"] == [samples]
    assert f"| {system.capitalize()} | {accuracy:.1f} % | {low:.1f} to {high:.1f} % |" in card
    assert f"text {truth.alpha:.4f}" in card
    assert f"{system} {truth.temperatures[system]:.4f}" in card


def test_every_number_is_the_same_wherever_programs_read_it(searched: Path, reported: Path) -> None:
    """To the last digit: `report.json`, `results.csv`, MLflow's metrics, the registry's tags, the bundle."""
    truth, store = Truth.of(reported), MlflowClient(store_of(searched))
    exact, metrics = truth.exact, parent_run(searched).data.metrics
    assert {key: metrics[key] for key in exact} == exact
    assert metrics["alpha"] == truth.alpha
    tags = store.get_model_version_by_alias("small", "champion").tags
    assert {key: float(tags[key]) for key in exact} == exact
    data = json.loads((reported / "analysis" / "report.json").read_text())
    assert data["numbers"] == exact
    assert data["weights"]["text"] == truth.alpha
    assert data["chances"][truth.system]["temperature"] == truth.temperatures[truth.system]
    rows = {(one["row"], one["split"]): one for one in data["results"]}
    with (reported / "analysis" / "results.csv").open(newline="") as stream:
        table = {(one["row"], one["split"]): one for one in csv.DictReader(stream)}
    assert table.keys() == rows.keys() == {(row, split) for split in ("val", "test") for row in truth.final["test"]}
    for (row, split), one in rows.items():
        scored = (truth.final["test"] if split == "test" else truth.selection["val"])[row]
        own = {"accuracy": scored["scores"]["accuracy"], "samples": sum(map(sum, scored["scores"]["confusion"]))}
        own |= {f"accuracy_{end}": value for end, value in scored["interval"].items()}
        own |= {"temperature": truth.temperatures[row]} if row in truth.temperatures else {}
        assert {name: one[name] for name in own} == own, (row, split)
        assert {name: float(table[row, split][name]) for name in own} == own, (row, split)
    bundle = json.loads((reported / "bundle" / "bundle.json").read_text())
    assert bundle["temperatures"][truth.system] == truth.temperatures[truth.system]
    assert bundle["weights"]["text"] == (truth.alpha if truth.system == "fused" else bundle["weights"]["text"])


def test_mlflow_s_tables_are_of_the_same_numbers(
    searched: Path, reported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As MLflow loads them: the rows that are right make the accuracy; their chances are those that predict gives."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(searched))
    parent, client = parent_run(searched), MlflowClient(store_of(searched))
    names = ("test_predictions.json", "classes.json", "leaderboard.json")
    predictions, classes, trials = (client.load_table(parent.info.experiment_id, name) for name in names)
    final = json.loads((reported / "analysis" / FINAL_TEST_FILE).read_text())
    assert predictions["right"].mean() == parent.data.metrics["test_accuracy"]
    assert len(predictions) == classes["samples"].sum() == final["samples"]
    assert set(trials["trial_id"]) == {record.trial_id for record in trial_records(reported)}
    assert client.list_artifacts(parent.info.run_id)[0].path == "00_performance.png"
    shown = predictions.head(4).to_dict("records")
    samples = [{"image": str(searched / "data" / "Test" / one["image"]), "text": one["text"]} for one in shown]
    assert_alike(shown, told(searched, "small", samples), 1e-5)
    assert_alike(shown, told(searched, str(reported / "bundle"), samples), 1e-4)
    for name in names:
        path = client.download_artifacts(parent.info.run_id, name)
        assert str(searched) not in Path(path).read_text("utf-8")
    assert str(searched) not in parent.data.tags["mlflow.note.content"]


@pytest.mark.skipif("BINWISE_SERVE" not in os.environ, reason="starts MLflow's server of models: BINWISE_SERVE=1")
def test_mlflow_serves_the_model_as_it_is(searched: Path, reported: Path) -> None:
    """`mlflow models serve` on this machine answers what `binwise predict` does, and a mistake with a 400."""
    samples, port = asked(searched), free_port(25000)
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/small@champion", "--workers", "1"]
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # it calls uvicorn
    environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": store_of(searched)}
    server = subprocess.Popen([*command, *options], env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 90
        while not answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        sent = [
            one
            if one["image"] is None
            else {**one, "image": base64.b64encode(Path(one["image"]).read_bytes()).decode()}
            for one in samples
        ]
        status, said = posted(f"{address}/invocations", {"dataframe_records": sent})
        assert (status, posted(f"{address}/invocations", {"dataframe_records": [{"image": "nonsense"}]})[0]) == (
            200,
            400,
        )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    expected = told(searched, "small", samples)
    assert_alike(said["predictions"], expected, 1e-5)
    largest = max(
        abs(one["probabilities"][name] - share)
        for one, other in zip(said["predictions"], expected, strict=True)
        for name, share in other["probabilities"][other["decided_by"]].items()
    )
    print(f"largest difference between served and predicted probabilities: {largest:.2g}")


def answers(port: int) -> bool:
    """Whether something listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def posted(address: str, body: dict[str, Any]) -> tuple[int, Any]:
    """The status and the answer of a request."""
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310  # ours
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, None


def test_selected_trials_are_trained_again_bit_for_bit(searched: Path, reported: Path, tmp_path: Path) -> None:
    """Without Ray, from the record alone: the same logits and the same weights; other seeds give other ones."""
    done = binwise_here(searched, "reproduce", "small", "--refit", "1", "--into", str(tmp_path / "again"), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert json.loads((tmp_path / "again" / "reproduced.json").read_text()) == answer
    selection = json.loads((reported / "analysis" / "selection.json").read_text())
    chosen = {one["trial_id"]: one for one in selection["models"].values()}
    assert chosen.keys() <= {one["trial_id"] for one in answer["trials"]}
    for one in answer["trials"]:
        assert (one["sameness"]["same"], one["sameness"]["largest"]) == ("bit for bit", 0)
        assert len(one["refit"]["accuracies"]) == 1
    for name, model in chosen.items():
        place = Path(model["modality"], name, "best", "weights.safetensors")
        again, other = ((tmp_path / "again" / folder / place).read_bytes() for folder in ("", "seed_1"))
        assert again == (reported / place).read_bytes() != other


def test_what_can_not_be_trained_again_is_refused(searched: Path, reported: Path, tmp_path: Path) -> None:
    """A trial that wasn't selected, a place that isn't free, a picture that has changed: exit code 2, nothing left."""
    unknown = binwise_here(searched, "reproduce", "small", "--trial", "text_099")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    taken = binwise_here(searched, "reproduce", "small", "--into", str(tmp_path / "taken"))
    picture = next((searched / "data" / "Train" / "Blue").glob("*.jpg"))
    before = picture.read_bytes()
    picture.write_bytes(next((searched / "data" / "Train" / "Green").glob("*.jpg")).read_bytes())
    changed = binwise_here(searched, "reproduce", "small", "--into", str(tmp_path / "again"))
    picture.write_bytes(before)
    for done, said in ((unknown, "text_099"), (taken, "needs a free place"), (changed, "has changed since")):
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert said in done.stderr
    assert not (tmp_path / "again").exists()


def test_python_says_what_the_files_say(searched: Path, reported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials, epochs, selection and test from Python are those on the disk; the report that stands is shown."""
    monkeypatch.chdir(searched)
    study, records = Study.open("small"), trial_records(reported)
    assert (study.name, study.folder) == ("small", reported)
    trials = study.trials()
    assert set(trials["trial_id"]) == {record.trial_id for record in records}
    assert trials.to_csv(index=False).splitlines()[0] == (reported / "analysis/leaderboard.csv").read_text().split()[0]
    assert len(study.epochs()) == sum(len(record.epochs) for record in records)
    final = study.final_test
    assert final is not None
    assert final.selection_digest == selection_digest(study.selection)
    written = (reported / "analysis/report.html").stat().st_mtime_ns
    assert study.report().html == (reported / "analysis/report.html").read_text()
    assert (reported / "analysis/report.html").stat().st_mtime_ns == written
    with pytest.raises(UserError, match="once the test was opened"):
        study.analyze()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_documentations_notebooks_run(
    path: Path, searched: Path, reported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell, in order, with this study; what each ends with is shown. `make notebooks` runs them in Jupyter."""
    monkeypatch.chdir(searched)
    cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    shown = []
    for cell in cells:
        tree = ast.parse("".join(cell["source"]).replace('"demo"', '"small"'))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(path), "exec"), names)  # noqa: S102  # what the repository's own pages say
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), str(path), "eval"), names)  # noqa: S307
            shown.append(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))
    assert len(shown) >= 4
    assert all(shown)


def test_more_gpus_than_exist_are_refused_at_once(searched: Path) -> None:
    """A trial that fits no machine is one message, not a search that waits for ever."""
    done = binwise_here(
        searched, "search", "study.yaml", "--set", "name=greedy", "--set", "image.search.resources.gpus=64"
    )
    assert done.returncode == 2
    assert "image.search.resources.gpus is 64" in done.stderr
    assert not (searched / "mlruns" / "studies" / "greedy").exists()


def test_broken_picture_is_named_before_the_first_trial(searched: Path) -> None:
    """An unreadable picture ends the study before it begins, and no half-written study is left."""
    broken = next((searched / "data" / "Val" / "TTR").glob("*.jpg"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    done = binwise_here(searched, "search", "study.yaml", "--set", "name=broken", "--set", "modalities=[image]")
    broken.write_bytes(whole)
    assert done.returncode == 2
    assert broken.name in done.stderr
    assert "Traceback" not in done.stderr
    assert not (searched / "mlruns" / "studies" / "broken").exists()


def test_json_lines_stand_alone(searched: Path) -> None:
    """`run --json` with a worker that is killed: each event is a line, in order; Ray's and our words go elsewhere."""
    changes = (
        "name=lines",
        "linear_baseline=false",
        "modalities=[text]",
        "text.search.trials=1",
        "text.search.points=[]",
        "text.max_epochs=8",
        "tracking.registered_model=null",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "run", "study.yaml", "--json"]
        + [word for change in changes for word in ("--set", change)],
        cwd=searched,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        event = lines[-1]["event"]
        if event["kind"] == "epoch" and event["body"]["result"]["epoch"] == 1:
            os.kill(int(event["body"]["worker"].split()[-1]), signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    assert [line["event"]["seq"] for line in lines] == list(range(1, len(lines) + 1))
    ends = [line["event"]["body"]["reason"] for line in lines if line["event"]["kind"] == "attempt_ended"]
    assert ends == ["lost", "completed"]
    assert "A worker died" in said
    assert "Selected text_000" in said
    assert "Report:" in said
