"""`binwise cache`, as it is typed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from search.cli.main import app
from search.study.folder import Layout
from search.study.lock import study_lock
from trainables.errors import UserError
from trainables.features.store import Recipe, cached_features


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches in the current directory's runs: one long unused, one unfinished, one of another kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    root = tmp_path / "mlruns" / "cache"
    meta = {"what": "/data/[Train]", "count": 13505, "size": 224, "fit": "pad"}
    for place, size in (("pictures/old", 3_000_000), ("pictures/new.building", 2_000_000), ("tokens/some", 500)):
        (root / place).mkdir(parents=True)
        (root / place / "content").write_bytes(b"\0" * size)
        (root / place / "meta.json").write_text(json.dumps(meta if "old" in place else {}))
    for path in [root / "pictures/old", *(root / "pictures/old").iterdir()]:
        os.utime(path, (1_000_000, 1_000_000))
    return root


def call(*arguments: str) -> Result:
    """Run `binwise cache`; its mistakes are raised."""
    return CliRunner().invoke(app, ["cache", *arguments], catch_exceptions=False)


def left(root: Path) -> list[str]:
    """The caches that are there."""
    return sorted(str(path.relative_to(root)) for path in root.glob("*/*"))


def test_the_list_shows_every_cache_and_the_total(root: Path) -> None:
    """What, how many, px, fit, size, whether complete; the last line has the sum."""
    lines = call("list").output.splitlines()
    old, new = (next(line for line in lines if word in line) for word in ("/data/[Train]", "new.building"))
    assert all(word in old for word in ("pictures", "13505", "224", "pad", "3.0 MB", "ago"))
    assert "unfinished" in new
    assert "unfinished" not in old
    assert lines[-1] == f"{root}: 3 caches, 5.0 MB"


def test_features_say_what_they_are_of(root: Path) -> None:
    """Also those whose making was killed; they are cleared as a kind."""

    def compute(rows: slice) -> NDArray[np.float32]:
        if rows.start:
            raise KeyboardInterrupt
        return np.zeros((rows.stop - rows.start, 2), dtype=np.float32)

    for count in (5, 500):
        recipe = Recipe(f"{count}", "weights", {"size": 96, "fit": "pad"}, "/data/[Train], tiny")
        with suppress(KeyboardInterrupt):
            cached_features(root, recipe, count, compute, lambda: None)
    killed, whole = (line for line in call("list").output.splitlines() if "/data/[Train], tiny" in line)
    assert all(word in killed for word in ("features", " 500 ", "96", "unfinished"))
    assert all(word in whole for word in ("features", " 5 ", "96", "pad"))
    call("clear", "--kind", "features", "--yes")
    assert left(root) == ["pictures/new.building", "pictures/old", "tokens/some"]


def test_the_list_as_json(root: Path) -> None:
    """The same for programs, in bytes."""
    found = json.loads(call("list", "--json").output)
    assert found["root"] == str(root)
    assert found["bytes"] == sum(cache["bytes"] for cache in found["caches"])
    old = next(cache for cache in found["caches"] if cache["path"].endswith("old"))
    assert (old["what"], old["count"], old["size"], old["complete"]) == ("/data/[Train]", 13505, 224, True)


def test_an_empty_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without caches it says so, as does clearing."""
    monkeypatch.chdir(tmp_path)
    assert call("list").output == f"{tmp_path}/mlruns/cache: 0 caches, 0 B\n"
    assert call("clear", "--yes").output == f"{tmp_path}/mlruns/cache: nothing to clear\n"


@pytest.mark.parametrize(
    ("options", "stay"),
    [
        ([], []),
        (["--unfinished"], ["pictures/old", "tokens/some"]),
        (["--unused-for", "30"], ["pictures/new.building", "tokens/some"]),
        (["--kind", "pictures"], ["tokens/some"]),
        (["--kind", "pictures", "--unfinished"], ["pictures/old", "tokens/some"]),
        (["--unfinished", "--unused-for", "30"], ["pictures/new.building", "pictures/old", "tokens/some"]),
    ],
)
def test_what_is_cleared(root: Path, options: list[str], stay: list[str]) -> None:
    """All of them, or those that were asked for; nothing is asked with --yes."""
    call("clear", "--yes", *options)
    assert left(root) == stay


def test_clearing_says_what_it_freed(root: Path) -> None:
    """How many and how much."""
    assert call("clear", "--kind", "tokens", "--yes").output == f"{root}: 1 cache cleared, 502 B freed\n"


def test_without_anybody_to_ask_nothing_is_cleared(root: Path) -> None:
    """In a script, --yes must be given."""
    with pytest.raises(UserError, match="--yes"):
        call("clear")
    assert len(left(root)) == 3


@pytest.mark.parametrize(("answer", "count"), [("y\n", 0), ("n\n", 3), ("\n", 3)])
def test_a_person_is_asked(root: Path, monkeypatch: pytest.MonkeyPatch, answer: str, count: int) -> None:
    """The caches are shown, and only a yes removes them."""
    monkeypatch.setattr("search.cli.cache._is_interactive", lambda: True)
    result = CliRunner().invoke(app, ["cache", "clear"], input=answer)
    assert "Remove 3 caches?" in result.output
    assert "/data/[Train]" in result.output
    assert len(left(root)) == count


def test_links_are_told_and_left_alone(root: Path, tmp_path: Path) -> None:
    """A link among the caches stays, and so does what it leads to."""
    (tmp_path / "precious").mkdir()
    (root / "pictures" / "link").symlink_to(tmp_path / "precious")
    result = call("clear", "--yes")
    assert f"Left alone, as it is a link: {root / 'pictures' / 'link'}" in result.output
    assert left(root) == ["pictures/link"]
    assert (tmp_path / "precious").is_dir()


def test_nothing_is_cleared_while_a_study_runs(root: Path) -> None:
    """A study that runs may use any of them: it is named, and every cache stays."""
    with study_lock(Layout(root.parent, "busy")), pytest.raises(UserError, match="busy is running"):
        call("clear", "--yes")
    assert len(left(root)) == 3
    assert call("clear", "--yes").exit_code == 0
    assert left(root) == []
