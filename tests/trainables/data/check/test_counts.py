"""Numbers of samples: what is rare, uneven or small is said, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from split_fakes import made_split

from trainables.data.check.counts import class_counts, count_findings
from trainables.data.samples import Split


def split(counts: Mapping[str, int]) -> Split:
    """So many samples of each class."""
    labels = np.repeat(np.arange(len(counts)), list(counts.values()))
    ids = [str(number) for number in range(len(labels))]
    return made_split(ids, ids, labels, [None] * len(ids), list(counts))


def splits(**counts: Mapping[str, int]) -> dict[str, Split]:
    """By name."""
    return {name: split(own) for name, own in counts.items()}


def test_enough_of_everything_is_no_finding() -> None:
    """Classes of like size in splits of a fair size say nothing; the counts are in the order of the classes."""
    whole = splits(train={"Green": 300, "Blue": 200}, val={"Green": 300, "Blue": 200})
    assert count_findings(whole) == []
    assert list(class_counts(whole)["val"].items()) == [("Green", 300), ("Blue", 200)]


def test_absent_and_rare_classes_are_said_with_their_split() -> None:
    """None and four are few, five aren't."""
    train = {"Blue": 300, "Green": 300, "TTR": 300, "Black": 300}
    (found,) = count_findings(splits(train=train, val={"Blue": 300, "Green": 4, "TTR": 5, "Black": 0}))
    assert (found.kind, found.level) == ("few-samples", "warning")
    assert [(place.split, place.label, place.reason) for place in found.places] == [
        ("val", "Black", "0 samples"),
        ("val", "Green", "4 samples"),
    ]


@pytest.mark.parametrize(("large", "level"), [(299, None), (300, "note"), (1000, "warning")])
def test_uneven_classes_of_train(large: int, level: str | None) -> None:
    """Three times as many are worth knowing, ten times as many are a warning."""
    found = count_findings(splits(train={"Blue": large, "Green": 100}))
    assert [one.level for one in found] == ([level] if level else [])


def test_how_well_a_small_split_measures() -> None:
    """100 samples: 1.96 * sqrt(0.8 * 0.2 / 100) = 7.84 points."""
    (found,) = count_findings(splits(train={"a": 100, "b": 100}, val={"a": 50, "b": 50}))
    assert found.kind == "small-split"
    assert "±8 points" in found.title
    assert found.numbers["half_width"] == pytest.approx(0.0784)
