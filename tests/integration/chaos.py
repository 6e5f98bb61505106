"""Disturbs a real study at random, seeded moments, resumes it to the end, and compares it with an undisturbed one.

`make chaos` runs 30 rounds; `python tests/integration/chaos.py --rounds 5 --seed 7` others.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaos_study import STARTUP, TRIALS, Round, prepare, server_in, undisturbed, until
from disturbances import DISTURBANCES, ENDS, HARMS
from mlflow import MlflowClient

from search.ledger.events import EpochEnded
from search.ledger.ledger import read_ledger
from search.ledger.state import StudyState
from trainables.names import HEAD, VAL_LOGITS_FILE, WEIGHTS_FILE
from trainables.records import EpochResult

Harm = Callable[[Round, "subprocess.Popen[bytes]", random.Random], set[int]]
EARLY = 0.2  # of the starts are cut short


def disturbed(
    now: Round, rng: random.Random, disturbances: int, seconds: float, harms: Sequence[Harm] = DISTURBANCES
) -> list[str]:
    """Run the study, disturbed so often, within so many seconds of its start or of the last time; what was done.

    One start in five is cut short before its session is on record.
    """
    story: list[str] = []
    driver, early = _started(now, rng)
    for _ in range(disturbances):
        harm = rng.choice([one for one in harms if one in ENDS or not early])
        if not _still_runs(driver, rng.uniform(0, seconds)):
            break
        expected = harm(now, driver, rng)
        began = time.monotonic()
        story.append(harm.__name__ + " early" * early)
        if not expected:
            continue
        code = driver.wait(timeout=120)
        story[-1] += f" ({time.monotonic() - began:.0f} s)"
        assert code in {*expected, 0, *_harmless(now, early=early)}, (story, code, now.tail())
        if code == 0:
            break
        driver, early = _started(now, rng)
    code = driver.wait(timeout=300)
    for _ in range(3):  # what was limited by the last disturbance is limited no more
        if code == 0:
            break
        story.append(f"exit {code}")
        code = now.search().wait(timeout=300)
    assert code == 0, (story, now.tail())
    return story


def _harmless(now: Round, *, early: bool) -> set[int]:
    """With what a driver may end besides: before the study's record is open, and after it is complete."""
    state = now.state()
    if state is not None and state.outcome == "finished":
        return {-signal.SIGTERM}  # Python itself is ending
    return {-signal.SIGABRT} if early else set()  # Ray crashes from a signal in the moment in which it has just started


def _started(now: Round, rng: random.Random) -> tuple[subprocess.Popen[bytes], bool]:
    """A driver and False once its session is on record, or it has ended; True: it has begun to start a second ago."""
    before = now.state()
    sessions = len(before.sessions) if before else 0
    driver = now.search()
    if rng.random() < EARLY:
        _still_runs(driver, 1)
        return driver, True

    def begun() -> bool:
        state = now.state()
        return driver.poll() is not None or (state is not None and len(state.sessions) > sessions)

    until(begun, 120, "the driver begins")
    return driver, False


def _still_runs(driver: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the driver runs after so many seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        driver.wait(timeout=seconds)
    return driver.returncode is None


# What must hold afterwards


def facts(state: StudyState) -> dict[str, Any]:
    """Everything about a study's trials that doesn't depend on the time: hyperparameters, end, epochs."""
    return {
        trial.trial_id: (trial.params, trial.stop_reason, [untimed(epoch) for epoch in trial.epochs])
        for trial in state.trials.values()
    }


def head_files(state: StudyState) -> dict[str, list[str]]:
    """Digests of what each head says: its weights and its val logits."""
    heads = [trial for trial in state.trials.values() if HEAD in trial.params]
    assert heads
    return {trial.trial_id: [trial.digests[name] for name in (WEIGHTS_FILE, VAL_LOGITS_FILE)] for trial in heads}


def untimed(epoch: EpochResult) -> dict[str, Any]:
    """An epoch without what was measured by the clock or of the machine."""
    timed = ("epoch_seconds", "samples_per_second", "latency", "utilization", "memory")
    return {key: value for key, value in epoch.as_metrics().items() if not any(word in key for word in timed)}


def check_learnt(now: StudyState, calm: StudyState) -> None:
    """Two at once: results come in any order, and proposals and stops follow it. But each trial learns the same."""
    alike = [key for key, trial in now.trials.items() if trial.params == calm.trials[key].params]
    assert {f"text_{number:03d}" for number in range(STARTUP)} <= set(alike)  # proposed without a look at the others
    for key in alike:
        pairs = zip(now.trials[key].epochs, calm.trials[key].epochs, strict=False)  # one may have been pruned earlier
        assert all(untimed(ours) == untimed(theirs) for ours, theirs in pairs), key


def decisions(folder: Path) -> list[tuple[str | None, int, bool]]:
    """What the scheduler decided, in order."""
    events, _ = read_ledger(folder / "ledger.jsonl")
    return [(e.trial_id, e.body.result.epoch, e.body.stop) for e in events if isinstance(e.body, EpochEnded)]


def check(now: Round, calm: Round, *, same_order: bool) -> None:
    """The record is the one that an undisturbed study leaves; so is MLflow's; nothing is left running."""
    state, expected = now.state(), calm.state()
    assert state is not None
    assert expected is not None
    assert set(state.trials) == set(expected.trials)
    assert sum(HEAD not in trial.params for trial in state.trials.values()) == TRIALS
    assert all(trial.over for trial in state.trials.values()), state.counts()
    assert state.outcome == "finished"
    assert head_files(state) == head_files(expected)
    if same_order:
        assert facts(state) == facts(expected)
        assert decisions(now.study) == decisions(calm.study)
    else:
        check_learnt(state, expected)
    until(lambda: not now.processes(), 60, f"no process is left over, but {now.processes()} are")
    done = now.start("sync", now.name).wait(timeout=120)
    assert done == 0, now.tail()
    check_mlflow(now, state)


def check_mlflow(now: Round, state: StudyState) -> None:
    """One parent, a child a trial, each epoch once with its value, nothing RUNNING."""
    client = MlflowClient(now.server.database)
    experiment = client.get_experiment_by_name(now.name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    children = {run.data.tags["binwise.trial"]: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert len(runs) == len(state.trials) + 1
    assert set(children) == set(state.trials)
    for trial in state.trials.values():
        run = children[trial.trial_id]
        assert trial.stop_reason is not None
        assert run.data.tags["stop_reason"] == trial.stop_reason.value
        history = client.get_metric_history(run.info.run_id, "val_accuracy")
        assert sorted((m.step, m.value) for m in history) == [(e.epoch, e.val_accuracy) for e in trial.epochs]


def rounds(folder: Path, first: int, count: int, disturbances: int, harms: Sequence[Harm]) -> None:
    """Run rounds until all are done or one fails, and say what was done in each."""
    with server_in(folder) as server:
        calm = {concurrency: undisturbed(folder, server, concurrency) for concurrency in (1, 2)}
        for number in range(first, first + count):
            concurrency = 2 if number % 3 == 2 else 1
            now = prepare(folder, f"round{number}", server, concurrency)
            began = time.monotonic()
            story = disturbed(now, random.Random(number), disturbances, 8.0, harms)
            print(f"round {number}, {concurrency} at once: {', '.join(story)}: ", end="", flush=True)
            check(now, calm[concurrency], same_order=concurrency == 1)
            print(f"{time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    """The command line. Where a round fails, all of it is left to be looked at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disturbances", type=int, default=5)
    parser.add_argument("--only", choices=HARMS, action="append", help="this harm alone; may be given again")
    arguments = parser.parse_args()
    harms = [HARMS[name] for name in arguments.only or HARMS]
    folder = Path(tempfile.mkdtemp(prefix="binwise-chaos-"))
    try:
        rounds(folder, arguments.seed, arguments.rounds, arguments.disturbances, harms)
    except BaseException:
        print(f"\nThe studies, their logs and MLflow's database lie in {folder}", flush=True)
        raise
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
