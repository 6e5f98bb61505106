"""Features are computed once, block by block, and a build that was killed goes on with the same bytes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.data.caches import clear_caches, list_caches
from trainables.errors import UserError
from trainables.features import store
from trainables.features.store import BLOCK, Recipe, cached_features

COUNT = 2 * BLOCK + 7
RECIPE = Recipe("content", "weights", {"network": "tiny", "size": 32}, "263 pictures, tiny")


class Network:
    """Features that tell their row, and how often which rows were asked for."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[slice] = []
        self.fails_at = fails_at

    def __call__(self, rows: slice) -> NDArray[np.float32]:
        """Each row's number, three times."""
        if rows.start == self.fails_at:
            raise KeyboardInterrupt
        self.asked.append(rows)
        return np.repeat(np.arange(rows.start, rows.stop, dtype=np.float32)[:, None], 3, axis=1)


def nothing() -> None:
    """Between two blocks."""


def test_they_are_computed_once(tmp_path: Path) -> None:
    """A second time they are mapped."""
    network = Network()
    found = cached_features(tmp_path, RECIPE, COUNT, network, nothing)
    again = cached_features(tmp_path, RECIPE, COUNT, Network(fails_at=0), nothing)
    assert [(rows.start, rows.stop) for rows in network.asked] == [(0, BLOCK), (BLOCK, 2 * BLOCK), (2 * BLOCK, COUNT)]
    assert isinstance(again, np.memmap)
    assert np.array_equal(found, again)
    assert np.array_equal(again[:, 2], np.arange(COUNT))


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path) -> None:
    """With the bytes that an undisturbed one has."""
    with pytest.raises(KeyboardInterrupt):
        cached_features(tmp_path / "killed", RECIPE, COUNT, Network(fails_at=BLOCK), nothing)
    network = Network()
    cached_features(tmp_path / "killed", RECIPE, COUNT, network, nothing)
    cached_features(tmp_path / "whole", RECIPE, COUNT, Network(), nothing)
    killed, whole = (next((tmp_path / name).rglob("features.npy")).read_bytes() for name in ("killed", "whole"))
    assert killed == whole
    assert [rows.start for rows in network.asked] == [BLOCK, 2 * BLOCK]


def test_two_that_want_the_same_compute_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits, and may be stopped while it does."""
    monkeypatch.setattr(store, "POLL", 0.01)
    networks, waited = [Network(), Network()], [0, 0]

    def build(place: int) -> None:
        def between() -> None:
            waited[place] += 1

        cached_features(tmp_path, RECIPE, COUNT, networks[place], between)

    threads = [Thread(target=build, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(network.asked) for network in networks) == [0, 3]


def test_who_waits_may_be_stopped(tmp_path: Path) -> None:
    """It is called between two looks for the other one's features, and may break off."""
    started, go_on = Event(), Event()

    def slow(rows: slice) -> NDArray[np.float32]:
        started.set()
        go_on.wait()
        return np.zeros((rows.stop - rows.start, 1), dtype=np.float32)

    def stop() -> None:
        raise KeyboardInterrupt

    first = Thread(target=cached_features, args=(tmp_path, RECIPE, 5, slow, nothing))
    first.start()
    started.wait()
    try:
        with pytest.raises(KeyboardInterrupt):
            cached_features(tmp_path, RECIPE, 5, Network(fails_at=0), stop)
    finally:
        go_on.set()
        first.join()
    assert len(cached_features(tmp_path, RECIPE, 5, Network(fails_at=0), nothing)) == 5


def test_other_content_weights_or_settings_are_another_cache() -> None:
    """Whatever features depend on is in the name."""
    others = [
        Recipe("other", "weights", RECIPE.settings, ""),
        Recipe("content", "other", RECIPE.settings, ""),
        Recipe("content", "weights", {**RECIPE.settings, "size": 64}, ""),
    ]
    assert len({RECIPE.key(), *(one.key() for one in others)}) == 4
    assert Recipe("content", "weights", RECIPE.settings, "said otherwise").key() == RECIPE.key()


def test_the_caches_are_listed_and_cleared(tmp_path: Path) -> None:
    """As every cache: what it is of, how large, whether it is whole."""
    cached_features(tmp_path, RECIPE, COUNT, Network(), nothing)
    with pytest.raises(KeyboardInterrupt):
        cached_features(tmp_path, Recipe("b", "w", {}, ""), COUNT, Network(fails_at=BLOCK), nothing)
    whole, broken = sorted(list_caches(tmp_path), key=lambda entry: not entry.complete)
    assert (whole.kind, whole.what, whole.complete, broken.complete) == (
        "features",
        "263 pictures, tiny",
        True,
        False,
    )
    assert whole.bytes > COUNT * 3 * 4
    clear_caches(tmp_path, [whole, broken])
    assert list_caches(tmp_path) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first block, from which the whole size is known."""
    monkeypatch.setattr(store, "free_bytes", lambda folder: 1000)
    with pytest.raises(UserError, match="must fit the disk, but they need"):
        cached_features(tmp_path, RECIPE, COUNT, Network(), nothing)
    assert list_caches(tmp_path) == []


@pytest.mark.parametrize("content", [None, b"", b"no array", b"half"])
def test_a_damaged_cache_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, empty, of another kind or cut off, and one of other samples."""
    cached_features(tmp_path, RECIPE, COUNT, Network(), nothing)
    with pytest.raises(UserError, match="remove that folder"):
        cached_features(tmp_path, RECIPE, COUNT + 1, Network(), nothing)
    file = next(tmp_path.rglob("features.npy"))
    whole = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    with pytest.raises(UserError, match="is damaged"):
        cached_features(tmp_path, RECIPE, COUNT, Network(), nothing)


def test_nothing_of_a_killed_build_stays(tmp_path: Path) -> None:
    """Files that were being written when it was killed aren't part of the cache."""
    with pytest.raises(KeyboardInterrupt):
        cached_features(tmp_path, RECIPE, COUNT, Network(fails_at=BLOCK), nothing)
    (next((tmp_path / "features").iterdir()) / ".block_000000128.npy.1f2e3d4c").write_bytes(b"half")
    cached_features(tmp_path, RECIPE, COUNT, Network(), nothing)
    folder = next((tmp_path / "features").iterdir())
    assert sorted(path.name for path in folder.iterdir()) == ["features.npy", "meta.json"]


def test_two_processes_compute_it_once(tmp_path: Path) -> None:
    """The second waits for the first one's lock; whoever is killed gives the lock back, and the other goes on."""
    code = (
        "import os, sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from trainables.features.store import Recipe, cached_features\n"
        "root, dies = Path(sys.argv[1]), sys.argv[2] == 'dies'\n"
        "def compute(rows):\n"
        "    if dies and rows.start:\n"
        "        (root / 'ready').touch()\n"
        "        time.sleep(60)\n"
        "    with (root / 'asked').open('a') as told:\n"
        "        told.write(f'{rows.start}\\n')\n"
        "    return np.full((rows.stop - rows.start, 2), rows.start, dtype=np.float32)\n"
        "found = cached_features(root, Recipe('c', 'w', {}, 'x'), 300, compute, lambda: None)\n"
        "print(int(found.sum()))\n"
    )

    def begun(how: str) -> Popen[str]:
        return Popen([sys.executable, "-c", code, str(tmp_path), how], stdout=PIPE, text=True)

    first = begun("dies")
    while not (tmp_path / "ready").exists():
        assert first.poll() is None
        time.sleep(0.01)
    others = [begun("lives"), begun("lives")]
    first.kill()
    first.communicate()
    assert {one.communicate()[0] for one in others} == {f"{2 * (128 * 128 + 44 * 256)}\n"}
    assert (tmp_path / "asked").read_text().split() == ["0", "128", "256"]
