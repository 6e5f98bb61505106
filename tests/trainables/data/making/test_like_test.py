"""A val that is as far from train as test is, chosen by names alone."""

from __future__ import annotations

import numpy as np
import pytest
from made_names import demo_names

from trainables.data.check.digits import name_model
from trainables.data.making.like_test import LikeTest, Nearest, choose_like_test
from trainables.data.samples import Split
from trainables.names import TEST, TRAIN, VAL


def test_novelty_is_the_place_of_the_nearest_name() -> None:
    """Names as train's own are as near as those are to each other; names of another kind are farther than all."""
    keys = ["red jar", "red jar", "red jars", "red jars", "red jar", "red jars", "blue tub", "green tub"]
    near = Nearest.of(keys)
    assert near.novelty(np.arange(4), np.array([4, 5])) == 0.5
    assert near.novelty(np.arange(4), np.array([6, 7])) == 1.0
    # A name that nobody else has is as new to the others as a sample of it from elsewhere.
    assert near.unlike(np.arange(6), np.array([6])) == pytest.approx(near.unlike(np.arange(6), np.array([6, 6]))[:1])


def _chosen(splits: dict[str, Split]) -> tuple[np.ndarray, np.ndarray, np.ndarray, LikeTest]:
    names = np.array([*splits[TRAIN].inputs["text"], *splits[VAL].inputs["text"]], dtype=object)
    labels = np.concatenate([splits[TRAIN].labels, splits[VAL].labels])
    was_val = np.arange(len(names)) >= len(splits[TRAIN])
    share = float(was_val.mean())
    # Of test the names alone: there is no label that could have a part in it.
    return (
        names,
        labels,
        was_val,
        choose_like_test(list(names), labels, was_val, splits[TEST].inputs["text"], share=share),
    )


@pytest.mark.parametrize("sessions", [True, False], ids=["sessions", "shifted demo"])
def test_the_gap_between_val_and_test_falls_by_half(sessions: bool) -> None:
    """One model on the names, fitted on the old train and on the new one: its val accuracy comes down to test's."""
    gaps = []
    for seed in (0, 2):
        splits = demo_names(1000, seed, sessions=sessions)
        names, labels, was_val, chosen = _chosen(splits)
        for in_val in (was_val, chosen.in_val):
            model = name_model().fit(names[~in_val], labels[~in_val])
            test = np.mean(model.predict(splits[TEST].inputs["text"]) == splits[TEST].labels)
            gaps.append(np.mean(model.predict(names[in_val]) == labels[in_val]) - test)
        assert abs(chosen.after - chosen.target) < abs(chosen.before - chosen.target)
        assert abs(chosen.share - chosen.asked) < 0.03
        assert chosen.whole_blocks == 1.0
        counts = np.bincount(labels[chosen.in_val]) / (chosen.asked * np.bincount(labels))
        assert (counts > 0.4).all()
        assert (counts <= 1.6).all()
    before, after = np.abs(gaps).reshape(2, 2).mean(axis=0)
    assert before > 0.05
    assert after <= before / 2


def test_the_same_seed_gives_the_same_choice() -> None:
    """And the choice doesn't depend on which samples were val's before."""
    splits = demo_names(300, 1, sessions=True)
    names, labels, was_val, chosen = _chosen(splits)
    again = choose_like_test(list(names), labels, ~was_val, splits[TEST].inputs["text"], share=float(was_val.mean()))
    assert (again.in_val == chosen.in_val).all()
