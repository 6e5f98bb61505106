"""Pictures that are there more than once, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_pictures import scene
from PIL import Image, ImageEnhance

from trainables.data.check.duplicates import duplicate_findings, equal_groups, near_groups
from trainables.data.check.findings import Finding, Place
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.fingerprint import fingerprint


def facts_of(picture: Image.Image, sha256: str, pixels: str = "") -> PictureFacts:
    """A picture as `examine` tells of it."""
    shape = {"width": picture.width, "height": picture.height}
    return PictureFacts(sha256=sha256, pixels=pixels or sha256, fingerprint=fingerprint(picture), **shape)


def brighter(number: int) -> PictureFacts:
    """A near duplicate of a picture."""
    return facts_of(ImageEnhance.Brightness(scene(number)).enhance(1.1), f"brighter {number}")


def original(number: int) -> PictureFacts:
    """One of several different pictures."""
    return facts_of(scene(number), f"picture {number}")


def places(*where: tuple[str, str]) -> list[Place]:
    """Of files by number, each with its split and label."""
    return [Place(str(number), split=split, label=label) for number, (split, label) in enumerate(where)]


def told(findings: Sequence[Finding]) -> dict[str, tuple[str, list[list[str]]]]:
    """By kind: the level, and the groups' files."""
    return {one.kind: (one.level, [[place.file for place in group] for group in one.groups]) for one in findings}


def test_equal_bytes_and_equal_pixels_are_one_group() -> None:
    """Tied through either. Unreadable files that hold the same are equal too, those without a digest aren't."""
    facts = [
        PictureFacts(sha256="a", pixels="p"),
        PictureFacts(sha256="b", pixels="q"),
        PictureFacts(sha256="c", pixels="p"),
        PictureFacts(sha256="c", pixels="p"),
        PictureFacts(sha256="e", fault="cut"),
        PictureFacts(sha256="e", fault="cut"),
        PictureFacts(fault="no such file"),
        PictureFacts(fault="no such file"),
    ]
    assert equal_groups(facts) == [[0, 2, 3], [4, 5]]
    assert near_groups(facts) == [[0, 2, 3], [4, 5]]


def test_near_groups_hold_equal_ones_too() -> None:
    """A picture, its copy, a brighter one and its copy are one group, in the order of the facts."""
    facts = [original(1), brighter(2), original(3), original(1), brighter(1), brighter(1), original(2)]
    assert near_groups(facts) == [[0, 3, 4, 5], [1, 6]]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("pqrstu")), max_size=12))
def test_groups_are_the_connected_parts(pairs: list[tuple[str, str]]) -> None:
    """Each place is in one group at most; what shares bytes or pixels is in the same, and what isn't tied isn't."""
    facts = [PictureFacts(sha256=sha256, pixels=pixels) for sha256, pixels in pairs]
    groups = equal_groups(facts)
    assert sorted({place for group in groups for place in group}) == sorted(
        place for group in groups for place in group
    )
    of = {place: number for number, group in enumerate(groups) for place in group}
    for one, (sha256, pixels) in enumerate(pairs):
        alike = [other for other, pair in enumerate(pairs) if other != one and (pair[0] == sha256 or pair[1] == pixels)]
        assert (one in of) == bool(alike)
        assert all(of[one] == of[other] for other in alike)


class TestFindings:
    """Levels and groups."""

    @pytest.mark.parametrize(
        ("splits", "level"),
        [(("train", "test"), "error"), (("train", "val"), "error"), (("val", "test"), "warning")],
    )
    def test_equal_across_splits(self, splits: tuple[str, str], level: str) -> None:
        """What train shares with another split is an error."""
        facts = [original(1), original(2), original(1)]
        found = duplicate_findings(facts, places((splits[0], "x"), (splits[0], "x"), (splits[1], "x")))
        assert told(found) == {"equal-across-splits": (level, [["0", "2"]])}
        assert " and ".join(sorted(splits)) + " 1" in found[0].title
        assert found[0].numbers == {"groups": 1, "pictures": 2}

    def test_two_labels(self) -> None:
        """Equal pictures with two labels are an error, near ones a warning; each group is within its split too."""
        facts = [original(1), original(1), original(2), brighter(2)]
        found = duplicate_findings(facts, places(*[("train", label) for label in "abab"]))
        assert told(found) == {
            "equal-with-two-labels": ("error", [["0", "1"]]),
            "equal-within-split": ("note", [["0", "1"]]),
            "near-with-two-labels": ("warning", [["2", "3"]]),
            "near-within-split": ("note", [["2", "3"]]),
        }

    def test_near_across_splits(self) -> None:
        """A warning, with every member of the group; the equal ones among them are told as such as well."""
        facts = [original(1), brighter(1), brighter(1), original(2), replace(original(1), sha256="other")]
        where = [("train", "x"), ("test", "x"), ("test", "x"), ("val", "x"), ("train", "x")]
        assert told(duplicate_findings(facts, places(*where))) == {
            "equal-within-split": ("note", [["0", "4"], ["1", "2"]]),
            "near-across-splits": ("warning", [["0", "1", "2", "4"]]),
        }

    def test_different_pictures_give_nothing(self) -> None:
        """No duplicates, no findings."""
        facts = [original(number) for number in range(5)]
        assert duplicate_findings(facts, places(*[("train", "x")] * 5)) == []
        assert duplicate_findings([], []) == []
