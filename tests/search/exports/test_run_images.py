"""What a run store is to hold, computed from a ledger: no store."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from search_fakes import epoch, searching
from tracking_fakes import attempt, begin, create, end, finish, live, new_study, whole_trial

from search.exports.run_images import Projection
from search.exports.run_store import STUDY_KEY, RunStatus
from search.exports.study_files import study_files
from search.ledger.events import DataBound, EpochEnded, Noted, StudyCreated
from search.ledger.ledger import Ledger, read_ledger
from trainables.leaderboard import LEADERBOARD_FILE
from trainables.records import StopReason


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Of a new study, with a session that runs."""
    _, _, ledger = new_study(tmp_path, seed=7)
    begin(ledger)
    return ledger


def projected(ledger: Ledger, *, alive: bool = True) -> Projection:
    """From the disk."""
    return Projection(read_ledger(ledger._file._path)[0], alive=alive)


def test_a_trial_s_run(ledger: Ledger, tmp_path: Path) -> None:
    """All hyperparameters, every metric by epoch at the ledger's time, the best ones, how it ended, the data."""
    whole_trial(ledger, 4, (0.4, 0.8, 0.6), "completed", checkpoint="image/image_004/best", digests={"weights": "12"})
    image = projected(ledger).image("image_004")
    assert (image.name, image.status, image.ended) == (
        "image_004",
        RunStatus.FINISHED,
        int(ledger.state.last_at * 1000),
    )
    assert image.params == {
        "batch_size": "32", "head_learning_rate": "0.001", "head_widths": "(512, 256)", "weights": "None",
    }  # fmt: skip
    assert image.tags["binwise.searched"] == "head_learning_rate,batch_size,head_widths"
    told = [image.tags[key] for key in ("stop_reason", "epochs", "attempts", "worker", "checkpoint")]
    assert told == ["completed", "3", "1", "here 2", "image/image_004/best"]
    assert len(image.tags["binwise.checkpoint_digest"]) == len(image.tags["binwise.config_digest"]) == 64
    times = [int(at * 1000) for at in ledger.state.trials["image_004"].times]
    values = {key: [p.value for p in image.points if p.key == key] for key in {p.key for p in image.points}}
    assert [(p.timestamp, p.step) for p in image.points if p.key == "val_accuracy"] == list(
        zip(times, (1, 2, 3), strict=True)
    )
    assert (values["val_accuracy"], values["best_val_accuracy"]) == ([0.4, 0.8, 0.6], [0.4, 0.8, 0.8])
    assert (values["best_val_macro_f1"], values["best_epoch"]) == ([0.2, 0.4, 0.4], [1, 2, 2])
    assert "epoch" not in values
    assert "micro_batch_size" not in values  # 0: the batch fitted
    assert len(values) <= 20
    [train, val] = image.data
    assert (train.name, train.uri, train.samples) == (f"{tmp_path.name}/train", f"{tmp_path}/train", 10)
    assert train.columns == (("image", "binary"), ("text", "string"), ("label", "string"))
    assert (train.context, val.context, val.digest) == ("train", "val", "cd" * 8)


@pytest.mark.parametrize("reason", list(StopReason))
def test_each_end_has_its_status(ledger: Ledger, reason: StopReason) -> None:
    """Completed is finished; pruned and interrupted are stopped; what went wrong has failed."""
    trial_id = whole_trial(ledger, 0, (0.5,), reason.value, error="ValueError: no")
    image = projected(ledger).image(trial_id)
    stopped = (StopReason.PRUNED, StopReason.INTERRUPTED)
    assert image.status == ("finished" if reason == "completed" else "stopped" if reason in stopped else "failed")
    assert (image.tags["stop_reason"], image.tags["error"]) == (reason.value, "ValueError: no")


def test_only_what_runs_is_running(ledger: Ledger) -> None:
    """A trial is running from its creation to its end, and again when it goes on; without a session nothing is."""
    trial_id = create(ledger, 0)
    attempt(ledger, trial_id, (0.5,))
    assert (projected(ledger).image(trial_id).status, projected(ledger).image(STUDY_KEY).status) == ("running",) * 2
    killed = projected(ledger, alive=False)
    assert (killed.image(trial_id).status, killed.image(STUDY_KEY).status) == ("stopped", "stopped")
    assert killed.image(trial_id).tags["stop_reason"] == "interrupted"
    finish(ledger, trial_id, "interrupted", detail="Ctrl-C")
    end(ledger, "interrupted")
    assert projected(ledger).image(STUDY_KEY).status == "stopped"
    begin(ledger)
    assert projected(ledger).image(STUDY_KEY).status == "running"
    attempt(ledger, trial_id, (0.6,))
    again = projected(ledger).image(trial_id)
    assert (again.status, again.ended) == ("running", None)
    assert not {"stop_reason", "error"} & set(again.tags)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("finished", "finished"),
        ("target", "finished"),
        ("time_budget", "stopped"),
        ("interrupted", "stopped"),
        ("failing", "failed"),
        ("disk_full", "failed"),
        ("failed", "failed"),
    ],
)
def test_the_study_s_run(ledger: Ledger, outcome: str, status: str) -> None:
    """Found by its tags; at a session's end trials by state and the best val accuracy, once a session."""
    whole_trial(ledger, 0, (0.4, 0.8), "completed")
    waiting = create(ledger, 1)
    end(ledger, outcome)
    projection = projected(ledger)
    image = projection.image(STUDY_KEY)
    assert (image.name, image.status, projection.image(waiting).status) == ("demo", status, "stopped")
    assert (image.tags["binwise.kind"], image.tags["outcome"]) == ("study", outcome)
    assert (image.description, image.commit) == ("What it is for.", "c0ffee")
    assert image.tags["binwise.data_digest"].startswith("train abab")
    assert (image.params["seed"], image.params["image.method"]) == ("7", "tpe")
    assert {p.key: p.value for p in image.points} == {
        "trials_completed": 1.0, "trials_waiting": 1.0, "best_val_accuracy_image": 0.8,
    }  # fmt: skip
    assert {p.step for p in image.points} == {1}


def test_data_are_known_by_their_manifests(ledger: Ledger) -> None:
    """Where a study began with them; test is the study's own run's alone. One that is bound later keeps its digests."""
    trial_id = create(ledger, 0)
    before = projected(ledger).image(trial_id).data
    bound = {"samples": 3, "manifest": "ef" * 32}
    ledger.append(DataBound({"train": bound, "test": bound}))
    assert projected(ledger).image(trial_id).data == before
    *others, test = projected(ledger).image(STUDY_KEY).data
    assert tuple(others) == before
    assert (test.context, test.digest, test.samples, test.classes) == ("test", "ef" * 8, 3, 2)
    assert projected(ledger).image(STUDY_KEY).tags["binwise.data_digest"].endswith(", test efefefefefefefef")
    events = read_ledger(ledger._file._path)[0]
    assert isinstance(events[0].body, StudyCreated)
    data = {split: {**facts, "manifest": "12" * 32} for split, facts in events[0].body.data.items()}
    begun = Projection([replace(events[0], body=replace(events[0].body, data=data))])
    assert [one.digest for one in begun.image(STUDY_KEY).data] == ["12" * 8] * 2


def test_values_that_are_not_finite_are_left_out(ledger: Ledger) -> None:
    """Stores would make 1.8e308 of an infinite loss."""
    trial_id = create(ledger, 0)
    attempt(ledger, trial_id, ())
    result = replace(epoch(1, 0.5), val_loss=math.inf, train_loss=math.nan)
    ledger.append(EpochEnded(result), trial_id)
    keys = {point.key for point in projected(ledger).image(trial_id).points}
    assert not {"val_loss", "train_loss", "best_val_loss"} & keys
    assert "val_accuracy" in keys


def test_a_trial_s_page_begins_with_its_story(ledger: Ledger) -> None:
    """How it ended, what was searched, notes and the error's end; what others wrote stands in a code block."""
    trial_id = create(ledger, 0)
    attempt(ledger, trial_id, (0.5, 0.4))
    searched = (
        "Searched:\n\n    head_learning_rate  0.001\n    batch_size          32\n    head_widths         (512, 256)"
    )
    assert projected(ledger).image(trial_id).description == searched
    ledger.append(Noted("![a](http://b)"), trial_id)
    finish(ledger, trial_id, "failed", error="Traceback\n```\nValueError: no")
    assert projected(ledger).image(trial_id).description == (
        f"**Failed** after 2 epochs: best val accuracy 0.500 at epoch 1.\n\n{searched}\n\n"
        "Notes:\n\n    ![a](http://b)\n\nError:\n\n    Traceback\n    ```\n    ValueError: no"
    )
    assert next(iter(projected(ledger).image(trial_id).points)).key == "best_val_accuracy"


def test_the_files_of_a_study(tmp_path: Path) -> None:
    """Config without its password, space in words, and after a session the leaderboard, the best trial first."""
    _, _, ledger = new_study(tmp_path, tracking={"uri": "http://user:secret@host:5000"}, image=searching(trials=9))
    live(ledger, seed=1)
    assert LEADERBOARD_FILE not in study_files(ledger.state)
    end(ledger)
    files = {name: content.decode() for name, content in study_files(ledger.state).items()}
    assert "uri: http://host:5000" in files["study.yaml"]
    assert "secret" not in "".join(files.values())
    assert "image: 9 trials, tpe" in files["space.txt"]
    header, *rows = files[LEADERBOARD_FILE].splitlines()
    assert header.startswith("modality,trial_id,best_val_accuracy")
    best = [float(row.split(",")[2]) for row in rows if row.split(",")[2]]
    assert best == sorted(best, reverse=True)
    assert len(rows) == len(ledger.state.trials)


def test_images_depend_on_the_ledger_alone(ledger: Ledger) -> None:
    """Computed event by event or at once, they are the same, values and times too."""
    live(ledger, seed=3)
    end(ledger)
    events = read_ledger(ledger._file._path)[0]
    steps = Projection()
    for event in events:
        steps.apply(event)
    whole = Projection(events)
    assert [steps.image(key) for key in steps.keys] == [whole.image(key) for key in whole.keys]
