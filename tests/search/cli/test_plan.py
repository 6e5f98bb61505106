"""`binwise plan`: what is printed, and that all faults are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import forks_here
from search_fakes import searching, study
from study_fakes import MINIMAL
from typer.testing import CliRunner, Result

from search.cli.plan import as_dict, plan, plan_lines
from search.machines.shares import Share
from search.preflight.preflight import Preflight, read_data
from search.preflight.try_steps import Probe
from search.show.load import Load
from search.study.config import StudyConfig
from trainables.errors import UserError
from trainables.modality import Plan
from trainables.records import ProbeResult

QUIET = Load(2, 0.1)


def found_for(config: StudyConfig) -> Preflight:
    """What a preflight could have found."""
    probe = Probe("the section's own values", ProbeResult(2_000_000_000, 8_000_000_000, 0.1, 5, 0.01, None, 16))
    share, names = Share(1, 0.0, 2), config.modalities
    return Preflight(
        read_data(config),
        dict.fromkeys(names, 16_000_000),
        dict.fromkeys(names, ()),
        {name: [probe] for name in names},
        dict.fromkeys(names, share),
        {"image": Plan(19_000, ("Decoding",)), "text": Plan()},
        dict.fromkeys(names, 120.0),
        ("demo: 4 train", "image: 0.1 s a step", "Checkpoints: 1 MB"),
    )


def test_the_plan_as_a_person_reads_it(data: Path) -> None:
    """Counts of each class, trials, method, scheduler, the space in words, the network, tracking, and the time."""
    config = study(data, image=searching())
    lines = plan_lines(config, found_for(config), None, QUIET)
    text = "\n".join(lines)
    assert lines[:3] == ["demo: 4 train", "  train  Blue 2, Green 2", "  val    Blue 1, Green 1"]
    for words in (
        "image: 20 trials, tpe, asha from epoch 3 on, factor 3, at most 50 epochs each",
        "  head_learning_rate: 0.0001 to 0.01, log",
        "  largest network: 4.0 million parameters, 16 MB",
        "Checkpoints: 1 MB",
        f"MLflow: reachable, sqlite:///{data}/runs/mlflow.db",
    ):
        assert words in text
    test = plan_lines(config, found_for(config), read_data(config)["val"], QUIET)[3]
    assert test == "  test   2; the search begins with reading all of it, without its labels"
    assert lines[-1] == "Time: 3-6 min (image 1-3 min, text 1-3 min) by the steps that were tried"


def test_the_plan_for_programs(data: Path) -> None:
    """The same in bytes and seconds; it is JSON."""
    config = study(data, image=searching(), tracking={"uri": "http://me:secret@host"})
    planned = json.loads(json.dumps(as_dict(config, found_for(config))))
    assert planned["data"]["train"] == {"Blue": 2, "Green": 2}
    image = planned["modalities"]["image"]
    assert image["share"] == {"cpus": 1, "gpus": 0.0, "concurrency": 2}
    assert image["scheduler"] == {"name": "asha", "grace": 3, "factor": 3}
    assert image["probes"][0]["peak_bytes"] == 2_000_000_000
    assert image["checkpoint_bytes"] == 20 * 16_000_000 + 2 * 10 * 16_000_000
    assert (planned["seconds"], planned["picture_bytes"], planned["tracking"]) == (240.0, 19_000, "http://host")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray that isn't there, nor other processes."""

    @contextmanager
    def nothing(*given: object) -> Iterator[None]:
        yield

    monkeypatch.setattr("search.machines.ray_cluster.ray_cluster", nothing)
    monkeypatch.setattr("search.machines.ray_cluster.cluster_nodes", list)
    with forks_here():
        yield


def call(*options: str) -> Result:
    """Run the command on study.yaml; its mistakes are raised."""
    app = typer.Typer()
    app.command()(plan)
    return CliRunner().invoke(app, ["study.yaml", *options], catch_exceptions=False)


@pytest.mark.usefixtures("cluster")
def test_it_ends_with_what_to_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same overrides; as JSON there is nothing else."""
    monkeypatch.chdir(data)
    (data / "study.yaml").write_text(MINIMAL.replace("data/", ""))
    monkeypatch.setattr("search.preflight.preflight.preflight", lambda config, *rest, **more: found_for(config))
    before = sorted(data.rglob("*"))
    output = call("--set", "seed=3").output
    assert output.splitlines()[-1] == "Next: binwise run study.yaml --set seed=3"
    assert json.loads(call("--json").stdout)["study"] == "small"
    assert sorted(data.rglob("*")) == before


@pytest.mark.usefixtures("cluster")
def test_the_test_splits_fault_is_said_with_the_others(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message."""
    monkeypatch.chdir(data)
    (data / "study.yaml").write_text(MINIMAL.replace("data/", ""))

    def refuse(text: str) -> Any:
        def check(*given: Any, **more: Any) -> None:
            raise UserError(text)

        return check

    monkeypatch.setattr("search.preflight.preflight.preflight", refuse("no GPU"))
    monkeypatch.setattr("search.preflight.data.read_test", refuse("no test split"))
    with pytest.raises(UserError, match=r"^no test split\nno GPU$"):
        call()
