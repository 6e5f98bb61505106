"""Openings of one test by several studies are counted, whatever becomes of the studies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.register import Opening, other_openings, register, register_file
from trainables.errors import UserError

TEST, OTHER = "ab" * 32, "cd" * 32


def study(folder: Path, name: str) -> Path:
    """A study's folder beside others."""
    path = folder / "mlruns/studies" / name
    path.mkdir(parents=True)
    return path


def opened(folder: Path, selection: str, at: str, test: str = TEST) -> None:
    """The study opens a test."""
    register(folder, Opening(folder.name, test, selection, at))


def test_neighbours_that_opened_the_same_test_are_counted(tmp_path: Path) -> None:
    """Of other selections alone, of these data alone; one's own second try is no other opening."""
    one, other, third = (study(tmp_path, name) for name in ("one", "other", "third"))
    opened(one, "s1", "2026-01-01")
    opened(one, "s1", "2026-01-02")
    opened(other, "s2", "2026-01-03")
    opened(third, "s3", "2026-01-04", test=OTHER)
    assert other_openings(one, TEST, "s1") == {"other": 1}
    assert other_openings(other, TEST, "s2") == {"one": 2}
    assert other_openings(third, OTHER, "s3") == {}


def test_a_study_that_is_gone_or_begun_anew_has_opened_it_all_the_same(tmp_path: Path) -> None:
    """Removed, renamed and replaced studies stay on the register."""
    one = study(tmp_path, "one")
    opened(one, "s1", "2026-01-01")
    shutil.rmtree(one)
    again = study(tmp_path, "one")
    opened(again, "s2", "2026-01-02")
    renamed = again.rename(again.with_name("fresh"))
    assert other_openings(renamed, TEST, "s3") == {"one": 2}


def test_studies_of_an_earlier_version_count_by_their_own_record(tmp_path: Path) -> None:
    """They were on no register; a copy of one is the same opening, not a second one."""
    old, new = study(tmp_path, "old"), study(tmp_path, "new")
    for name in ("old", "copy"):
        record = {"selection_digest": "s1", "opened": ["2026-01-01"], "tests": [{"digest": TEST, "change": ""}]}
        (old.with_name(name) / "analysis").mkdir(parents=True)
        (old.with_name(name) / "analysis/test_opened.json").write_text(json.dumps(record))
    assert sum(other_openings(new, TEST, "s2").values()) == 1


def test_half_a_line_costs_no_other(tmp_path: Path) -> None:
    """What a crash or a stranger left is passed over, and the next line stands for itself."""
    one, other = study(tmp_path, "one"), study(tmp_path, "other")
    opened(one, "s1", "2026-01-01")
    path = register_file(one)
    assert path is not None
    with path.open("a") as stream:
        stream.write('{"study": "o')
    opened(one, "s2", "2026-01-02")
    assert other_openings(other, TEST, "s3") == {"one": 2}


def test_a_register_that_cant_be_written_is_said(tmp_path: Path) -> None:
    """Before any model sees the test data."""
    one = study(tmp_path, "one")
    path = register_file(one)
    assert path is not None
    path.mkdir()
    with pytest.raises(UserError, match="must be put on record"):
        opened(one, "s1", "2026-01-01")


def test_a_study_on_its_own_has_no_neighbours(tmp_path: Path) -> None:
    """Taken out of its folder it writes nothing beside itself, and counts nobody."""
    alone = tmp_path / "somewhere/alone"
    alone.mkdir(parents=True)
    opened(alone, "s1", "2026-01-01")
    assert register_file(alone) is None
    assert other_openings(alone, TEST, "s2") == {}
    assert [*(tmp_path / "somewhere").iterdir()] == [alone]
