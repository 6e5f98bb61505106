"""Numbers of samples: what is absent, rare, uneven or small is said, and nothing else."""

from __future__ import annotations

import pytest

from trainables.data.check.counts import count_findings
from trainables.data.check.findings import Finding


def kinds(*findings: Finding) -> list[tuple[str, str]]:
    """Kind and level of each."""
    return [(finding.kind, finding.level) for finding in findings]


def test_enough_of_everything_is_no_finding() -> None:
    """Classes of like size in splits of a fair size say nothing."""
    own = {"Blue": 300, "Green": 200}
    assert count_findings({"train": own, "val": own, "test": own}) == []


def test_an_absent_class_is_named_with_its_split() -> None:
    """In val or test it is a warning, in train an error: there it can't be learned."""
    whole, lacking = {"Blue": 300, "Green": 300}, {"Blue": 300, "Green": 0}
    found = count_findings({"train": whole, "val": lacking})
    assert kinds(*found) == [("absent-class", "warning")]
    assert found[0].title == '"Green" has no sample in val.'
    assert kinds(*count_findings({"train": lacking, "val": whole})) == [("absent-class", "error")]


def test_fewer_than_five_samples_are_said_with_their_number() -> None:
    """Four are few, five aren't."""
    train = {"Blue": 300, "Green": 300, "TTR": 300}
    found = count_findings({"train": train, "val": {"Blue": 300, "Green": 4, "TTR": 5}})
    assert kinds(*found) == [("few-samples", "warning")]
    assert [(place.label, place.reason) for place in found[0].places] == [("Green", "4 samples")]
    assert found[0].title == '"Green" has fewer than 5 samples in val.'


@pytest.mark.parametrize(("large", "level"), [(299, None), (300, "note"), (1000, "warning")])
def test_uneven_classes_of_train(large: int, level: str | None) -> None:
    """Three times as many are worth knowing, ten times as many are a warning."""
    found = count_findings({"train": {"Blue": large, "Green": 100}})
    assert [one.level for one in found] == ([level] if level else [])


def test_how_well_a_small_split_measures() -> None:
    """100 samples: 1.96 * sqrt(0.8 * 0.2 / 100) = 7.84 points."""
    (found,) = count_findings({"train": {"a": 100, "b": 100}, "val": {"a": 50, "b": 50}})
    assert found.kind == "small-split"
    assert "±8 points" in found.title
    assert found.numbers["half_width"] == pytest.approx(0.0784)


def test_many_classes_are_cut_in_the_title_and_whole_in_the_places() -> None:
    """A title stays one line."""
    train = {f"c{number}": 50 for number in range(20)}
    (found,) = count_findings({"train": train, "val": dict.fromkeys(train, 0)})
    assert found.title == '20 classes ("c0", "c1", "c2", ...) have no sample in val.'
    assert len(found.places) == 20
