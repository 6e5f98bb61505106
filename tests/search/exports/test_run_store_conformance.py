"""What every run store does: the laws that sync and the listener rely on, asked of each implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bundle_fakes import written_bundle
from memory_store import HeldRun, MemoryStore
from mlflow import MlflowClient
from tracking_fakes import begin, create, end, finish, live, new_study, whole_trial

from search.exports.mlflow.store import MlflowStore
from search.exports.outbox import Shipper
from search.exports.run_images import Projection
from search.exports.run_store import (
    DUPLICATE,
    KIND,
    ORPHAN,
    STUDY_KEY,
    TRIAL,
    UID,
    DataInput,
    MetricPoint,
    ModelImage,
    RefusedError,
    RemoteRun,
    RunImage,
    RunStatus,
    RunStore,
)
from search.ledger.ledger import read_ledger

DATA = DataInput("data/train", "ab" * 8, "train", "/data/train", (("image", "string"), ("label", "string")), 10, 2)


def image(key: str = "image_000", uid: str = "u1", **changes: object) -> RunImage:
    """A trial's run, or the study's, that runs."""
    kind = {KIND: "trial", TRIAL: key} if key else {KIND: "study"}
    made = RunImage(
        key=key,
        name=key or "demo",
        started=1_000,
        status=RunStatus.RUNNING,
        ended=None,
        params={"rate": "0.1"},
        tags={"modality": "image", **kind, UID: uid},
        description="What it is.",
        commit="c0ffee",
        points=(),
        data=(DATA,),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def point(step: int, value: float, key: str = "val_accuracy") -> MetricPoint:
    """A value at its step, a second a step."""
    return MetricPoint(key, value, 1_000 * step, step)


@dataclass(frozen=True)
class Case:
    """One implementation: opened anew as another process would, and a run that somebody has deleted in it."""

    open: Callable[[str], RunStore]
    delete: Callable[[str], None]


@pytest.fixture(params=["mlflow", "memory"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """Each implementation, empty."""
    if request.param == "memory":
        held: dict[str, HeldRun] = {}
        return Case(lambda uid: MemoryStore(uid, held), lambda run_id: held.pop(run_id) and None)
    uri = request.getfixturevalue("database")
    return Case(
        lambda uid: MlflowStore(uri, "binwise", tmp_path / "artifacts", uid),
        lambda run_id: MlflowClient(uri).delete_run(run_id),
    )


@pytest.fixture
def store(case: Case) -> RunStore:
    """A study's."""
    return case.open("u1")


def found(case: Case, key: str = "image_000") -> RemoteRun:
    """A run as another process finds it."""
    run = case.open("u1").find(key)
    assert run is not None
    return run


def test_an_empty_store_has_nothing(store: RunStore) -> None:
    """No run of a trial, none of the study; where it is and how it may be asked is known."""
    assert (store.find("image_000"), store.find(STUDY_KEY), store.find_all()) == (None, None, [])
    assert store.uri
    assert store.experiment_id
    assert store.readers >= 1


def test_a_run_is_found_by_its_key(case: Case, store: RunStore) -> None:
    """At once, by other processes too; it runs; another study's runs of the same key aren't its own."""
    study = store.create(image(STUDY_KEY), None)
    trial = store.create(image(), study.run_id)
    case.open("u2").create(image(uid="u2"), None)
    assert (found(case, STUDY_KEY).run_id, found(case).run_id) == (study.run_id, trial.run_id)
    assert (found(case).key, found(case).status, found(case).ended) == ("image_000", RunStatus.RUNNING, None)
    assert sorted(one.key for one in store.find_all()) == ["", "image_000"]
    assert len({one.run_id for one in [*store.find_all(), *case.open("u2").find_all()]}) == 3


def test_a_run_becomes_its_image(case: Case, store: RunStore) -> None:
    """Parameters, tags, status, end, metrics and data are there for others; a second time nothing is to be done."""
    run = store.create(image(), "parent")
    wanted = image(status=RunStatus.FINISHED, ended=9_000, params={"rate": "0.1", "size": "32"})
    points = [point(1, 0.5), point(2, 0.75)]
    assert store.update(run, wanted, points, "parent")
    for one in (run, found(case)):
        assert (one.status, one.ended, one.params) == (RunStatus.FINISHED, 9_000, wanted.params)
        assert wanted.tags.items() <= one.tags.items()
        assert one.metrics == {"val_accuracy": 0.75}
        assert one.data == {(DATA.name, DATA.digest)}
        assert not store.conflicts(one, wanted)
        assert sorted(store.history(one, ["val_accuracy"]), key=lambda p: p.step) == points
    assert not store.update(run, wanted, [], "parent")
    assert not case.open("u1").update(found(case), wanted, [], "parent")


def test_a_point_that_is_sent_twice_is_there_once(case: Case, store: RunStore) -> None:
    """Whoever isn't sure sends it again; other keys and other steps are other points."""
    run = store.create(image(), None)
    points = [point(1, 0.5), point(2, 0.5), point(1, 0.5, "val_loss")]
    store.log_points(run, points)
    store.log_points(run, points[:2])
    store.update(run, image(), points)
    keys = ["val_accuracy", "val_loss", "never"]
    assert sorted(store.history(found(case), keys), key=lambda p: (p.key, p.step)) == points


def test_what_a_run_no_longer_says_is_gone(case: Case, store: RunStore) -> None:
    """A trial that goes on has no error any more: it runs again, and may end otherwise."""
    run = store.create(image(), None)
    tags = {**image().tags, "error": "no room", "stop_reason": "failed"}
    failed = image(status=RunStatus.FAILED, ended=5_000, tags=tags)
    assert store.update(run, failed, [])
    assert found(case).tags["error"] == "no room"
    assert store.update(run, image(), [])
    again = found(case)
    assert again.status == RunStatus.RUNNING
    assert not store.update(again, image(), [])
    assert not {"error", "stop_reason"} & set(again.tags)
    assert again.tags["modality"] == "image"
    assert store.update(again, image(status=RunStatus.STOPPED, ended=7_000), [])
    assert (found(case).status, found(case).ended) == (RunStatus.STOPPED, 7_000)


@pytest.mark.parametrize("status", list(RunStatus))
def test_every_status_is_kept(case: Case, store: RunStore, status: RunStatus) -> None:
    """Each is read back as itself."""
    run = store.create(image(), None)
    ended = None if status == RunStatus.RUNNING else 4_000
    store.update(run, image(status=status, ended=ended), [])
    assert (found(case).status, found(case).ended) == (status, ended)


def test_parameters_that_differ_are_named(case: Case, store: RunStore) -> None:
    """They stay as they are, and the rest is sent."""
    run = store.create(image(), None)
    store.update(run, image(), [])
    other = image(params={"rate": "0.2", "size": "32"})
    assert store.conflicts(found(case), other) == ["rate"]
    assert store.update(found(case), other, [])
    assert found(case).params == {"rate": "0.1", "size": "32"}


def test_odd_and_long_texts_are_taken(case: Case, store: RunStore) -> None:
    """Whatever an error holds; what the store makes of it is no difference to its image later."""
    texts = ["x" * 20_000, "a\0b", "half a pair \ud800", "größe 瓶", "line\nline", "'quoted' \"twice\" `thrice`"]
    run = store.create(image(), None)
    params = {f"key_{place}": text for place, text in enumerate(texts)}
    for text in texts:
        wanted = image(params=params, tags={**image().tags, "error": text, "notes": text}, description=text)
        assert store.update(run, wanted, [])
        assert not store.update(found(case), wanted, [])
        assert store.conflicts(found(case), wanted) == []


def test_of_two_runs_one_is_the_trial_s(case: Case, store: RunStore) -> None:
    """Two processes may make one each: every process takes the same, and the other one is marked and ended, once."""
    runs = [store.create(image(), None) for _ in range(2)]
    store.log_points(runs[1], [point(1, 0.5)])
    kept = found(case)
    assert kept.run_id == runs[1].run_id  # the one that holds more
    [other] = [one for one in store.find_all() if one.run_id != kept.run_id]
    assert store.close_run(other, DUPLICATE, 8_000)
    closed = next(one for one in store.find_all() if one.run_id == other.run_id)
    assert (closed.tags[DUPLICATE], closed.status, closed.ended) == ("true", RunStatus.STOPPED, 8_000)
    assert not store.close_run(closed, DUPLICATE, 9_000)
    store.log_points(closed, [point(1, 0.5, key) for key in ("a", "b", "c")])
    assert found(case).run_id == kept.run_id


def test_a_run_of_no_trial_is_marked(case: Case, store: RunStore) -> None:
    """By its own mark, even where it has ended before."""
    run = store.create(image("image_009"), None)
    store.update(run, image("image_009", status=RunStatus.FINISHED, ended=3_000), [])
    assert store.close_run(found(case, "image_009"), ORPHAN, 4_000)
    assert found(case, "image_009").tags[ORPHAN] == "true"


def test_files_are_sent_where_they_differ(case: Case, store: RunStore) -> None:
    """A second time, by whichever process, nothing is; a changed one is."""
    run = store.create(image(STUDY_KEY), None)
    assert store.put_files(run, {"space.txt": b"rate", "study.yaml": b"name: demo"})
    assert not store.put_files(found(case, STUDY_KEY), {"space.txt": b"rate"})
    assert store.put_files(found(case, STUDY_KEY), {"space.txt": b"rate, size"})
    assert not store.put_files(found(case, STUDY_KEY), {"space.txt": b"rate, size", "study.yaml": b"name: demo"})


def test_tables_are_sent_where_they_differ(case: Case, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second time nothing is; a changed one replaces the old one, whose rows don't stay."""
    run = store.create(image(STUDY_KEY), None)
    tables = dict.fromkeys(("one.json", "two.json"), b'{"columns": ["sample"], "data": [["a"], ["b"]]}')
    assert store.put_tables(run, tables)
    assert not store.put_tables(found(case, STUDY_KEY), tables)
    changed = {**tables, "two.json": b'{"columns": ["sample"], "data": [["c"]]}'}
    assert store.put_tables(found(case, STUDY_KEY), changed)
    assert not store.put_tables(found(case, STUDY_KEY), changed)
    if isinstance(store, MlflowStore):  # MLflow reads them as its own
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # its search for tables asks the process' own store
        read = MlflowClient(store.uri).load_table(store.experiment_id, "two.json", run_ids=[run.run_id])
        assert read.to_dict("list") == {"sample": ["c"]}


def test_a_model_is_registered_once(case: Case, store: RunStore, tmp_path: Path) -> None:
    """By whichever process; another study's, or another choice of the same study's name, is another one."""
    run = store.create(image(STUDY_KEY), None)
    models = [
        ModelImage("demo", key, written_bundle(tmp_path / key, key), {"text": "captions"}, {}, "", {"text": "old"})
        for key in ("ab", "cd")
    ]
    assert store.put_model(run, models[0])
    assert not store.put_model(found(case, STUDY_KEY), models[0])
    assert store.put_model(found(case, STUDY_KEY), models[1])
    assert not any(store.put_model(run, one) for one in models)


def test_a_run_that_was_deleted_is_refused(case: Case, store: RunStore) -> None:
    """It is told apart from a store that doesn't work, whatever is asked; others are taken."""
    run, other = store.create(image(), None), store.create(image("image_001"), None)
    case.delete(run.run_id)
    with pytest.raises(RefusedError):
        store.update(run, image(), [point(1, 0.5)])
    with pytest.raises(RefusedError):
        store.log_points(run, [point(1, 0.5)])
    assert store.find("image_000") is None
    assert store.update(other, image("image_001"), [])


def test_a_whole_study_is_sent(case: Case, tmp_path: Path) -> None:
    """By the outbox, in two processes one after the other: every run is its image, and none is there twice."""
    _, layout, ledger = new_study(tmp_path)
    begin(ledger)
    for session in range(2):
        live(ledger, seed=session, trials=4)
        left = create(ledger, 900 + session)
        if session == 0:
            finish(ledger, left, "interrupted", detail="Ctrl-C")
        whole_trial(ledger, 800 + session, (0.4, 0.8), "completed")
        end(ledger, "interrupted")
        shipper = Shipper(layout, "memory:", ledger.state.uid, lambda: case.open(ledger.state.uid))
        shipper.ship()
        assert not shipper.pending
    projection, store = Projection(read_ledger(layout.ledger_file)[0]), case.open(ledger.state.uid)
    runs = {run.key: run for run in store.find_all()}
    assert len(runs) == len(store.find_all())
    assert sorted(runs) == sorted(projection.keys)
    for key, run in runs.items():
        wanted = projection.image(key)
        there = store.history(run, list({one.key for one in wanted.points}))
        assert set(there) == set(wanted.points), key
        assert len(there) == len(wanted.points), key
        assert not store.update(run, wanted, []), key
        assert not store.conflicts(run, wanted), key
