"""A study's data are read whole before anything takes long, and what is to be said of its test split is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from picture_fakes import draw_pictures
from search_fakes import study

from search.preflight.data import read_data, read_test
from search.preflight.lineage import about_test, read_lineage
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.lineage import Lineage
from trainables.errors import UserError
from trainables.names import TRAIN


@pytest.fixture
def config(data: Path) -> StudyConfig:
    """A study with a test split."""
    draw_pictures(data / "test", {"Blue": 2, "Green": 1}, seed=2)
    return study(data, data={name: str(data / name) for name in ("train", "val", "test")})


def lineage(config: StudyConfig) -> Lineage:
    """As a search reads it."""
    splits = read_data(config)
    return read_lineage(config, splits, read_test(config, splits[TRAIN].classes), Layout.of(config))


def test_every_file_is_read(config: StudyConfig, data: Path) -> None:
    """A manifest of each split; what was read is remembered among the caches, and the study isn't begun."""
    found = lineage(config)
    assert {name: len(one.rows) for name, one in found.manifests.items()} == {"train": 4, "val": 2}
    assert found.test is not None
    assert found.sealed_test is not None
    assert about_test(found) == [f"Test: all of its 3 samples can be read; digest {found.sealed_test.digest[:12]}"]
    assert lineage(config) == found
    assert [path.name for path in Layout.of(config).runs.iterdir()] == ["cache"]


def test_without_a_test_split_there_is_nothing_to_say(config: StudyConfig, data: Path) -> None:
    """It may be named later."""
    without = study(data)
    assert read_test(without, ("Blue", "Green")) is None
    assert about_test(lineage(without)) == []


def test_a_broken_picture_of_test_is_found(config: StudyConfig, data: Path) -> None:
    """Before hours of search."""
    broken = next((data / "test/Blue").iterdir())
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(UserError, match="1 of 3 aren't") as error:
        lineage(config)
    assert str(broken) in str(error.value)


def test_what_train_has_of_test_is_said(config: StudyConfig, data: Path) -> None:
    """A picture by name; a test split that is val is refused."""
    shutil.copy(next((data / "test/Blue").iterdir()), data / "train/Blue/copy.jpg")
    _, warning = about_test(lineage(config))
    assert warning.startswith("Warning: 1 of 3 test samples are in train, too. Remove them from train")
    assert warning.splitlines()[1].startswith("  Blue/")
    same = study(data, data={"train": str(data / "train"), "val": str(data / "val"), "test": str(data / "val")})
    with pytest.raises(UserError, match="all 2 test samples are in val"):
        about_test(lineage(same))
