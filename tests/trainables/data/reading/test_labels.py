"""Labels: one class in two spellings, several in one, and their order."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from trainables.data.reading.labels import (
    label_key,
    merge_yaml,
    natural_order,
    several_in_one,
    twin_groups,
)

TEXTS = st.text(max_size=20)
LABELS = st.text(min_size=1, max_size=60)


class TestTwins:
    """What a person takes for one label."""

    @settings(max_examples=200)
    @given(TEXTS)
    def test_what_a_person_doesn_t_see_makes_no_other_label(self, label: str) -> None:
        """Forms, case, spaces at the ends, and characters of no width leave the key as it is; a key is its own key."""
        key = label_key(label)
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            assert label_key(unicodedata.normalize(form, label)) == key
        assert label_key(f" \u200b{label}\u00ad ") == key
        assert label_key(label.casefold()) == key
        assert label_key(key) == key

    @given(st.lists(st.integers(-(10**6), 10**6), unique=True, min_size=2))
    def test_numbers_are_twins_of_their_other_spellings_alone(self, numbers: list[int]) -> None:
        """`7`, `7.0` and `07` are one, and two numbers are two."""
        assert len({label_key(str(number)) for number in numbers}) == len(numbers)
        for number in numbers:
            assert label_key(str(number)) == label_key(f"{number}.0") == label_key(f"{number:012d}")

    def test_the_main_spelling_comes_first(self) -> None:
        """Train's where it has one, else the most frequent one; classes that were taken before are no twins."""
        counts = {"blue": 3, "Blue": 1, "Green": 2, "BLUE": 2}
        assert twin_groups(counts) == [["blue", "BLUE", "Blue"]]
        assert twin_groups(counts, ("Blue", "Green")) == [["Blue", "blue", "BLUE"]]
        assert twin_groups(counts, ("Blue", "blue", "BLUE", "Green")) == []
        assert twin_groups({"Green": 1}, ("Blue", "blue")) == []

    @settings(max_examples=50, deadline=None)
    @given(st.dictionaries(LABELS, LABELS, min_size=1, max_size=4))
    def test_the_remedy_is_yaml(self, merge: dict[str, str]) -> None:
        """What is printed gives back each spelling when it is pasted into a study."""
        assert YAML(typ="safe").load(merge_yaml(merge)) == {"data": {"labels": {"merge": merge}}}


class TestSeveral:
    """Labels of labels."""

    def test_all_parts_must_be_classes(self) -> None:
        """`a|b` beside `a` and `b`; a name with a comma of its own is one class."""
        found = several_in_one(["a|b", "a; B", "a,b,c", "a|x", "Doe, John", "a"], ["a", "b", "c", "Doe, John"])
        assert found == {"a|b": ["a", "b"], "a; B": ["a", "b"], "a,b,c": ["a", "b", "c"]}


class TestOrder:
    """As people count."""

    def test_numbers_count(self) -> None:
        """2 comes before 10, within words as well; labels that are numbers are ordered by their values."""
        assert natural_order(["10", "9", "1"]) == ["1", "9", "10"]
        assert natural_order(["bin 10", "bin 2", "bag"]) == ["bag", "bin 2", "bin 10"]
        assert natural_order(["-1", "0.5", "-10", ".25", "3"]) == ["-10", "-1", ".25", "0.5", "3"]

    @given(st.lists(st.text(st.characters(exclude_categories=("Nd",)))))
    def test_without_digits_it_is_the_order_of_code_points(self, labels: list[str]) -> None:
        """As classes have always been ordered."""
        assert natural_order(labels) == sorted(labels)

    @given(st.lists(st.text("0123456789ab. -", max_size=6)))
    def test_any_labels_have_an_order(self, labels: list[str]) -> None:
        """Whatever they are, and however they came."""
        assert natural_order(labels) == natural_order(reversed(labels))
        assert sorted(natural_order(labels)) == sorted(labels)
