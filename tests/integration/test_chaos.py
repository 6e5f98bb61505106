"""A real study is disturbed at random, seeded moments and resumed; the record is the one of an undisturbed study.

Three rounds here, thirty in `make chaos`; what is done to a study and what must hold then is in chaos.py.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import check, disturbed
from chaos_study import MARK, TRIALS, MlflowServer, Round, marked, prepare, server_in, until
from disturbances import damage, state_files

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all rounds lie."""
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[MlflowServer]:
    """A real MLflow server."""
    with server_in(folder) as running:
        yield running


@pytest.fixture(scope="module")
def extended(folder: Path, server: MlflowServer) -> tuple[Round, str]:
    """A study of nine trials that nothing disturbs, extended to twelve; and what it said to being begun once more."""
    now = prepare(folder, "extended", server, 1)
    (folder / "extended.yaml").write_text((folder / "extended.yaml").read_text().replace("trials: 12", "trials: 9"))
    assert now.search().wait(timeout=300) == 0, now.tail()
    assert now.start("search", "extended.yaml").wait(timeout=60) == 2
    said = now.tail()
    assert now.start("search", "extended.yaml", "--more", "3").wait(timeout=300) == 0, now.tail()
    return now, said


@pytest.fixture(scope="module")
def calm(extended: tuple[Round, str]) -> Round:
    """The undisturbed study. That those of twelve trials from the beginning end alike shows that --more is exact."""
    return extended[0]


@pytest.mark.parametrize(("seed", "concurrency"), [(1, 1), (2, 2), (3, 1)])
def test_a_disturbed_study_ends_like_a_calm_one(
    folder: Path, server: MlflowServer, calm: Round, seed: int, concurrency: int
) -> None:
    """Twelve trials, each epoch once, the same decisions and winner, every MLflow run ended, no process left over."""
    now = prepare(folder, f"round{seed}", server, concurrency)
    story = disturbed(now, random.Random(seed), disturbances=2, seconds=6.0)
    assert story
    check(now, calm, same_order=concurrency == 1)


def kill_at(now: Round, trial: str, epoch: int) -> None:
    """Run the study until this epoch is on record, then SIGKILL."""
    driver = now.search()

    def reached() -> bool:
        state = now.state()
        assert driver.poll() is None, now.tail()
        return state is not None and trial in state.trials and len(state.trials[trial].epochs) >= epoch

    until(reached, 120, f"{trial} reaches epoch {epoch}")
    driver.send_signal(signal.SIGKILL)
    driver.wait()


def test_torn_files_are_put_right(folder: Path, server: MlflowServer, calm: Round) -> None:
    """Every state file emptied, halved or with a flipped bit, at three places: the study ends like the calm one."""
    now = prepare(folder, "torn", server, 1)
    trials = calm.state().trials.values()  # type: ignore[union-attr]
    longest = [trial.trial_id for trial in trials if len(trial.epochs) >= 4]
    for place, kind in ((0, "empty"), (len(longest) // 2, "half"), (len(longest) - 1, "flipped")):
        kill_at(now, longest[place], 3)
        torn = [now.study / "ledger.jsonl", *state_files(now, longest[place])]
        assert len(torn) >= 6
        for path in torn:
            damage(path, kind)
    assert now.search().wait(timeout=300) == 0, now.tail()
    check(now, calm, same_order=True)
    story = now.start("logs", now.name, longest[0])
    assert story.wait(timeout=60) == 0


def test_damage_beyond_repair_is_refused(folder: Path, server: MlflowServer, calm: Round) -> None:
    """Where both copies of the ledger are empty, nothing is begun anew: one message, exit code 2, files untouched."""
    copies = [calm.study / name for name in ("ledger.jsonl", "ledger.mirror.jsonl")]
    before = [path.read_bytes() for path in copies]
    for path in copies:
        path.write_bytes(b"")
    try:
        assert calm.search().wait(timeout=60) == 2
        assert "is empty" in calm.tail()
        assert [path.read_bytes() for path in copies] == [b"", b""]
    finally:
        for path, content in zip(copies, before, strict=True):
            path.write_bytes(content)


def test_a_finished_study_is_only_extended_on_request(extended: tuple[Round, str]) -> None:
    """Without --resume it says what there is; --more adds trials; a change of what was learned is refused."""
    now, said = extended
    assert "12 of 12 trials ended" in said  # three of them heads
    state = now.state()
    assert state is not None
    assert sum(not trial.is_head for trial in state.trials.values()) == TRIALS
    changed = now.start("search", "extended.yaml", "--resume", "--set", "text.max_epochs=5")
    assert changed.wait(timeout=60) == 2
    assert "text.max_epochs: 8 -> 5" in now.tail()


def test_a_second_driver_is_refused(folder: Path, server: MlflowServer, calm: Round) -> None:
    """While a study runs, whoever runs it is named; `binwise stop` ends it with its states saved."""
    now = prepare(folder, "held", server, 1)
    driver = now.search()
    until(lambda: bool(now.state() and now.state().sessions), 120, "the session begins")  # type: ignore[union-attr]
    second = now.start("search", "held.yaml", "--resume")
    assert second.wait(timeout=60) == 2
    assert f"process {driver.pid} on" in now.tail()
    assert now.start("stop", now.name).wait(timeout=90) == 0, now.tail()
    assert driver.wait(timeout=30) in (0, 130), now.tail()


def test_more_gpus_than_there_are_is_refused_at_once(folder: Path, server: MlflowServer) -> None:
    """One message that says what there is, and no study is left."""
    now = prepare(folder, "greedy", server, 1)
    code = now.start("search", "greedy.yaml", "--set", "text.search.resources.gpus=8").wait(timeout=60)
    assert code == 2
    assert "text.search.resources.gpus is 8" in now.tail()
    assert not now.study.exists()


def test_a_process_that_is_left_over_would_be_seen() -> None:
    """The harness finds what has a round's mark in its environment, as long as it lives."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={MARK: "left-over"})
    until(lambda: process.pid in marked(f"{MARK}=left-over"), 10, "it is found")
    process.kill()
    process.wait()
    assert marked(f"{MARK}=left-over") == []
