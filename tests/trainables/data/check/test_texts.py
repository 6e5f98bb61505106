"""Texts that stand twice, names that say nothing, class names inside texts: found with their shares, or not said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from trainables.data.check.findings import Finding, Place
from trainables.data.check.texts import TextSample, equal_texts, label_words, names_that_say_nothing


def samples(*rows: tuple[str, str, str]) -> list[TextSample]:
    """Of (split, label, text)."""
    return [
        TextSample(text, Place(f"{split}-{number}", split=split, label=label))
        for number, (split, label, text) in enumerate(rows)
    ]


def by_kind(found: Sequence[Finding]) -> dict[str, Finding]:
    """Each kind once."""
    assert len({one.kind for one in found}) == len(found)
    return {one.kind: one for one in found}


def test_a_text_under_two_labels() -> None:
    """Case, width and spaces make no other text of it; both samples stand side by side."""
    rows = samples(("train", "Blue", "Old  Bottle"), ("train", "Green", "old bottle"), ("train", "Green", "core"))
    found = by_kind(equal_texts(rows, alone=True))["text-with-two-labels"]
    assert found.level == "warning"
    assert [[place.label for place in group] for group in found.groups] == [["Blue", "Green"]]
    assert found.numbers == {"texts": 1, "samples": 2}


def test_texts_that_train_has_as_well() -> None:
    """The share is of each other split's samples. Beside pictures an equal text is no fault."""
    rows = samples(
        *[("train", "Blue", f"thing {letter}") for letter in "abcd"],
        *[("val", "Blue", f"thing {letter}") for letter in "cdef"],
        *[("test", "Blue", f"thing {letter}") for letter in "dxyz"],
    )
    found = by_kind(equal_texts(rows, alone=True))["equal-texts-across-splits"]
    assert found.numbers["known"] == {"val": 0.5, "test": 0.25}
    assert found.title == "50.0% of val's and 25.0% of test's texts stand in train as well."
    assert found.level == "warning"
    assert by_kind(equal_texts(rows, alone=False))["equal-texts-across-splits"].level == "note"


def test_repeated_texts_within_a_split_count_where_there_is_nothing_else() -> None:
    """Three of one text are two too many; with pictures beside them they are three samples."""
    rows = samples(*[("train", "Blue", "bottle")] * 3, ("train", "Blue", "cap"))
    assert by_kind(equal_texts(rows, alone=True))["equal-texts-within-a-split"].numbers == {"texts": 1, "extra": 2}
    assert equal_texts(rows, alone=False) == []


def test_val_that_resembles_train_more_than_test_does() -> None:
    """But for the counter: val has all of train's names, test none of them."""
    rows = samples(
        *[("train", "Blue", f"beer_bottle_{number}") for number in range(4)],
        *[("val", "Blue", f"Beer bottle {number}") for number in range(10, 14)],
        *[("test", "Blue", f"crate_{number}") for number in range(4)],
    )
    found = by_kind(equal_texts(rows, alone=False))["alike-texts-across-splits"]
    assert found.level == "warning"
    assert "val is easier than test" in found.title
    assert found.numbers["known"] == {"val": 1.0, "test": 0.0}


def test_different_texts_are_no_finding() -> None:
    """Every text its own, in every split."""
    rows = samples(("train", "A", "one"), ("train", "B", "two"), ("val", "A", "three"), ("test", "B", "four"))
    assert equal_texts(rows, alone=True) == []


def test_names_that_say_nothing_are_a_share() -> None:
    """Half of the names are a camera's: a warning that names the first, each with its place."""
    rows = samples(*[("train", "A", f"IMG_{n}") for n in range(5)], *[("train", "A", f"cup {n}") for n in range(5)])
    (found,) = names_that_say_nothing(rows)
    assert (found.level, found.numbers["share"], len(found.places)) == ("warning", 0.5, 5)
    assert "IMG_0" in found.title


def test_few_names_that_say_nothing_are_a_note_unless_a_split_has_them_all() -> None:
    """5 of 100 in train are a note; the same number in a val of ten is half of it."""
    told = [("train", "A", f"cup {n}") for n in range(95)]
    (even,) = names_that_say_nothing(samples(*told, *[("train", "A", f"DSC{n:04}") for n in range(5)]))
    assert even.level == "note"
    val = [("val", "A", f"cup {n}") for n in range(5)]
    (uneven,) = names_that_say_nothing(samples(*told, *val, *[("val", "A", f"DSC{n:04}") for n in range(5)]))
    assert uneven.level == "warning"
    assert uneven.numbers["by_split"] == {"train": 0.0, "val": 0.5}


def test_a_class_name_in_its_texts_is_the_label_again() -> None:
    """Whole words in any case, plurals too: 40 of 50 texts name their own class."""
    rows = samples(
        *[("train", "Glass bottles", f"old_glass-bottle {n}") for n in range(40)],
        *[("train", "Paper", f"sheet {n}") for n in range(10)],
    )
    (found,) = label_words(rows)
    assert found.level == "warning"
    assert (found.numbers["share"], found.numbers["right"]) == (0.8, 1.0)


def test_a_class_name_as_an_ordinary_word_is_a_note() -> None:
    """A blue thing is as often green waste: the word doesn't tell the label."""
    rows = samples(*[("train", label, "blue thing") for label in ("Blue", "Green") * 10])
    (found,) = label_words(rows)
    assert found.level == "note"
    assert found.numbers["right"] == 0.5


@pytest.mark.parametrize("text", ["blueberry", "thing"])
def test_part_of_a_word_is_no_class_name(text: str) -> None:
    """`Blue` isn't in `blueberry`."""
    assert label_words(samples(("train", "Blue", text), ("train", "Green", "core"))) == []
