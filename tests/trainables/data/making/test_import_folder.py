"""One folder into three splits."""

from __future__ import annotations

import csv
import itertools
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trainables.data.check.names import joined, name_key
from trainables.data.making.grouping import deal, lacking
from trainables.data.making.import_folder import ImportReport, import_folder
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")


def draw(path: Path, number: int) -> Path:
    """A small picture that no other number has, without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


class Backwards:
    """A folder's entries, the last one first."""

    def __init__(self, entries: Any) -> None:
        with entries:
            self._entries = list(entries)

    def __enter__(self) -> Backwards:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Backwards:
        return self

    def __next__(self) -> os.DirEntry[str]:
        if not self._entries:
            raise StopIteration
        return self._entries.pop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two classes of twelve things with three pictures each, named "<word>_<class>_<n>"."""
    for row, label in enumerate(("Black", "Blue")):
        for column, word in enumerate(WORDS):
            for n in range(3):
                draw(tmp_path / f"source/{label}/{word}_{label}_{n}.png", row * 100 + column * 3 + n)
    return tmp_path / "source"


def run(source: Path, destination: Path, **options: object) -> ImportReport:
    """An import with shares that suit few pictures."""
    arguments: dict[str, object] = {"val": 0.25, "test": 0.25, "seed": 0, **options}
    return import_folder(source, destination, **arguments)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    """All files below by their relative paths."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def reasons(report: ImportReport) -> dict[str, str]:
    """What was left out, and why."""
    return {item.file: item.reason for item in report.left_out}


class TestImport:
    """From class folders to Train, Val and Test."""

    def test_all_pictures_arrive_stratified_and_readable(self, source: Path, tmp_path: Path) -> None:
        """Each class is shared 50/25/25, counts are told, nothing is lost, and read_split reads each split."""
        report = run(source, tmp_path / "out")
        assert report.counts == {
            "Train": {"Black": 18, "Blue": 18},
            "Val": {"Black": 9, "Blue": 9},
            "Test": {"Black": 9, "Blue": 9},
        }
        assert report.groups == 24
        assert report.left_out == ()
        train = read_split(tmp_path / "out/Train")
        assert train.counts() == report.counts["Train"]
        arrived = Counter(raw for name, raw in contents(tmp_path / "out").items() if name.endswith(".png"))
        assert arrived == Counter(contents(source).values())

    def test_names_that_differ_in_numbers_stay_together(self, source: Path, tmp_path: Path) -> None:
        """No word is found in two splits."""
        run(source, tmp_path / "out")
        words = [{name_key(p.stem) for p in (tmp_path / "out" / split).rglob("*.png")} for split in SPLIT_FOLDERS]
        assert sum(map(len, words)) == len(set().union(*words)) == 24

    def test_the_seed_decides_alone(self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same seed gives the same files, in whatever order folders are read; another seed gives others."""
        run(source, tmp_path / "one", seed=3)
        found = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: Backwards(found(path)))
        run(source, tmp_path / "two", seed=3)
        run(source, tmp_path / "three", seed=4)
        assert contents(tmp_path / "one") == contents(tmp_path / "two")
        assert set(contents(tmp_path / "one")) != set(contents(tmp_path / "three"))

    def test_duplicates_are_kept_once(self, source: Path, tmp_path: Path) -> None:
        """Equal pixels in one class, even from another format, are kept once, and both names stay in one split."""
        draw(source / "Blue/zz_other_name.bmp", 100)  # the pixels of Blue/alpha_Blue_0.png
        report = run(source, tmp_path / "out")
        assert reasons(report) == {"Blue/zz_other_name.bmp": "same picture as Blue/alpha_Blue_0.png"}
        with (tmp_path / "out/left_out.csv").open(newline="") as stream:
            assert list(csv.reader(stream)) == [["file", "reason"], *map(list, reasons(report).items())]

    def test_a_left_out_duplicate_still_ties_names(self, source: Path, tmp_path: Path) -> None:
        """Where "box" and "crate" share a picture, all boxes and crates are in one split."""
        for n in range(4):
            draw(source / f"Blue/box_{n}.png", 900 + n)
            draw(source / f"Blue/crate_{n}.png", 950 + n)
        shutil.copy(source / "Blue/box_0.png", source / "Blue/crate_9.png")
        assert run(source, tmp_path / "out").groups == 25
        homes = {p.parts[-3] for p in (tmp_path / "out").rglob("*.png") if p.stem.startswith(("box", "crate"))}
        assert len(homes) == 1

    def test_one_picture_under_two_classes_is_left_out_in_both(self, source: Path, tmp_path: Path) -> None:
        """A picture whose class is contradictory reaches no split."""
        shutil.copy(source / "Blue/beta_Blue_1.png", source / "Black/stray.png")
        report = run(source, tmp_path / "out")
        assert reasons(report) == {
            "Black/stray.png": "same picture as Blue/beta_Blue_1.png, under another class",
            "Blue/beta_Blue_1.png": "same picture as Black/stray.png, under another class",
        }
        assert not list((tmp_path / "out").rglob("beta_Blue_1.png"))

    def test_unreadable_and_giant_pictures_are_left_out_with_reasons(self, source: Path, tmp_path: Path) -> None:
        """A text with a picture's ending and a picture over the limit are listed; the rest is imported."""
        (source / "Blue/page.jpg").write_text("<html>")
        Image.new("RGB", (50, 50)).save(source / "Blue/giant.png")
        report = run(source, tmp_path / "out", pixel_limit=1000)
        assert "no picture" in reasons(report)["Blue/page.jpg"]
        assert "2,500 pixels (50 x 50)" in reasons(report)["Blue/giant.png"]
        assert sum(report.counts["Train"].values()) == 36

    def test_every_file_is_accounted_for(self, source: Path, tmp_path: Path) -> None:
        """Pictures by their content too; what isn't read is listed with its reason, junk is counted."""
        shutil.copy(source / "Blue/alpha_Blue_0.png", source / "Blue/3.5 inch pipe")
        (source / "Blue/IMG_1.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
        (source / "Blue/@eaDir").mkdir()
        (source / "Blue/@eaDir/alpha.jpg").write_bytes(b"\xff\xd8\xff")
        report = run(source, tmp_path / "out")
        assert "HEIC" in reasons(report)["Blue/IMG_1.heic"]
        assert "same picture" in reasons(report)["Blue/alpha_Blue_0.png"]
        assert report.account.summary() == "73 pictures taken, 1 listed (1 HEIC), 1 junk (1 @eaDir)"
        copied = sum(map(sum, (split.values() for split in report.counts.values())))
        assert report.account.total == copied + len(report.left_out) + 1 == 75

    def test_a_caption_goes_with_its_picture(self, source: Path, tmp_path: Path) -> None:
        """The text file beside it is copied under the copy's name."""
        (source / "Blue/mu_Blue_2.txt").write_text("a letter of metal")
        run(source, tmp_path / "out")
        (copy,) = (tmp_path / "out").rglob("mu_Blue_2.txt")
        assert copy.with_suffix(".png").is_file()

    def test_the_list_is_safe_to_open_in_a_spreadsheet(self, source: Path, tmp_path: Path) -> None:
        """A class and file name that begins like a formula is written as text."""
        shutil.move(source / "Blue", source / "=cmd()")
        (source / "=cmd()/x.jpg").write_text("")
        run(source, tmp_path / "out")
        assert "'=cmd()/x.jpg,the file is empty" in (tmp_path / "out/left_out.csv").read_text()

    def test_equal_names_from_sub_folders_get_numbers(self, tmp_path: Path) -> None:
        """Nested pictures move up into their class; an occupied name gets _2 and stays readable."""
        places = itertools.product(("A", "B"), ("x", "y/z"), ("one", "two", "three"))
        for number, (label, folder, word) in enumerate(places):
            draw(tmp_path / f"s/{label}/{folder}/{word}.png", number)
        run(tmp_path / "s", tmp_path / "out")
        names = sorted(p.name for p in (tmp_path / "out").rglob("A/*.png"))
        assert names == ["one.png", "one_2.png", "three.png", "three_2.png", "two.png", "two_2.png"]

    def test_chosen_classes_alone_are_imported_and_progress_is_told(self, source: Path, tmp_path: Path) -> None:
        """Other folders stay out; progress counts up to all pictures."""
        draw(source / "Green/a.png", 7)
        told: list[tuple[int, int]] = []
        report = run(source, tmp_path / "out", classes=["Blue", "Black"], progress=lambda n, of: told.append((n, of)))
        assert set(report.counts["Train"]) == {"Black", "Blue"}
        assert told == [(n, 72) for n in range(1, 73)]

    def test_copies_are_files_of_their_own(self, source: Path, tmp_path: Path) -> None:
        """Changing a copy leaves the source as it was: no links."""
        run(source, tmp_path / "out")
        copy = next((tmp_path / "out").rglob("*.png"))
        assert copy.stat().st_nlink == 1
        assert not copy.is_symlink()


class TestRefusals:
    """What can't be imported."""

    def refused(self, source: Path, destination: Path, **options: object) -> str:
        """The message; nothing may have been written."""
        before = sorted(destination.parent.iterdir())
        with pytest.raises(UserError) as caught:
            run(source, destination, **options)
        assert sorted(destination.parent.iterdir()) == before
        return str(caught.value)

    @pytest.mark.parametrize(
        ("val", "test"), [(0, 0.2), (0.2, 0), (0.5, 0.5), (-0.1, 0.2), (1.2, 0.1), (float("nan"), 0.2)]
    )
    def test_shares_must_leave_something_to_each_split(
        self, source: Path, tmp_path: Path, val: float, test: float
    ) -> None:
        """Shares that aren't within 0 and 1, or leave train nothing, are told with their values."""
        assert f"val={val} and test={test}" in self.refused(source, tmp_path / "out", val=val, test=test)

    def test_sources_classes_and_seeds_must_exist(self, source: Path, tmp_path: Path) -> None:
        """A missing source, an unknown class, one class alone and a seed below 0 are refused."""
        assert "nowhere" in self.refused(tmp_path / "nowhere", tmp_path / "out")
        text = self.refused(source, tmp_path / "out", classes=["Blue", "Purple"])
        assert '"Purple"' in text
        assert '"Black", "Blue"' in text
        assert "At least two" in self.refused(source, tmp_path / "out", classes=["Blue"])
        assert "seed" in self.refused(source, tmp_path / "out", seed=-1)

    def test_the_destination_must_be_free_and_outside(self, source: Path, tmp_path: Path) -> None:
        """A folder with content and one in the source are refused; an empty one is used."""
        (tmp_path / "full").mkdir()
        (tmp_path / "full/mine.txt").write_text("mine")
        assert "full" in self.refused(source, tmp_path / "full")
        assert "outside" in self.refused(source, source / "out")
        (tmp_path / "empty").mkdir()
        run(source, tmp_path / "empty")
        assert (tmp_path / "empty/Train").is_dir()

    def test_a_class_with_too_few_groups_is_named(self, source: Path, tmp_path: Path) -> None:
        """Three pictures of two names can't fill three splits, until grouping by names is off."""
        for number, name in enumerate(("car_1", "car_2", "van_1")):
            draw(source / f"Tiny/{name}.png", 5_000 + number)
        text = self.refused(source, tmp_path / "out")
        assert '"Tiny" has 2 (3 pictures)' in text
        assert "grouping by names off" in text
        report = run(source, tmp_path / "out", group_names=False)
        assert [report.counts[split]["Tiny"] for split in SPLIT_FOLDERS] == [1, 1, 1]

    def test_a_failed_copy_leaves_nothing(self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """When the disk is full in the middle, neither the destination nor a temporary folder stays."""
        copied: list[object] = []

        def copy(*paths: object) -> None:
            copied.append(paths)
            if len(copied) > 5:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(shutil, "copy2", copy)
        with pytest.raises(OSError, match="No space left"):
            run(source, tmp_path / "out")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Beer_Bottle_241", "beer  bottle-7", True),
        ("plastic.food box", "Plastic Food Box 12", True),
        ("ｂｏｔｔｌｅ", "bottle", True),
        ("STRASSE", "straße", True),
        ("beer_bottle", "wine_bottle", False),
    ],
)
def test_names_are_compared_without_digits_case_and_separators(first: str, second: str, same: bool) -> None:
    """Two names have one key exactly where they differ in nothing else."""
    assert (name_key(first) == name_key(second)) is same
    assert name_key("00_12") == ""


def test_groups_join_over_shared_keys() -> None:
    """Positions tied over a third one are one group, and those without keys are alone."""
    assert joined([["a"], ["b"], [], ["c", "b"], ["a", "c"], []]) == [[0, 1, 3, 4], [2], [5]]


@st.composite
def member_tables(draw_from: st.DrawFn) -> np.ndarray:
    """(G, C) sizes of groups, most of one class, a few of two."""
    classes = draw_from(st.integers(2, 4))
    rows = []
    for label in range(classes):
        for size in draw_from(st.lists(st.integers(1, 6), min_size=3, max_size=25)):
            row = [0] * classes
            row[label] = size
            rows.append(row)
    return np.array(rows, dtype=np.int64)


SHARES = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4)).map(lambda s: (1 - s[0] - s[1], *s))


@settings(max_examples=200, deadline=None)
@given(members=member_tables(), shares=SHARES, seed=st.integers(0, 2**32))
def test_dealing_is_stratified_complete_and_repeatable(
    members: np.ndarray, shares: tuple[float, float, float], seed: int
) -> None:
    """Each class is within two of its largest groups of its share, every split has each class, the seed decides."""
    splits = deal(members, shares, np.random.default_rng(seed))
    assert lacking(splits, members, 3) == []
    for label in range(members.shape[1]):
        sizes = members[:, label]
        for split, share in enumerate(shares):
            assert abs(sizes[splits == split].sum() - share * sizes.sum()) <= 2 * sizes.max()
    np.testing.assert_array_equal(splits, deal(members, shares, np.random.default_rng(seed)))


@settings(max_examples=100, deadline=None)
@given(
    names=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 99)), min_size=1, max_size=40),
    digests=st.lists(st.integers(0, 20), min_size=40, max_size=40),
)
def test_no_key_is_ever_in_two_groups(names: list[tuple[str, int]], digests: list[int]) -> None:
    """Whatever names and contents come, positions that share one are in one group, and all are in exactly one."""
    keys = [[("name", name), ("digest", digest)] for (name, _), digest in zip(names, digests, strict=False)]
    groups = joined(keys)
    assert sorted(member for group in groups for member in group) == list(range(len(keys)))
    homes: dict[tuple[str, object], set[int]] = {}
    for number, group in enumerate(groups):
        for member in group:
            for key in keys[member]:
                homes.setdefault(key, set()).add(number)
    assert all(len(home) == 1 for home in homes.values())


def test_groups_of_two_classes_don_t_hinder_the_filling() -> None:
    """A group that holds two classes stays whole, and both classes still reach every split."""
    members = np.array([[3, 2], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    for seed in range(20):
        splits = deal(members, (0.6, 0.2, 0.2), np.random.default_rng(seed))
        assert lacking(splits, members, 3) == []
