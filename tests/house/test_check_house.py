"""The house's figures on trees made by hand; the limits are held by `make check`, not here."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import check_house
import pytest
from check_house import (
    Function,
    arrows_of,
    circle_of,
    figures_of,
    function_faults,
    functions_of,
    import_faults,
    lines_of,
    read_imports,
    read_sources,
    read_tests,
    room_of,
    rooms_of,
    size_faults,
    twin_faults,
    twin_of,
    without_twin,
)

IMPORTS = {
    "search": ["search.environment"],
    "search.environment": [],
    "search.cli": [],
    "search.cli.main": ["search.cli.options", "search.study.config", "trainables.names"],
    "search.cli.options": ["search.study.config"],
    "search.study": [],
    "search.study.config": ["search.environment"],
    "trainables": [],
    "trainables.names": [],
}
BRANCHES = '''
def chosen(values, floor):
    """Three ways out, a comprehension with a condition, and a boolean operator: six."""
    if floor and values:
        return [value for value in values if value > floor]
    elif values:
        return values
    return []


class Kept:
    def method(self):
        def within(one):
            return one

        return within
'''


def many(number: int) -> str:
    """A function of so many lines."""
    return "\n".join(["def long():", *["    pass"] * (number - 1)])


def test_a_room_is_the_first_name_below_the_package() -> None:
    """A folder, a module beside the folders, however deep; the package itself is in none."""
    names = ("search.exports.mlflow.store", "search.exports", "search.environment", "search")
    assert [room_of(name) for name in names] == ["exports", "exports", "environment", ""]
    assert rooms_of(IMPORTS, "search") == ["cli", "environment", "study"]


def test_an_arrow_is_counted_once_for_two_rooms() -> None:
    """However many imports it has; none within a room, none between packages, none from a package's `__init__`."""
    assert arrows_of(IMPORTS, "search") == [("cli", "study"), ("study", "environment")]
    assert arrows_of(IMPORTS, "trainables") == []
    back = IMPORTS | {"search.study.config": ["search.cli.main"]}
    assert arrows_of(back, "search") == [("cli", "study"), ("study", "cli")]


def test_a_circle_is_told_in_the_order_of_its_imports() -> None:
    """Each module imports the next; a tree has none."""
    assert circle_of(IMPORTS) == []
    found = circle_of({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []})
    assert found[0] == found[-1]
    assert {*pairwise(found)} == {("a", "b"), ("b", "c"), ("c", "a")}


def test_functions_are_measured_wherever_they_stand() -> None:
    """In a module, in a class, in another function; lines from `def` to the last, and the paths through it."""
    found = {one.name: one for one in functions_of("search/a.py", BRANCHES)}
    assert found["chosen"] == Function("search/a.py:2", "chosen", 7, 6)
    assert found["Kept.method"].lines == 5
    assert found["method.within"].lines == 2


def test_a_function_at_its_limits_holds_and_one_above_does_not() -> None:
    """Either limit by itself; the fault names place and figure."""
    at = Function("a.py:1", "f", check_house.FUNCTION_LINES, check_house.COMPLEXITY)
    assert list(function_faults(at)) == []
    above = Function("a.py:1", "f", check_house.FUNCTION_LINES + 1, check_house.COMPLEXITY + 1)
    said = list(function_faults(above))
    assert len(said) == 2
    assert all("f (a.py:1)" in one for one in said)


def test_a_twin_lies_at_the_same_place_below_tests() -> None:
    """Also beside the folders of a package."""
    assert twin_of("search/a/b.py") == "tests/search/a/test_b.py"
    assert twin_of("search/b.py") == "tests/search/test_b.py"


def test_only_modules_that_do_something_need_a_twin() -> None:
    """A docstring needs no test; a constant does."""
    sources = {"search/a/__init__.py": '"""Words."""\n', "search/a/b.py": "ONE = 1\n", "search/a/c.py": "TWO = 2\n"}
    assert without_twin(sources, ["tests/search/a/test_b.py"]) == ["search/a/c.py"]


@pytest.mark.parametrize(
    ("covered", "said"),
    [
        ({}, ["search/c.py has no tests/search/test_c.py"]),
        ({"search/c.py": "tests/search/test_b.py"}, []),
        ({"search/c.py": "tests/search/test_gone.py"}, ["tests/search/test_gone.py, named for search/c.py, doesn't"]),
        ({"search/c.py": "tests/search/test_b.py", "search/b.py": "tests/search/test_b.py"}, ["search/b.py has one"]),
        ({"search/c.py": "tests/search/test_b.py", "search/d.py": "tests/search/test_b.py"}, ["search/d.py is no"]),
    ],
)
def test_a_module_without_twin_is_named_with_a_test_that_exists(covered: dict[str, str], said: list[str]) -> None:
    """And the table names no other: it can't grow stale."""
    sources = {"search/b.py": "ONE = 1\n", "search/c.py": "TWO = 2\n"}
    faults = twin_faults(sources, ["tests/search/test_b.py"], covered)
    assert len(faults) == len(said)
    assert all(words in fault for words, fault in zip(said, faults, strict=True))


def test_arrows_and_circles_have_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the house is whole, above it isn't; only what runs makes a circle."""
    circle = {"search.a": ["search.a.b"], "search.a.b": ["search.a"]}
    monkeypatch.setattr(check_house, "ARROWS", {"search": 2})
    assert import_faults(IMPORTS, IMPORTS) == []
    assert import_faults(IMPORTS | circle, IMPORTS) == []
    assert ["circle" in fault for fault in import_faults(IMPORTS, circle)] == [True]
    monkeypatch.setattr(check_house, "ARROWS", {"search": 1})
    assert "at most 1 arrows between its rooms, but has 2" in import_faults(IMPORTS, IMPORTS)[0]


def test_sizes_have_their_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module and a function at theirs hold; one line more is a fault of each."""
    monkeypatch.setattr(check_house, "MODULE_LINES", check_house.FUNCTION_LINES)
    assert size_faults({"search/a.py": many(check_house.FUNCTION_LINES)}) == []
    said = size_faults({"search/a.py": many(check_house.FUNCTION_LINES + 1)})
    assert ["search/a.py has 46" in said[0], "long (search/a.py:1) has 46" in said[1]] == [True, True]


def test_the_figures_name_the_largest_of_each_kind() -> None:
    """Of two modules and their functions."""
    sources = {"search/a.py": many(9), "search/b.py": BRANCHES}
    text = "\n".join(figures_of(IMPORTS, sources, ["tests/search/test_a.py"]))
    assert "search: 3 rooms, 2 arrows" in text
    assert f"search/b.py, {lines_of(BRANCHES)} lines" in text
    assert "longest function: long (search/a.py:1), 9 lines" in text
    assert "most complex function: chosen (search/b.py:2), 6" in text
    assert "without a twin test: 1 of 2" in text


def test_imports_are_found_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the top, within a function, for types alone: on the disk, as the house itself is read."""
    files = {
        "handmade/__init__.py": "",
        "handmade/up/__init__.py": "",
        "handmade/up/top.py": "from handmade.low import bottom\n",
        "handmade/up/late.py": "def late():\n    import handmade.mid.one\n",
        "handmade/mid/__init__.py": "",
        "handmade/mid/one.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import handmade.low.bottom\n",
        "handmade/low/__init__.py": "",
        "handmade/low/bottom.py": "",
        "tests/handmade/up/test_top.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert arrows_of(read_imports(["handmade"]), "handmade") == [("mid", "low"), ("up", "low"), ("up", "mid")]
    assert arrows_of(read_imports(["handmade"], types=False), "handmade") == [("up", "low"), ("up", "mid")]
    lone = without_twin(read_sources(tmp_path, ["handmade"]), read_tests(tmp_path))
    assert lone == ["handmade/mid/one.py", "handmade/up/late.py"]
