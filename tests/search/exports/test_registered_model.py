"""A tested study's model waits for a store in the study's folder, and is registered once."""

from __future__ import annotations

from pathlib import Path

from bundle_fakes import written_bundle
from mlflow import MlflowClient
from tracking_fakes import end, live, new_study

from search.exports.registered_model import MODEL_FILE, keep_model, read_model, register_model
from search.exports.sync import sync
from search.study.folder import Layout
from trainables.names import BUNDLE_FOLDER


def kept(layout: Layout) -> None:
    """What a test leaves."""
    written_bundle(layout.folder / BUNDLE_FOLDER, "ab")
    keep_model(layout.folder, "demo", {"test_accuracy": "0.875"}, "It gets 87.5 %.", {"text": "old"})


def test_it_waits_for_a_store(tmp_path: Path, database: str) -> None:
    """A server that is away costs nothing, and its password isn't told; the next sync registers it, once."""
    config, layout, ledger = new_study(tmp_path, tracking={"uri": "http://user:secret@127.0.0.1:9"})
    live(ledger, seed=1, trials=2)
    end(ledger)
    kept(layout)
    done = register_model(config, layout)
    assert not done.new
    assert done.reason
    assert "secret" not in done.reason
    assert sync(layout.folder, database).registered == ["demo"]
    again = sync(layout.folder, database)
    assert (again.registered, again.unchanged, again.agrees) == ([], True, True)
    client = MlflowClient(database)
    [version] = client.search_model_versions("name = 'demo'")
    assert version.tags["test_accuracy"] == "0.875"
    assert client.get_run(version.run_id).info.run_name == "demo"


def test_it_is_registered_at_once_where_the_store_is_there(tmp_path: Path, database: str) -> None:
    """Even before anything else of the study is; sync finds it there."""
    config, layout, ledger = new_study(tmp_path)
    live(ledger, seed=1, trials=2)
    end(ledger)
    assert not register_model(config, layout).new, "nothing was tested"
    kept(layout)
    assert register_model(config, layout).new
    assert not register_model(config, layout).new
    assert sync(layout.folder).registered == []
    assert len(MlflowClient(database).search_model_versions("name = 'demo'")) == 1


def test_a_study_that_wants_none_gets_none(tmp_path: Path, database: str) -> None:
    """Whatever was kept before its author said so."""
    _, layout, ledger = new_study(tmp_path, tracking={"registered_model": None})
    live(ledger, seed=1, trials=2)
    end(ledger)
    kept(layout)
    assert sync(layout.folder).registered == []
    assert MlflowClient(database).search_registered_models() == []


def test_what_is_damaged_is_not_registered(tmp_path: Path) -> None:
    """Half a file, or a bundle that isn't what was written."""
    _, layout, _ = new_study(tmp_path)
    assert read_model(layout.folder) is None
    kept(layout)
    model = read_model(layout.folder)
    assert model is not None
    assert (model.key, model.kinds) == ("ab", {"image": "pictures", "text": "captions"})
    bundle = layout.folder / BUNDLE_FOLDER / "bundle.json"
    bundle.write_text(bundle.read_text() + " ")
    assert read_model(layout.folder) is None
    (layout.folder / MODEL_FILE).write_text("{")
    assert read_model(layout.folder) is None
