"""Train and val dealt anew as lists beside links."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from made_names import CLASSES, demo_names

from trainables.data.making.resplit import resplit_like_test
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.names import TEST, TRAIN, VAL


@pytest.fixture
def named() -> dict[str, Split]:
    """The demo's names in sessions."""
    return demo_names(200, 0, sessions=True)


@pytest.fixture
def pictured(named: dict[str, Split], tmp_path: Path) -> dict[str, Split]:
    """The same with a file for each sample; a name occurs in both splits' folders."""
    made = {}
    for name, split in named.items():
        paths = tuple(tmp_path / "old" / name / one for one in split.ids)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(path))
        made[name] = Split(split.ids, split.labels, split.classes, {**split.inputs, "image": paths})
    return made


def test_lists_hold_every_sample_once(pictured: dict[str, Split], tmp_path: Path) -> None:
    """Same texts, labels and pictures as before, which are links to the very files; what was there isn't touched."""
    before = {path: (path.read_text(), path.stat().st_mtime_ns) for path in (tmp_path / "old").rglob("*.jpg")}
    test_names = pictured[TEST].inputs["text"]
    report = resplit_like_test(pictured[TRAIN], pictured[VAL], test_names, tmp_path / "new")
    train = read_split(tmp_path / "new/train.csv")
    val = read_split(tmp_path / "new/val.csv", classes=train.classes)
    assert (report.counts, report.copied) == ({TRAIN: train.counts(), VAL: val.counts()}, 0)
    old = [(t, label, p.read_text()) for s in (pictured[TRAIN], pictured[VAL]) for t, label, p in rows(s)]
    new = [(t, label, p.read_text()) for s in (train, val) for t, label, p in rows(s)]
    assert sorted(old) == sorted(new)
    assert all(path.stat().st_nlink == 2 for path in train.inputs["image"])
    assert {path: (path.read_text(), path.stat().st_mtime_ns) for path in before} == before


def rows(split: Split) -> list[tuple[str, str, Path]]:
    """Text, class and picture of each sample."""
    return list(zip(split.inputs["text"], split.label_names, split.inputs["image"], strict=True))


def test_where_no_link_can_be_pictures_are_copied(
    pictured: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another file system; it is counted."""

    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    report = resplit_like_test(pictured[TRAIN], pictured[VAL], pictured[TEST].inputs["text"], tmp_path / "new")
    assert report.copied == 158
    assert len(list((tmp_path / "new/pictures").rglob("*.jpg"))) == 158


def test_texts_alone(named: dict[str, Split], tmp_path: Path) -> None:
    """Without pictures the lists have none."""
    report = resplit_like_test(named[TRAIN], named[VAL], named[TEST].inputs["text"], tmp_path / "new", share=0.3)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["train.csv", "val.csv"]
    val = read_split(tmp_path / "new/val.csv", classes=CLASSES, modalities=["text"])
    assert abs(len(val) / 158 - 0.3) < 0.05
    assert report.chosen.asked == 0.3


def test_ids_that_lead_out_stay_inside(named: dict[str, Split], tmp_path: Path) -> None:
    """A sample whose id is no path within a folder gets its row's number before its name."""
    outside = tmp_path / "outside.jpg"
    outside.write_text("x")
    train = named[TRAIN]
    ids = ("../../outside.jpg", str(outside), *train.ids[2:])
    moved = Split(ids, train.labels, train.classes, {**train.inputs, "image": (outside,) * len(train)})
    resplit_like_test(moved, named[VAL], named[TEST].inputs["text"], tmp_path / "deep/er/new")
    names = {path.name for path in (tmp_path / "deep/er/new/pictures/train").iterdir()}
    assert {"0_outside.jpg", "1_outside.jpg"} <= names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "outside.jpg"]


def test_what_cannot_be_dealt_is_refused(named: dict[str, Split], tmp_path: Path) -> None:
    """Too few samples, a share that leaves nothing, another modality, a place that isn't free; nothing is written."""
    test_names = named[TEST].inputs["text"]
    few = named[TRAIN].rows(np.arange(10))
    train = named[TRAIN]
    odd = Split(train.ids, train.labels, train.classes, {**train.inputs, "sound": train.ids})
    for given, names, share, words in (
        (few, test_names[:5], None, "needs 60 samples"),
        (named[TRAIN], test_names, 1.0, r"`0 < val < 1`"),
        (odd, test_names, None, '"sound"'),
    ):
        with pytest.raises(UserError, match=words):
            resplit_like_test(given, named[VAL], names, tmp_path / "new", share=share)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").write_text("")
    with pytest.raises(UserError, match="isn't an empty folder"):
        resplit_like_test(named[TRAIN], named[VAL], test_names, tmp_path / "new")
