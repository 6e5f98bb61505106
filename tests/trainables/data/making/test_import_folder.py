"""One folder into three splits."""

from __future__ import annotations

import csv
import itertools
import os
import resource
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from modality_names import IMAGE, TEXT
from PIL import Image

from trainables.data.check.names import name_key
from trainables.data.making import import_folder as import_module
from trainables.data.making.import_folder import import_folder
from trainables.data.making.import_options import ImportOptions, ImportReport
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.data.reading.tree_rows import Tree
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")


def draw(path: Path, number: int) -> Path:
    """A small picture that no other number has, without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


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
    own = {name: options.pop(name) for name in ("classes", "progress") if name in options}
    caches = destination.parent.with_name(f"{destination.parent.name}-cache")
    asked = ImportOptions(**{"val": 0.25, "test": 0.25, **options})  # type: ignore[arg-type]
    return import_folder(source, destination, asked, caches=caches, **own)  # type: ignore[arg-type]


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
        walk_tree = import_module.walk_tree

        def reversed_tree(*arguments: object, **options: object) -> Tree:
            tree = walk_tree(*arguments, **options)  # type: ignore[arg-type]
            found = {name: replace(walked, pictures=walked.pictures[::-1]) for name, walked in tree.classes.items()}
            return replace(tree, classes=dict(reversed(found.items())))

        monkeypatch.setattr(import_module, "walk_tree", reversed_tree)
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
        assert told[-1] == (72, 72)

    def test_pictures_without_a_name_of_their_own_are_shared_out(self, tmp_path: Path) -> None:
        """80 % `IMG_nnnn`: no group that is larger than train; what is asked for comes out, and it is said."""
        for row, label in enumerate(("Black", "Blue")):
            for n in range(40):
                draw(tmp_path / f"s/{label}/IMG_{1000 + row * 40 + n}.png", row * 100 + n)
            for n, word in enumerate(WORDS[:10]):
                draw(tmp_path / f"s/{label}/{word} {label}.png", row * 100 + 40 + n)
        report = run(tmp_path / "s", tmp_path / "out", val=0.15, test=0.15)
        assert all(abs(share.got - share.asked) < 0.03 for share in report.shares)
        assert report.notes[0].startswith("80 of 100 names say nothing (such as IMG_1000)")
        homes = [p.parts[-3] for p in sorted((tmp_path / "out").rglob("IMG_*.png"), key=lambda path: path.name)]
        assert sum(one != other for one, other in itertools.pairwise(homes)) < 20  # blocks of four, not singly

    def test_near_pictures_stay_together(self, tmp_path: Path) -> None:
        """A photograph and its brighter copy under another name are in one split, where that is asked for."""
        for row, label in enumerate(("A", "B")):
            for n in range(12):
                scene = Image.fromarray(
                    np.random.default_rng(row * 100 + n).integers(0, 256, (6, 6, 3), dtype=np.uint8)
                ).resize((96, 96), Image.Resampling.BICUBIC)
                (tmp_path / "s" / label).mkdir(parents=True, exist_ok=True)
                scene.save(tmp_path / f"s/{label}/{WORDS[n]}.png")
                scene.point(lambda value: min(255, value + 12)).save(tmp_path / f"s/{label}/bright {WORDS[n]}.jpg")
        report = run(tmp_path / "s", tmp_path / "out", group_by=("near",))
        assert report.groups == 24
        homes = {(p.parts[-3], p.parts[-2], p.stem.removeprefix("bright ")) for p in (tmp_path / "out").rglob("?/*.*")}
        assert len(homes) == 24

    def test_hard_links_take_no_room(self, source: Path, tmp_path: Path) -> None:
        """Each picture is the source's own file under a second name, a linked one's target too."""
        (source / "Blue/alias.png").symlink_to(source / "Blue/alpha_Blue_0.png")
        report = run(source, tmp_path / "out", pictures="link")
        assert report.notes == ()
        linked = list((tmp_path / "out").rglob("*.png"))
        assert len(linked) == 72
        assert not any(path.is_symlink() for path in linked)
        assert all(path.stat().st_nlink == 2 for path in linked)

    def test_lists_name_the_pictures_where_they_are(self, source: Path, tmp_path: Path) -> None:
        """Three CSVs that a study reads with the lines that are told; no picture is copied."""
        report = run(source, tmp_path / "out", pictures="list")
        assert sorted(contents(tmp_path / "out")) == ["left_out.csv", "test.csv", "train.csv", "val.csv"]
        assert report.config.splitlines()[1:] == [
            *(f"  {name}: {tmp_path}/out/{name}.csv" for name in ("train", "val", "test")),
            f"  image_root: {source}",
        ]
        train = read_split(tmp_path / "out/train.csv", options=ReadOptions(image_root=source))
        assert train.counts() == report.counts["Train"]
        assert train.inputs[TEXT][0] == train.inputs[IMAGE][0].stem

    def test_long_names_from_two_sub_folders(self, tmp_path: Path) -> None:
        """255 bytes are all that a name may have: the second one is cut for its number, its ending stays."""
        places = itertools.product(("A", "B"), ("x", "y"), ("e", "f", "g"))
        for number, (label, folder, letter) in enumerate(places):
            draw(tmp_path / f"s/{label}/{folder}/{letter}{label}x{'é' * 124}.png", number)
        run(tmp_path / "s", tmp_path / "out")
        names = sorted(p.name for p in (tmp_path / "out").rglob("A/*.png"))
        assert len(names) == 6
        assert sum(name.endswith("_2.png") for name in names) == 3
        assert max(len(name.encode()) for name in names) <= 255

    def test_captions_beside_pictures_go_with_them(self, source: Path, tmp_path: Path) -> None:
        """The text file is there under the picture's new name, and tells what belongs together instead of the name."""
        for n in range(3):
            (source / f"Blue/alpha_Blue_{n}.txt").write_text("a green glass bottle")
        (source / "Blue/beta_Blue_0.txt").write_text("A green glass bottle 7")
        run(source, tmp_path / "out")
        found = list((tmp_path / "out").rglob("*.txt"))
        assert len(found) == 4
        assert len({path.parts[-3] for path in found}) == 1
        assert all(path.with_suffix(".png").is_file() for path in found)

    def test_every_file_is_accounted_for(self, source: Path, tmp_path: Path) -> None:
        """Taken, listed with their reasons, junk: the sum is what is there; what is listed stands in left_out.csv."""
        (source / "Blue/notes.pdf").write_bytes(b"%PDF-1.4")
        (source / "Blue/photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
        (source / "Blue/.DS_Store").write_bytes(b"x")
        draw(source / "Blue/pipe.png", 8_000).rename(source / "Blue/3.5 inch pipe")
        shutil.copy(source / "Blue/alpha_Blue_0.png", source / "Blue/copy.png")
        report = run(source, tmp_path / "out")
        assert report.account is not None
        assert report.account.total == sum(path.is_file() for path in source.rglob("*")) == 77
        taken = sum(share.samples for share in report.shares)
        assert taken + len(report.left_out) + sum(report.account.junk.values()) == 77
        assert len(list((tmp_path / "out").rglob("3.5 inch pipe"))) == 1
        assert {"Blue/notes.pdf", "Blue/photo.heic", "Blue/copy.png"} == set(reasons(report))

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
        assert '"Tiny" has 2 (3 samples)' in text
        assert "`--group-by`" in text
        report = run(source, tmp_path / "out", group_by=())
        assert [report.counts[split]["Tiny"] for split in SPLIT_FOLDERS] == [1, 1, 1]

    def test_a_full_disk_in_the_middle_leaves_nothing(self, source: Path, tmp_path: Path) -> None:
        """A file that can't be written is one error with its name; neither the destination nor a part of it stays."""
        (source / "Blue/large.bmp").write_bytes((source / "Blue/alpha_Blue_0.png").read_bytes())
        Image.effect_noise((200, 200), 50).save(source / "Blue/large.bmp")
        run(source, tmp_path / "first")  # so that the caches are there
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
        try:
            message = self.refused(source, tmp_path / "out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "large.bmp: File too large. Nothing was left there" in message

    def test_a_disk_without_room_is_known_before(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Copies need what the pictures take: said with both figures and what takes no room; links need none."""
        monkeypatch.setattr("trainables.data.disk.free_bytes", lambda folder: 1000)
        message = self.refused(source, tmp_path / "out")
        assert "must have 295 kB free for this, but has 1.0 kB" in message  # 72 files of a block each
        assert "--pictures link" in message
        assert run(source, tmp_path / "out", pictures="link").notes == ()

    def test_names_that_aren_t_utf_8_are_listed(self, source: Path, tmp_path: Path) -> None:
        """A picture's and a class's: escaped, with what to do."""
        shutil.copy(source / "Blue/alpha_Blue_0.png", os.fsencode(source / "Blue") + b"/caf\xe9.png")
        assert "caf\\xe9.png" in self.refused(source, tmp_path / "out")
        os.rename(source / "Black", os.fsencode(source) + b"/Noir\xe9")
        message = self.refused(source, tmp_path / "out")
        assert "must be UTF-8" in message
        assert "Noir\\xe9" in message

    def test_two_spellings_of_a_class_are_refused(self, source: Path, tmp_path: Path) -> None:
        """`Blue` and `blue` as two classes: both are named; one of them alone can be taken."""
        draw(source / "blue/x.png", 9_000)
        message = self.refused(source, tmp_path / "out")
        assert '"Blue"' in message
        assert '"blue"' in message
        assert run(source, tmp_path / "out", classes=["Black", "Blue"]).groups == 24

    def test_a_group_larger_than_a_split_is_refused(self, tmp_path: Path) -> None:
        """Names that say the same of most pictures: how many, of how many, and how else to group."""
        for n in range(60):
            draw(tmp_path / f"s/{('A', 'B')[n % 2]}/bottle_{n}.png", n)
            if n < 15:
                draw(tmp_path / f"s/{('A', 'B')[n % 2]}/{'x' * n}y.png", 100 + n)
        message = self.refused(tmp_path / "s", tmp_path / "out")
        assert '60 of 75 (80.0%) are one group (such as "bottle_0", "bottle_10")' in message
        assert "the largest split, Train, is to have 50.0%" in message
        assert "number-block" in message
        report = run(tmp_path / "s", tmp_path / "out", group_by=("number-block",), block=2)
        assert all(abs(share.got - share.asked) < 0.05 for share in report.shares)


def test_folders_that_arent_taken_may_be_named_as_they_like(source: Path, tmp_path: Path) -> None:
    """A sub-folder named as another class is a fault of the classes that are imported, and of no others."""
    draw(source / "tools/Blue/hammer.png", 900)
    with pytest.raises(UserError, match="named as another class"):
        run(source, tmp_path / "all")
    run(source, tmp_path / "two", classes=["Black", "Blue"])
    assert sorted(path.name for path in (tmp_path / "two/Train").iterdir()) == ["Black", "Blue"]
