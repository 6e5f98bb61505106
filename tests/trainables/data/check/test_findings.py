"""Findings: the worst decides, in one sentence; errors come first."""

from __future__ import annotations

import json

import pytest

from trainables.data.check.findings import ALL, Finding, Level, Place, by_level, verdict, verdict_sentence


def found(*levels: Level) -> list[Finding]:
    """A finding of each level, numbered."""
    return [Finding(str(number), level, "Something.") for number, level in enumerate(levels)]


@pytest.mark.parametrize(
    ("levels", "said", "sentence"),
    [
        ((), "ok", "Nothing was found that may mislead a search."),
        (("note", "note"), "ok", "Nothing was found that may mislead a search."),
        (("note", "warning"), "warnings", "1 warning: a search may learn the wrong thing."),
        (("warning", "error", "error"), "errors", "2 errors and 1 warning: mend these data before a search."),
        (("error",), "errors", "1 error: mend these data before a search."),
    ],
)
def test_the_worst_is_the_verdict(levels: tuple[Level, ...], said: str, sentence: str) -> None:
    """Notes are no fault; the sentence counts errors and warnings."""
    assert verdict(found(*levels)) == said
    assert verdict_sentence(found(*levels)) == sentence


def test_errors_first_and_otherwise_as_they_came() -> None:
    """By level, stable."""
    assert [one.kind for one in by_level(found("note", "warning", "error", "warning"))] == ["2", "1", "3", "0"]


def test_plain_values_and_where() -> None:
    """JSON takes a finding; data that aren't split have no split to be named."""
    place = Place("a.jpg", "cut", ALL, "Blue")
    one = Finding("kind", "note", "Title.", places=(place,), groups=((place, place),), numbers={"n": 1})
    assert json.loads(json.dumps(one.as_dict()))["groups"][0][1]["file"] == "a.jpg"
    assert place.where == ("Blue",)
    assert Place("a.jpg", split="val").where == ("val",)


def test_a_reason_that_all_places_share_is_told_once() -> None:
    """By the title; different reasons stay, and so does that of a single place."""
    alike = Finding("kind", "note", "Empty.", places=(Place("a", "empty"), Place("b", "empty")))
    assert [place.reason for place in alike.told_places] == ["", ""]
    unlike = Finding("kind", "note", "Broken.", places=(Place("a", "empty"), Place("b", "cut")))
    assert unlike.told_places == unlike.places
    assert Finding("kind", "note", "One.", places=(Place("a", "empty"),)).told_places[0].reason == "empty"
