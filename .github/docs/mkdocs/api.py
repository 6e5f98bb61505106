"""The API's pages: one a module, found by walking the packages, so that none is listed by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("search", "analysis", "trainables")  # from the top of the house down
PLACEHOLDER = "api"  # the nav's entry that becomes the tree
HEAD = """# API

Generated from the signatures and docstrings of the three packages; `search` may import `analysis` and `trainables`,
`analysis` may import `trainables`. [How it is built](../how_it_is_built.md) says what each room is for.
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the tree of modules into the navigation."""
    config.nav = _filled(config.nav, ["api/index.md", *(_branch(ROOT / name) for name in PACKAGES)])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each module and each package."""
    tables = "\n".join(f"## [{name}]({name}/index.md)\n\n{_table(ROOT / name, name)}" for name in PACKAGES)
    files.append(File.generated(config, "api/index.md", content=f"{HEAD}\n{tables}"))
    for name in PACKAGES:
        for path in _modules(ROOT / name):
            files.append(File.generated(config, _uri(path), content=_page(path)))
    return files


def _filled(nav: Any, tree: list[Any]) -> Any:
    """The navigation with the tree in the placeholder's place."""
    if isinstance(nav, list):
        return [_filled(one, tree) for one in nav]
    if isinstance(nav, dict):
        return {title: tree if entry == PLACEHOLDER else _filled(entry, tree) for title, entry in nav.items()}
    return nav


def _branch(package: Path) -> dict[str, Any]:
    """A package's entry of the navigation: its own page, its rooms, its modules."""
    rooms = [_branch(folder) for folder in _rooms(package)]
    modules = [{path.stem: _uri(path)} for path in _own_modules(package)]
    return {package.name: [_uri(package / "__init__.py"), *rooms, *modules]}


def _modules(package: Path) -> Iterator[Path]:
    yield package / "__init__.py"
    yield from _own_modules(package)
    for room in _rooms(package):
        yield from _modules(room)


def _own_modules(package: Path) -> list[Path]:
    return sorted(path for path in package.glob("*.py") if path.name != "__init__.py")


def _rooms(package: Path) -> list[Path]:
    return sorted(path.parent for path in package.glob("*/__init__.py"))


def _uri(path: Path) -> str:
    """The page of a module's file."""
    inner = path.relative_to(ROOT)
    return f"api/{inner.parent.as_posix()}/{'index' if path.name == '__init__.py' else path.stem}.md"


def _page(path: Path) -> str:
    """A module's members, or a package's table of contents."""
    inner = path.relative_to(ROOT).with_suffix("")
    dotted = ".".join(inner.parts).removesuffix(".__init__")
    if path.name == "__init__.py":
        return f"# {dotted}\n\n{_docstring(path)}\n\n{_table(path.parent)}"
    return f"# {dotted}\n\n::: {dotted}\n"


def _table(package: Path, prefix: str = "") -> str:
    """What is in a package: a line for each room and each module, with the first line of its docstring."""
    lines = ["| | |", "|---|---|"]
    for room in _rooms(package):
        link = Path(prefix, room.name, "index.md").as_posix()
        lines.append(f"| **[{room.name}/]({link})** | {_summary(room / '__init__.py')} |")
    for path in _own_modules(package):
        link = Path(prefix, f"{path.stem}.md").as_posix()
        lines.append(f"| [{path.stem}]({link}) | {_summary(path)} |")
    return "\n".join(lines) + "\n"


def _summary(path: Path) -> str:
    return _docstring(path).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
