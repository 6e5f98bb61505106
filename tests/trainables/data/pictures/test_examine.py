"""Every picture looked at once: facts in order, kept by content, by worker processes or by this one."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from odd_pictures import broken_files, encoded, odd_files, scene, write_files
from picture_fakes import picture_fault
from PIL import Image

from trainables.data.caches import list_caches
from trainables.data.pictures import examine as module
from trainables.data.pictures.decoders import Decoders
from trainables.data.pictures.examine import DEADLY, examine
from trainables.data.pictures.facts import PictureFacts, facts_from_json


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """A JPEG with EXIF that lies on its side, an empty file, a PNG, the JPEG's copy, nothing at all."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110], exif[0x0132] = 6, "Maker", "Model 1\0", "2023:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 12:00:00"
    turned = encoded(scene(1, (300, 200)), "JPEG", exif=exif)
    files = {"turned.jpg": turned, "empty.jpg": b"", "b.png": encoded(scene(2), "PNG"), "copy.jpg": turned}
    return [*write_files(tmp_path / "data", files), tmp_path / "data" / "gone.jpg"]


def forget_files(folder: Path) -> None:
    """What was read of files is gone, what was found of their content stays."""
    shutil.rmtree(folder / "pictures" / "digests", ignore_errors=True)


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by each picture that this process decodes."""
    seen: list[Path] = []
    look_at = module.look_at

    def watched(path: Path, pixel_limit: int) -> PictureFacts:
        seen.append(path)
        return look_at(path, pixel_limit)

    monkeypatch.setattr(module, "look_at", watched)
    return seen


def test_facts_come_in_the_order_of_the_paths(paths: list[Path], tmp_path: Path) -> None:
    """Size, digest, shape as it is shown, EXIF's time and camera; a fault is a fact."""
    turned, empty, png, copy, gone = examine(paths, tmp_path / "cache")
    assert (turned.format, turned.mode, turned.width, turned.height) == ("JPEG", "RGB", 200, 300)
    assert (turned.taken, turned.camera) == ("2024:05:31 12:00:00", "Maker Model 1")
    assert turned.size_bytes == paths[0].stat().st_size
    assert len(turned.sha256) == 64
    assert copy == turned
    assert empty.fault == "the file is empty"
    assert gone.fault == "No such file or directory"
    assert (png.fault, png.notes, png.taken, png.camera) == (None, (), "", "")


def test_workers_find_the_same(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, or this one: the facts are equal, and so they are where they were kept."""
    monkeypatch.setattr(module, "useful_workers", lambda _, workers: workers)
    alone = examine(paths, tmp_path / "one", workers=1)
    assert examine(paths, tmp_path / "two", workers=2) == alone
    assert examine(paths, tmp_path / "two", workers=1) == alone


def test_equal_pixels_in_different_files_are_known(tmp_path: Path) -> None:
    """A PNG, the same as BMP and as an opaque RGBA show the same; another picture doesn't."""
    picture = scene(3)
    files = {
        "a.png": encoded(picture, "PNG"),
        "b.bmp": encoded(picture, "BMP"),
        "c.png": encoded(picture.convert("RGBA"), "PNG"),
        "d.png": encoded(scene(4), "PNG"),
    }
    found = examine(write_files(tmp_path / "data", files), tmp_path / "cache")
    assert [one.pixels == found[0].pixels for one in found] == [True, True, True, False]
    assert len({one.sha256 for one in found}) == 4


def kept(told: list[tuple[int, int]], done: int, count: int) -> None:
    """Keeps what progress is told."""
    told.append((done, count))


def test_progress_is_told_to_the_end(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never goes back, over the borders of chunks too, and ends with all; so it does where all is known."""
    monkeypatch.setattr(module, "CHUNK", 2)
    for _ in range(2):
        told: list[tuple[int, int]] = []
        examine(paths, tmp_path / "cache", progress=partial(kept, told))
        assert told == sorted(told)
        assert told[-1] == (5, 5)
    assert examine([], tmp_path / "cache") == []


class TestCache:
    """What was found stays, by content."""

    def test_nothing_is_decoded_twice(self, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the copy nor, later, the same content at another place; a changed file is."""
        seen = decoded(monkeypatch)
        found = examine(paths, tmp_path / "cache")
        assert sorted(path.name for path in seen) == ["b.png", "copy.jpg", "empty.jpg"]
        seen.clear()
        moved = shutil.copytree(paths[0].parent, tmp_path / "moved")
        again = examine([moved / path.name for path in paths], tmp_path / "cache")
        assert (seen, again) == ([], found)
        paths[2].write_bytes(encoded(scene(9), "PNG"))
        assert examine(paths, tmp_path / "cache")[2].pixels != found[2].pixels
        assert seen == [paths[2]]

    def test_other_limits_are_other_facts(self, paths: list[Path], tmp_path: Path) -> None:
        """A limit of pixels is part of what a fault is."""
        assert examine(paths, tmp_path / "cache")[2].fault is None
        assert "limit of 99" in str(examine(paths, tmp_path / "cache", pixel_limit=99)[2].fault)
        assert examine(paths, tmp_path / "cache")[2].fault is None

    @pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + bytes(5_000)])
    def test_a_damaged_cache_is_made_anew(self, paths: list[Path], tmp_path: Path, damage: bytes) -> None:
        """Whatever lies in its place: the facts are right, and kept again afterwards."""
        found = examine(paths, tmp_path / "cache")
        (file,) = (tmp_path / "cache").rglob("*.sqlite")
        file.write_bytes(damage)
        assert examine(paths, tmp_path / "cache") == found
        assert examine(paths, tmp_path / "cache") == found
        with sqlite3.connect(file) as connection:
            assert connection.execute("SELECT COUNT(*) FROM facts").fetchone() == (3,)
        connection.close()

    def test_a_row_that_cannot_be_read_is_found_anew(self, paths: list[Path], tmp_path: Path) -> None:
        """Rows of another time, or damaged ones, don't count."""
        found = examine(paths, tmp_path / "cache")
        (file,) = (tmp_path / "cache").rglob("*.sqlite")
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE facts SET facts = '{\"fault\": 3}'")
        connection.close()
        assert examine(paths, tmp_path / "cache") == found

    def test_a_cache_that_cannot_be_written_costs_time_alone(self, paths: list[Path], tmp_path: Path) -> None:
        """A file lies where its folder should: the facts come all the same."""
        expected = examine(paths, tmp_path / "cache")
        (tmp_path / "blocked").write_text("")
        assert examine(paths, tmp_path / "blocked") == expected

    def test_it_is_listed(self, paths: list[Path], tmp_path: Path) -> None:
        """`binwise cache list` shows what it is, under the pictures."""
        examine(paths, tmp_path / "cache")
        assert "what each picture shows, and what is odd about it" in [
            entry.what for entry in list_caches(tmp_path / "cache") if entry.kind == "pictures"
        ]


def test_a_picture_on_which_a_worker_dies_is_named(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are found all the same, and nothing is remembered of it."""
    monkeypatch.setattr(module, "useful_workers", lambda _, workers: workers)
    look = Decoders.look

    def deadly(decoders: Decoders, batch: list[Path], pixel_limit: int) -> object:
        if paths[2] in batch:
            decoders._idle.give_back(process := decoders._idle.take())
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        return look(decoders, batch, pixel_limit)

    with monkeypatch.context() as patched:
        patched.setattr(Decoders, "look", deadly)
        found = examine(paths, tmp_path / "cache", workers=2)
    assert [one.fault for one in found] == [None, "the file is empty", DEADLY, None, "No such file or directory"]
    assert examine(paths, tmp_path / "cache")[2].fault is None


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged metadata
def test_examined_and_loaded_agree_on_faults(tmp_path: Path) -> None:
    """Of odd files the loader takes all, of broken ones none; both give the same reason."""
    files = {**{f"odd {name}": data for name, (data, _) in odd_files().items()}}
    files |= {f"broken {name}": data for name, (data, _) in broken_files().items()}
    paths = write_files(tmp_path / "data", files)
    facts = examine(paths, tmp_path / "cache")
    assert [one.fault for one in facts] == [picture_fault(path) for path in paths]


def test_facts_survive_json() -> None:
    """What the pipe and the cache carry is the same afterwards; other keys are refused."""
    facts = PictureFacts(3, "ab", "PNG", "L", 4, 5, None, ("flat: x",), bytes(range(256)), "cd", "t", "c")
    assert facts_from_json(facts.as_json()) == facts
    with pytest.raises(ValueError, match="other keys"):
        facts_from_json({"size_bytes": 3})
