"""How far the splits lie apart, without a label."""

from __future__ import annotations

import numpy as np
import pytest
from known_pictures import Known
from made_names import demo_names

from trainables.data.check.names import numbering
from trainables.data.check.shift import names_apart, new_words, shift_findings, weighted_auc
from trainables.data.samples import Split
from trainables.names import TEST, TRAIN, VAL

THINGS = ("jar", "bottle", "can", "lid", "box", "cup", "bag", "core")
PLACES = ("kitchen", "garden", "garage", "street", "office", "school", "market", "beach", "park", "cellar")


def names(count: int, seed: int, words: tuple[str, ...] = THINGS) -> list[str]:
    """Names of a thing, a place and two letters: few are alike."""
    rng = np.random.default_rng(seed)
    letters = [chr(97 + n) for n in range(26)]
    return [f"{rng.choice(words)} {rng.choice(PLACES)} {''.join(rng.choice(letters, 2))}" for _ in range(count)]


def test_weighted_auc() -> None:
    """Of 4 pairs 2 are right and one is tied; a weight is as many samples."""
    scores, positive = np.array([1.0, 2, 2, 3]), np.array([False, True, False, True])
    assert weighted_auc(scores, positive, np.ones(4)) == pytest.approx(3.5 / 4)
    doubled = weighted_auc(scores[[0, 0, 1, 2, 3]], positive[[0, 0, 1, 2, 3]], np.ones(5))
    assert weighted_auc(scores, positive, np.array([2, 1, 1, 1])) == pytest.approx(doubled)
    assert np.isnan(weighted_auc(scores, np.zeros(4, dtype=bool), np.ones(4)))


def test_names_of_one_kind_are_not_told_apart() -> None:
    """The interval holds 0.5 for two halves of one population, also where they share no name; else it doesn't."""
    same = names_apart(names(300, 0), names(200, 1))
    assert same is not None
    assert same.low < 0.5 < same.high
    assert not same.notable
    other = names_apart(names(300, 0), names(200, 1, ("newspaper", "carton", *THINGS[:3])))
    assert other is not None
    assert other.notable
    assert other.auc > 0.65
    assert names_apart(names(10, 0), names(10, 1)) is None


def test_new_words() -> None:
    """Words without digits and case; the most frequent new one first, and how many names have one."""
    share, words = new_words(["Old_Jar_1", "can 2"], ["jar 7", "OLD tin 8", "tin can", "tin tray_1"])
    assert share == 0.75
    assert words == ["tin", "tray"]
    assert new_words(["a"], []) == (0.0, [])


def test_numberings() -> None:
    """One counter gives no number twice; other splits' numbers are taken, or lie elsewhere; else nothing is claimed."""
    rng = np.random.default_rng(0)
    order = rng.permutation(1000)
    assert numbering(order[:800], order[800:]) == "one"
    assert numbering(order[:800], np.arange(200)) == "another"
    assert numbering(order[:800], np.arange(5000, 5200)) == "another"
    assert numbering(order[:800], np.full(200, -1)) == "unclear"
    assert numbering(np.arange(800) // 4, np.arange(200) // 4) == "unclear"
    assert numbering(rng.permutation(10**6)[:800], rng.permutation(10**6)[:200]) == "unclear"


def test_what_is_said_of_the_demo_in_sessions() -> None:
    """Test is numbered anew and has words of its own; train and val, dealt from one numbering, don't differ."""
    found = {one.kind: one for one in shift_findings(demo_names(1000, 0, sessions=True))}
    assert "while train and val share one numbering" in found["numbering"].title
    assert found["new-words"].numbers["test"] > found["new-words"].numbers["val"] + 0.2
    assert "shift-names-train-val" not in found


def test_no_label_is_read() -> None:
    """Whatever the labels are, the findings are the same."""
    splits = demo_names(400, 0, sessions=True)
    mute = {name: Split(s.ids, np.zeros_like(s.labels), s.classes, s.inputs) for name, s in splits.items()}
    assert shift_findings(splits) == shift_findings(mute)


def test_pictures_of_another_camera_are_told_apart() -> None:
    """Test's pictures are larger: said with the area, and that a val like test can be made."""
    splits = demo_names(400, 0, sessions=False)
    rng = np.random.default_rng(0)
    facts = {
        name: [Known(width=int(rng.integers(300, 900)) + 400 * (name == TEST)) for _ in split.ids]
        for name, split in splits.items()
    }
    found = {one.kind: one for one in shift_findings(splits, facts)}
    assert found["shift-files-val-test"].level == "warning"
    assert "resplit" in found["shift-files-val-test"].remedy
    assert "shift-files-train-val" not in found
    nothing = {name: [None] * len(split) for name, split in splits.items()}
    assert not any(kind.startswith("shift-files") for kind in (one.kind for one in shift_findings(splits, nothing)))


def test_two_splits_are_enough() -> None:
    """Without test, or without val, what can be said is said."""
    splits = demo_names(400, 0, sessions=True)
    assert shift_findings({TRAIN: splits[TRAIN]}) == []
    assert all("test" not in one.kind for one in shift_findings({TRAIN: splits[TRAIN], VAL: splits[VAL]}))
    assert "numbering" in {one.kind for one in shift_findings({TRAIN: splits[TRAIN], TEST: splits[TEST]})}
