"""A study's folder: made whole or not at all, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_fakes import study

from search.ledger.events import StudyCreated
from search.ledger.ledger import read_ledger
from search.study.folder import Layout, create_study_folder, find_study
from trainables.errors import UserError

DATA = b"the packed table"
CREATED = StudyCreated(study={"name": "demo"}, uid="u", data={}, versions={})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A study's places under a fresh root."""
    return Layout(tmp_path, "demo")


def test_everything_of_a_study_is_in_its_folder(tmp_path: Path) -> None:
    """Its own files lie in one folder, complete in itself; caches and MLflow's store are shared beside it."""
    layout = Layout.of(study(tmp_path))
    assert layout.folder == tmp_path / "runs" / "studies" / "demo"
    own = (layout.study_file, layout.data_file, layout.ledger_file, layout.stop_file, layout.trials_file)
    own += (layout.optuna_journal, layout.tracking_file)
    assert [path.parent for path in own] == [layout.folder] * len(own)
    assert len(set(own)) == len(own)
    assert layout.mlflow_database == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert layout.folder not in layout.caches.parents
    assert layout.folder not in layout.mlflow_artifacts.parents


def test_a_new_folder_is_whole(layout: Layout) -> None:
    """The config and the data's table, in any script, and the ledger are there; nothing is left beside the folder."""
    create_study_folder(layout, "name: größer\n", DATA, CREATED)
    assert layout.study_file.read_text("utf-8") == "name: größer\n"
    assert layout.data_file.read_bytes() == DATA
    events, state = read_ledger(layout.ledger_file)
    assert (len(events), state.name, state.uid) == (1, "demo", "u")
    assert [path.name for path in layout.folder.parent.iterdir()] == ["demo"]


def test_a_study_that_is_there_stays(layout: Layout) -> None:
    """A second one isn't made in its place, and nothing of it is left."""
    create_study_folder(layout, "first", DATA, CREATED)
    with pytest.raises(UserError, match="needs a free place"):
        create_study_folder(layout, "second", DATA, CREATED)
    assert layout.study_file.read_text("utf-8") == "first"
    assert [path.name for path in layout.folder.parent.iterdir()] == ["demo"]


def test_a_folder_that_cant_be_written_whole_isnt_there(layout: Layout) -> None:
    """A fault on the way leaves nothing, neither a study nor a part of one, and a second try works."""
    with pytest.raises(UnicodeEncodeError):
        create_study_folder(layout, "name: \udc80\n", DATA, CREATED)
    assert list(layout.folder.parent.iterdir()) == []
    create_study_folder(layout, "name: demo\n", DATA, CREATED)
    assert layout.folder.is_dir()


def test_a_study_is_found_by_name_and_by_folder(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way leads to the same absolute folder, a relative path too."""
    create_study_folder(layout, "name: demo\n", DATA, CREATED)
    monkeypatch.chdir(layout.folder.parent)
    for given in ("demo", str(layout.folder), "./demo"):
        assert find_study(given, layout.runs) == layout.folder


def test_a_study_without_its_config_is_found(layout: Layout) -> None:
    """By its record, so that it is said what is missing."""
    create_study_folder(layout, "name: demo\n", DATA, CREATED)
    layout.study_file.unlink()
    assert find_study("demo", layout.runs) == layout.folder


def test_an_unknown_study_lists_those_that_exist(layout: Layout) -> None:
    """The names under the root, sorted; folders that are no study, finished or not, aren't among them."""
    with pytest.raises(UserError, match="There is none under"):
        find_study("demo", layout.runs)
    for name in ("zebra", "ape"):
        create_study_folder(Layout(layout.runs, name), f"name: {name}\n", DATA, CREATED)
    (layout.folder.parent / "empty").mkdir()
    unfinished = layout.folder.parent / ".demo.123"
    unfinished.mkdir()
    (unfinished / "study.yaml").write_text("name: demo\n", "utf-8")
    with pytest.raises(UserError, match="got 'demo'") as error:
        find_study("demo", layout.runs)
    assert f"There are ape, zebra under {layout.folder.parent}" in str(error.value)
