"""Systems are compared on what they have in common, paired by the sample's name, whatever the order."""

from __future__ import annotations

import pytest

from analysis.numbers.common_rows import Decided, common_ids, on_common
from analysis.numbers.paired import Verdict

ONE = Decided(("a", "b", "c", "d"), ("x", "y", "x", "y"), ("x", "y", "y", "y"))
OTHER = Decided(("d", "c", "b", "e"), ("y", "x", "x", "x"), ("x", "x", "y", "x"))


def test_common_samples_have_one_label() -> None:
    """A sample whose label differs, as b's, and one that only one system has, are left out."""
    assert common_ids({"one": ONE, "other": OTHER}) == ("c", "d")


def test_pairs_are_counted_by_sample() -> None:
    """c: only the other one is right; d: only the first."""
    found = on_common({"one": ONE, "other": OTHER})
    assert found.samples == 2
    assert found.accuracies == {"one": 0.5, "other": 0.5}
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.only_first, pair.only_second) == ("one", "other", 1, 1)
    assert pair.verdict is Verdict.NOT_SHOWN


def test_three_systems_are_adjusted_for_three_comparisons() -> None:
    """The best p of three is three times McNemar's."""
    ids = tuple(f"s{n}" for n in range(20))
    true = ("x",) * 20
    good, bad = Decided(ids, true, true), Decided(ids, true, ("y",) * 8 + ("x",) * 12)
    pair = on_common({"good": good, "bad": bad}).pairs[0]
    three = on_common({"good": good, "bad": bad, "same": bad}).pairs
    assert three[0].p == pytest.approx(3 * pair.p)
    assert [one.verdict for one in three] == [Verdict.BETTER, Verdict.BETTER, Verdict.NOT_SHOWN]


def test_nothing_in_common_is_refused() -> None:
    """No number is made of nothing."""
    with pytest.raises(ValueError, match="in common"):
        on_common({"one": ONE, "other": Decided(("z",), ("x",), ("x",))})
    with pytest.raises(ValueError, match="in common"):
        on_common({"one": ONE})
