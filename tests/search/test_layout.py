"""A study's folder: made whole or not at all, and found again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from search_fakes import study

from search.layout import Layout, check_name_is_free, create_study_folder, find_study
from trainables.records import UserError

DATA = {"classes": ["Blue"], "train": [{"id": "größe/瓶.jpg", "text": "broken \udc80"}]}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A study's places under a fresh root."""
    return Layout(tmp_path, "demo")


def test_everything_of_a_study_is_in_its_folder(tmp_path: Path) -> None:
    """Its own files lie in one folder, complete in itself; caches and MLflow's store are shared beside it."""
    layout = Layout.of(study(tmp_path))
    assert layout.folder == tmp_path / "runs" / "studies" / "demo"
    own = (layout.study_file, layout.data_file, layout.trials_file, layout.optuna_journal, layout.tracking_file)
    assert [path.parent for path in own] == [layout.folder] * len(own)
    assert len(set(own)) == len(own)
    assert layout.mlflow_database == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert layout.folder not in layout.cache.parents
    assert layout.folder not in layout.mlflow_artifacts.parents


def test_a_new_folder_holds_both_files(layout: Layout) -> None:
    """The config and the data's table are there, in any script, and nothing else is left beside the folder."""
    create_study_folder(layout, "name: größer\n", DATA)
    assert layout.study_file.read_text("utf-8") == "name: größer\n"
    assert json.loads(layout.data_file.read_text("utf-8")) == DATA
    assert [path.name for path in layout.folder.parent.iterdir()] == ["demo"]


def test_a_taken_name_is_refused_with_a_remedy(layout: Layout) -> None:
    """The study that is there stays as it was; the message says how to go on."""
    check_name_is_free(layout)
    create_study_folder(layout, "first", DATA)
    for attempt in (lambda: check_name_is_free(layout), lambda: create_study_folder(layout, "second", DATA)):
        with pytest.raises(UserError, match="'demo' is already there") as error:
            attempt()
        assert "--set name=" in str(error.value)
        assert str(layout.folder) in str(error.value)
    assert layout.study_file.read_text("utf-8") == "first"


def test_a_folder_that_cant_be_written_whole_isnt_there(layout: Layout) -> None:
    """A fault on the way leaves nothing, neither a study nor a part of one, and a second try works."""
    with pytest.raises(TypeError):
        create_study_folder(layout, "name: demo\n", {"classes": {1, 2}})
    assert list(layout.folder.parent.iterdir()) == []
    create_study_folder(layout, "name: demo\n", DATA)
    assert layout.folder.is_dir()


def test_of_two_that_start_at_once_one_is_refused(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process made the folder after we looked: ours is refused as if it had been there, its stays."""
    create_study_folder(layout, "theirs", DATA)
    looks = 0

    def looked(given: Layout) -> None:
        nonlocal looks
        looks += 1
        if looks > 1:
            check_name_is_free(given)

    monkeypatch.setattr("search.layout.check_name_is_free", looked)
    with pytest.raises(UserError, match="already there"):
        create_study_folder(layout, "ours", DATA)
    assert layout.study_file.read_text("utf-8") == "theirs"
    assert [path.name for path in layout.folder.parent.iterdir()] == ["demo"]


def test_a_study_is_found_by_name_and_by_folder(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way leads to the same absolute folder, a relative path too."""
    create_study_folder(layout, "name: demo\n", DATA)
    monkeypatch.chdir(layout.folder.parent)
    for given in ("demo", str(layout.folder), "./demo"):
        assert find_study(given, layout.runs) == layout.folder


def test_an_unknown_study_lists_those_that_exist(layout: Layout) -> None:
    """The names under the root, sorted; folders that are no study, finished or not, aren't among them."""
    with pytest.raises(UserError, match="There is none under"):
        find_study("demo", layout.runs)
    for name in ("zebra", "ape"):
        create_study_folder(Layout(layout.runs, name), f"name: {name}\n", DATA)
    (layout.folder.parent / "empty").mkdir()
    unfinished = layout.folder.parent / ".demo.123"
    unfinished.mkdir()
    (unfinished / "study.yaml").write_text("name: demo\n", "utf-8")
    with pytest.raises(UserError, match="got 'demo'") as error:
        find_study("demo", layout.runs)
    assert f"There are ape, zebra under {layout.folder.parent}" in str(error.value)
