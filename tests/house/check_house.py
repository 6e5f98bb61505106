"""The house's limits, held by `make check`: rooms and their arrows, circles, sizes, complexity, twin tests.

A room is a direct sub-package or a top-level module of a package. An arrow is a pair of rooms of one package of which
the first imports the second, be it within a function or for types alone. What is imported for types alone makes no
circle: nothing runs. Every module has its twin test
(`search/a/b.py` -> `tests/search/a/test_b.py`) or is named in `covered_elsewhere.py`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
from covered_elsewhere import COVERED
from radon.complexity import add_inner_blocks, cc_visit
from radon.visitors import Function as Measured

REPOSITORY = Path(__file__).parents[2]
TABLE = "tests/house/covered_elsewhere.py"
PACKAGES = ("search", "trainables", "analysis")
ARROWS = {"search": 45}  # by package: at most
MODULE_LINES = 350
FUNCTION_LINES = 45  # from `def` to the last line, the docstring counted
COMPLEXITY = 15  # branches, loops, comprehensions, boolean operators, each counted once, and 1

Imports = Mapping[str, Iterable[str]]  # module -> the modules of ours that it imports
Sources = Mapping[str, str]  # path from the repository's root -> the module's text


@dataclass(frozen=True)
class Function:
    """A function or method with its size in lines and its cyclomatic complexity."""

    place: str  # path:line
    name: str
    lines: int
    complexity: int


# Rooms


def room_of(module: str) -> str:
    """`search.exports.sync` -> `exports`; a package itself has no room: an empty string."""
    return [*module.split("."), ""][1]


def rooms_of(imports: Imports, package: str) -> list[str]:
    """A package's rooms, sorted."""
    return sorted({room_of(module) for module in imports if module.startswith(f"{package}.")})


def arrows_of(imports: Imports, package: str) -> list[tuple[str, str]]:
    """Every pair (importing room, imported room) of two rooms of the package, sorted."""
    pairs = {
        (room_of(module), room_of(imported))
        for module, others in imports.items()
        for imported in others
        if {module.split(".")[0], imported.split(".")[0]} == {package}
    }
    return sorted((one, other) for one, other in pairs if one != other and one and other)


def circle_of(imports: Imports) -> list[str]:
    """One circle of modules, each imported by the one before it, the first again at the end; empty where none is."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return [str(module) for module in reversed(error.args[1])]
    return []


# Sizes


def lines_of(source: str) -> int:
    """A module's lines."""
    return len(source.splitlines())


def functions_of(path: str, source: str) -> Iterator[Function]:
    """All functions and methods of a module, those within functions too."""
    for block in add_inner_blocks(cc_visit(source)):
        if isinstance(block, Measured):
            lines = block.endline - block.lineno + 1
            yield Function(f"{path}:{block.lineno}", block.fullname, lines, block.complexity)


# Twins


def twin_of(path: str) -> str:
    """`search/a/b.py` -> `tests/search/a/test_b.py`."""
    folder, _, name = path.rpartition("/")
    return f"tests/{folder}/test_{name}"


def says_nothing(source: str) -> bool:
    """Whether a module has a docstring alone: nothing to be tested."""
    return all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in ast.parse(source).body)


def without_twin(sources: Sources, tests: Iterable[str]) -> list[str]:
    """The paths of the modules that do something and have no twin test."""
    known = set(tests)
    return sorted(path for path, text in sources.items() if twin_of(path) not in known and not says_nothing(text))


def twin_faults(sources: Sources, tests: Iterable[str], covered: Mapping[str, str]) -> list[str]:
    """What is wrong between modules, tests and the table of those that are covered elsewhere."""
    known = set(tests)
    lone = without_twin(sources, known)
    missing = [
        f"A module must have its twin test, but {path} has no {twin_of(path)}: write it, or name in {TABLE} what "
        "covers it."
        for path in lone
        if path not in covered
    ]
    lost = [
        f"A test named in {TABLE} must exist, but {test}, named for {path}, doesn't: name another."
        for path, test in covered.items()
        if test not in known
    ]
    needless = [
        f"{TABLE} must name modules without a twin test alone, but {path} "
        f"{'has one, or nothing in it' if path in sources else 'is no module'}: take its line out."
        for path in covered
        if path not in lone
    ]
    return missing + lost + needless


# What passes a limit: the rule, what is there, what to do


def import_faults(imports: Imports, run: Imports) -> list[str]:
    """Too many arrows, or a circle. `run`: the imports without those for types alone."""
    faults = [
        f"{package} must have at most {limit} arrows between its rooms, but has {len(arrows)}: take one out."
        for package, limit in ARROWS.items()
        if len(arrows := arrows_of(imports, package)) > limit
    ]
    if circle := circle_of(run):
        faults.append(f"No module may import itself by way of others, but this is a circle: {' -> '.join(circle)}.")
    return faults


def size_faults(sources: Sources) -> list[str]:
    """Modules and functions that are too long, functions that are too complex."""
    faults = [
        f"A module must have at most {MODULE_LINES} lines, but {path} has {lines_of(text)}: divide it."
        for path, text in sources.items()
        if lines_of(text) > MODULE_LINES
    ]
    for function in all_functions(sources):
        faults += function_faults(function)
    return faults


def all_functions(sources: Sources) -> list[Function]:
    """The functions of all modules."""
    return [function for path, text in sources.items() for function in functions_of(path, text)]


def function_faults(function: Function) -> Iterator[str]:
    """Where a function is too long or too complex."""
    said = f"but {function.name} ({function.place}) has"
    if function.lines > FUNCTION_LINES:
        yield f"A function must have at most {FUNCTION_LINES} lines, {said} {function.lines}: divide it."
    if function.complexity > COMPLEXITY:
        yield f"A function's complexity must be at most {COMPLEXITY}, {said} {function.complexity}: divide it."


def figures_of(imports: Imports, sources: Sources, tests: Iterable[str]) -> list[str]:
    """A line for each figure, its limit beside it."""
    functions = all_functions(sources)
    largest = max(sources, key=lambda path: lines_of(sources[path]))
    longest = max(functions, key=lambda one: one.lines)
    hardest = max(functions, key=lambda one: one.complexity)
    return [
        *(_rooms_line(imports, package) for package in PACKAGES),
        f"largest module: {largest}, {lines_of(sources[largest])} lines (at most {MODULE_LINES})",
        f"longest function: {longest.name} ({longest.place}), {longest.lines} lines (at most {FUNCTION_LINES})",
        f"most complex function: {hardest.name} ({hardest.place}), {hardest.complexity} (at most {COMPLEXITY})",
        f"modules without a twin test: {len(without_twin(sources, tests))} of {len(sources)}, covered elsewhere",
    ]


def _rooms_line(imports: Imports, package: str) -> str:
    limit = f" (at most {ARROWS[package]})" if package in ARROWS else ""
    rooms, arrows = rooms_of(imports, package), arrows_of(imports, package)
    return f"{package}: {len(rooms)} rooms, {len(arrows)} arrows between them{limit}"


# What lies on the disk


def read_imports(packages: Sequence[str], *, types: bool = True) -> dict[str, list[str]]:
    """Who imports whom among the modules of these packages, which must be importable; `types`: also for types alone."""
    graph = grimp.build_graph(packages[0], *packages[1:], cache_dir=None, exclude_type_checking_imports=not types)
    return {module: sorted(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}


def read_sources(root: Path, packages: Iterable[str]) -> dict[str, str]:
    """The text of every module of these packages, by its path from `root`."""
    paths = sorted(path for package in packages for path in (root / package).rglob("*.py"))
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in paths}


def read_tests(root: Path) -> list[str]:
    """The paths of all test files from `root`."""
    return sorted(path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py"))


def main() -> int:
    """Print the figures, then what must be mended; 1 where there is any of that."""
    imports, sources = read_imports(PACKAGES), read_sources(REPOSITORY, PACKAGES)
    tests = read_tests(REPOSITORY)
    print("\n".join(figures_of(imports, sources, tests)))
    faults = import_faults(imports, read_imports(PACKAGES, types=False))
    faults += size_faults(sources) + twin_faults(sources, tests, COVERED)
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
