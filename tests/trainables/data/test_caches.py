"""The folder of caches: listed and cleared, and nothing else touched."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from PIL import Image

from trainables.data.caches import CacheEntry, clear_caches, links_below, list_caches
from trainables.data.pictures.cache import decoded_pictures
from trainables.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A complete cache of two pictures, an unfinished one, a folder of another kind, a file, and what was used."""
    root = tmp_path / "mlruns" / "cache"
    paths = [tmp_path / "data" / f"{name}.png" for name in "ab"]
    paths[0].parent.mkdir()
    for path in paths:
        Image.new("RGB", (8, 8), (len(str(path)), 0, 0)).save(path)
    decoded_pictures(paths, size=16, fit="pad", pixel_limit=100, folder=root / "pictures")
    unfinished = root / "pictures" / "abc.building"
    (unfinished / "blocks").mkdir(parents=True)
    (unfinished / "pictures.npy").write_bytes(b"\0" * 700)
    (unfinished / "meta.json").write_text("broken")
    (root / "tokens" / "key").mkdir(parents=True)
    (root / "tokens" / "key" / "tokens.npy").write_bytes(b"\0" * 40)
    (root / "tokens" / "loose.npy").write_bytes(b"\0" * 30)
    return root


def test_every_cache_is_listed_with_what_it_is(root: Path, tmp_path: Path) -> None:
    """By kind, the largest first: what it was made of, its bytes, whether it is complete."""
    entries = list_caches(root)
    told = [(entry.kind, entry.what, entry.complete) for entry in entries]
    assert told == [
        ("pictures", str(tmp_path / "data"), True),
        ("pictures", "abc.building", False),
        ("tokens", "key", True),
        ("tokens", "loose.npy", True),
    ]
    pictures = entries[0]
    assert {key: pictures.about[key] for key in ("count", "size", "fit")} == {"count": 2, "size": 16, "fit": "pad"}
    assert pictures.bytes > 2 * 16 * 16 * 3
    assert [entry.bytes for entry in entries[2:]] == [40, 30]


def test_the_last_use_is_told(root: Path) -> None:
    """A trial that opens a cache makes it the last used one, long after it was made."""
    for path in [*root.rglob("*"), *root.iterdir()]:
        os.utime(path, (1000, 1000))
    assert {entry.used for entry in list_caches(root)} == {1000}
    (root / "pictures").joinpath(list_caches(root)[0].path.name, "meta.json").touch()
    assert [entry.used > 1000 for entry in list_caches(root)] == [True, False, False, False]


def test_no_folder_means_no_caches(tmp_path: Path) -> None:
    """Before the first study there is nothing, and that is no error."""
    assert list_caches(tmp_path / "cache") == []
    assert links_below(tmp_path / "cache") == []


def test_cleared_caches_are_gone_and_others_stay(root: Path) -> None:
    """What it freed is what they took; no remains under other names."""
    entries = list_caches(root)
    assert clear_caches(root, [entries[0], entries[3]]) == entries[0].bytes + 30
    assert [entry.what for entry in list_caches(root)] == ["abc.building", "key"]


def test_links_are_neither_followed_nor_removed(root: Path, tmp_path: Path) -> None:
    """A kind or a cache that is a link to elsewhere isn't listed; links within a cache lose the link alone."""
    elsewhere = tmp_path / "precious"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("years")
    (root / "linked").symlink_to(elsewhere)
    (root / "tokens" / "linked").symlink_to(elsewhere)
    (root / "tokens" / "key" / "inner").symlink_to(elsewhere)
    assert len(list_caches(root)) == 4
    assert links_below(root) == [root / "linked", root / "tokens" / "linked"]
    clear_caches(root, list_caches(root))
    assert (elsewhere / "thesis.txt").read_text() == "years"
    assert list_caches(root) == []


def test_nothing_outside_the_root_is_removed(root: Path, tmp_path: Path) -> None:
    """A link or a place elsewhere among the entries: all is refused, nothing is removed."""
    entries = list_caches(root)
    (root / "tokens" / "link").symlink_to(tmp_path)
    for odd in (tmp_path / "data", root / "tokens", root / "tokens" / "link", root / ".." / ".." / "data"):
        with pytest.raises(UserError, match="by hand"):
            clear_caches(root, [*entries, dataclasses.replace(entries[0], path=odd)])
    assert list_caches(root) == entries


def test_a_root_behind_a_link_is_the_root(root: Path, tmp_path: Path) -> None:
    """Who keeps all caches on another disk can list and clear them."""
    (tmp_path / "link").symlink_to(root)
    entries = list_caches(tmp_path / "link")
    assert len(entries) == 4
    clear_caches(tmp_path / "link", entries)
    assert list_caches(root) == []


def test_an_index_of_digests_has_a_name() -> None:
    """The files' digests are told in words."""
    assert CacheEntry("pictures", Path("/x/pictures/digests"), 1, True, 0.0).what == "what each file holds"
