"""The allow-list of vulture holds no name without need."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from vulture import Vulture

REPOSITORY = Path(__file__).parents[2]
CONFIG = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["vulture"]
ALLOWED = "tests/house/vulture_allowed.py"


def test_each_allowed_name_would_be_told_without_the_list() -> None:
    """A name that is used again, or is gone, must leave the list: it would hide the next dead thing of that name."""
    vulture = Vulture(ignore_decorators=CONFIG["ignore_decorators"])
    vulture.scavenge([str(REPOSITORY / path) for path in CONFIG["paths"] if path != ALLOWED])
    told = {item.name for item in vulture.get_unused_code(min_confidence=CONFIG["min_confidence"])}
    tree = ast.parse((REPOSITORY / ALLOWED).read_text("utf-8"))
    allowed = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert allowed
    assert [name for name in allowed if name not in told] == []
    assert len(allowed) == len(set(allowed))
