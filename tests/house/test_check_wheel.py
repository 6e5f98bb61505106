"""What a wheel must hold, told from its list of files; `make wheel` builds a real one."""

from __future__ import annotations

from pathlib import Path

from check_wheel import REPOSITORY, copied, faults_of, modules_of, wanted_files


def test_a_wheels_modules_are_told_by_its_files() -> None:
    """A package by its own name; what is no module isn't told."""
    names = ["search/__init__.py", "search/cli/main.py", "search/py.typed", "binwise-1.dist-info/METADATA"]
    assert modules_of(names) == ["search", "search.cli.main"]


def test_what_is_missing_and_what_has_no_place_is_told() -> None:
    """Data as well as modules; a wheel's own records have their place."""
    wanted = ["search/__init__.py", "search/py.typed"]
    assert faults_of([*wanted, "binwise-1.dist-info/METADATA"], wanted) == []
    said = faults_of(["search/__init__.py", "tests/test_a.py"], wanted)
    assert ["search/py.typed" in said[0], "tests/test_a.py" in said[1]] == [True, True]


def test_this_checkouts_modules_and_data_are_wanted() -> None:
    """The report's templates and the demo's table among them; tests and compiled modules not."""
    wanted = wanted_files(REPOSITORY)
    data = {f"{package}/py.typed" for package in ("search", "trainables", "analysis")}
    data |= {"trainables/data/demo/things.csv", "analysis/report/templates/report.css"}
    assert {"search/environment.py", *data} < {*wanted}
    assert not any(name.startswith("tests") or name.endswith(".pyc") for name in wanted)


def test_a_copy_has_the_packages_and_what_describes_them(tmp_path: Path) -> None:
    """The data with them, compiled modules and tests not."""
    source = copied(REPOSITORY, tmp_path / "source")
    assert {path.name for path in source.iterdir()} == {
        *("search", "trainables", "analysis"),
        *("pyproject.toml", "README.md", "LICENSE"),
    }
    assert wanted_files(source) == wanted_files(REPOSITORY)
    assert not [*source.rglob("*.pyc")]
