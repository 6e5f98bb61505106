"""The page of a check: whole in itself, bounded, and with every text from outside as a text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis import data_page
from analysis.data_page.page import render_page, write_page
from analysis.data_page.pictures import MOST_BYTES, MOST_PICTURES
from analysis.data_page.view import MOST_CLASSES, page_view
from trainables.data.check.findings import Finding, Level, Place, by_level
from trainables.data_check.result import DataCheck
from trainables.words import is_obeyed

HOSTILE = (
    "<script>alert(1)</script>",
    "[/red]",
    r"$\frac$",
    "\x1b[31mred",
    "\u202etxt.exe",
    "two\nlines",
    "\udcff",
    "`a",
)


class Parsed(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag with its attributes."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        self.text += data

    @property
    def pictures(self) -> list[str]:
        """The sources of its pictures."""
        return [value or "" for name, value in self.attributes if name == "src"]


def check(*findings: Finding, **changes: object) -> DataCheck:
    """A small check with these findings."""
    whole = DataCheck(
        name="mine",
        sources={"train": Path("/data/mine/Train"), "val": Path("/data/mine/Val")},
        counts={"train": {"Blue": 30, "Green": 10}, "val": {"Blue": 3, "Green": 0}},
        pictures={},
        accounting={},
        findings=tuple(by_level(findings)),
        checked="2026-03-01T10:00:00+00:00",
        seconds=1.0,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def page(*findings: Finding, **changes: object) -> Parsed:
    """The page, parsed."""
    return Parsed(render_page(page_view(check(*findings, **changes))))


def test_verdict_counts_and_findings_are_on_the_page() -> None:
    """The verdict in the title, each class with its share, a finding with place, remedy and its command as code."""
    found = Finding("cut", "error", "A picture is cut short.", "Run `binwise data clean`.", (Place("a.jpg", "cut"),))
    shown = page(found)
    for text in (
        "1 error: mend these data",
        "Blue",
        "75.0",
        "A picture is cut short.",
        "a.jpg",
        "binwise data clean",
    ):
        assert text in shown.text
    assert shown.tags.count("code") == 3  # the command, and two sources


def test_a_long_text_is_cut() -> None:
    """A caption in thirty languages doesn't make the page a book."""
    shown = page(Finding("kind", "note", "Note.", places=(Place("a.jpg", "kanne " * 1000),)))
    assert shown.text.count("kanne") == 26
    assert "kann …" in shown.text


def test_what_was_measured_is_drawn_to_scale() -> None:
    """A shortcut's accuracy with its interval beside the majority; the shift's area beside a half."""
    counter = {"accuracy": 0.8, "low": 0.75, "high": 0.85, "majority": 0.3}
    shown = page(
        Finding("shortcut-counter", "warning", "The number tells.", numbers=counter),
        Finding("shift-names-val-test", "note", "They differ.", numbers={"auc": 0.7, "low": 0.65, "high": 0.75}),
    )
    styles = [value for name, value in shown.attributes if name == "style"]
    assert {"left: 75.0%; width: 10.0%", "left: 30.0%", "left: 80.0%", "left: 50.0%", "left: 70.0%"} <= set(styles)
    assert "Names val test" in shown.text


def test_nothing_found_is_said() -> None:
    """A page without findings has a verdict all the same."""
    assert "Nothing was found" in page().text


def test_the_dark_ground_has_a_condition_that_browsers_know() -> None:
    """A medium comes before what is asked of it; the other way round the whole condition is `not all`, always false."""
    rendered = render_page(page_view(check()))
    assert rendered.count("@media screen and (prefers-color-scheme: dark)") == 2
    for path in (Path(data_page.__file__).parents[1]).rglob("templates/*"):
        assert not re.search(r"\)\s+and\s+(screen|print)\b", path.read_text("utf-8")), path


def test_nothing_is_loaded_from_elsewhere() -> None:
    """No script, no link but to a place of the page, pictures within it."""
    shown = page(Finding("kind", "note", "Note.", places=(Place("https://example.org/x.png"),)))
    assert not {"script", "link", "iframe", "object"} & set(shown.tags)
    assert all((value or "").startswith("#") for name, value in shown.attributes if name == "href")
    assert shown.pictures == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_are_texts(hostile: str) -> None:
    """In every place of a page: no tag comes of it, and nothing that turns or ends a line."""
    place = Place(hostile, hostile, hostile, hostile)
    shown = page(
        Finding("kind", "error", hostile, hostile, (place,), ((place, place),)),
        name=hostile,
        counts={"train": {hostile: 1}},
    )
    assert "script" not in shown.tags
    assert not any(is_obeyed(char) for char in shown.text if char != "\n")
    expected = hostile.encode("unicode_escape").decode() if any(map(is_obeyed, hostile)) else hostile
    assert shown.text.count(expected) >= 8


def picture(path: Path, side: int = 8, seed: int = 0) -> Path:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_equal_pictures_stand_side_by_side(tmp_path: Path) -> None:
    """Both are in the page, made anew as small JPEGs; what is no picture has none; paths begin at the split."""
    first, second = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", seed=1)
    (tmp_path / "c.png").write_bytes(b"no picture")
    group = tuple(Place(str(path)) for path in (first, second, tmp_path / "c.png"))
    shown = page(Finding("equal", "warning", "Equal.", groups=(group,)), sources={"train": tmp_path / "Train"})
    assert [uri[:23] for uri in shown.pictures] == ["data:image/jpeg;base64,"] * 2
    assert str(tmp_path / "a.png") not in shown.text


def test_a_page_has_so_many_pictures_and_no_more(tmp_path: Path) -> None:
    """However many findings there are with pictures, the page stays small."""
    paths = [picture(tmp_path / f"{number}.png", 120, number) for number in range(8)]
    twins = [tmp_path / f"{number}-{twin}.png" for number in range(8) for twin in range(12)]
    for number, twin in enumerate(twins):
        twin.write_bytes(paths[number % 8].read_bytes())
    levels: list[Level] = ["note", "warning"]
    found = [
        Finding(f"kind-{n}", level, "Found.", places=tuple(Place(str(one)) for one in twins[8 * n : 8 * n + 8]))
        for n in range(12)
        for level in levels
    ]
    write_page(tmp_path / "page.html", check(*found))
    shown = Parsed((tmp_path / "page.html").read_text("utf-8"))
    assert len(shown.pictures) == MOST_PICTURES
    assert sum(map(len, shown.pictures)) <= MOST_BYTES
    assert (tmp_path / "page.html").stat().st_size < 3_000_000


def test_of_many_classes_the_largest_are_shown() -> None:
    """And the page says how many aren't."""
    shown = page(counts={"train": {f"class {number}": number for number in range(MOST_CLASSES + 3)}})
    assert f"class {MOST_CLASSES + 2}" in shown.text
    assert "3" in shown.text
    assert "smaller classes" in shown.text.replace("\u00a0", " ")
