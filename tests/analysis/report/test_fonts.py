"""Which fonts draw class names, tried with fonts that the tests make."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from modality_names import IMAGE

from analysis.numbers.metrics import score
from analysis.report.confusion_plots import confusion_figure
from analysis.report.fonts import OWN, Lettering, lettering, visible

CLASSES = ("Blue", "玻璃", "🍎", "$\\frac$ <b>", "עברית", "ящик")


def make_font(path: Path, family: str, letters: str) -> Path:
    """A font that has a square for each of these letters and nothing else."""
    names = [f"g{ord(letter)}" for letter in letters]
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for corner in ((50, 700), (950, 700), (950, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap({ord(letter): name for letter, name in zip(letters, names, strict=True)})
    builder.setupGlyf(dict.fromkeys([".notdef", *names], square))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (1000, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "fullName": family, "psName": family})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture
def only_own(monkeypatch: pytest.MonkeyPatch) -> font_manager.FontManager:
    """A machine whose only fonts are matplotlib's."""
    fonts = font_manager.fontManager
    own = [entry for entry in fonts.ttflist if entry.name == OWN]
    monkeypatch.setattr(fonts, "ttflist", own)
    return fonts


def test_names_without_a_font_are_numbered(only_own: font_manager.FontManager) -> None:
    """Chinese and emoji become numbers that a note explains; what matplotlib's own font has stays."""
    found = lettering(CLASSES)
    assert found.names == ("Blue", "#2", "#3", "$\\frac$ <b>", "עברית", "ящик")
    assert found.families == (OWN,)
    assert found.note.endswith("no font where they were drawn has their letters: #2 玻璃, #3 🍎.")
    many = lettering([f"瓶{number}" for number in range(100)])
    assert many.note.endswith("#30 瓶29, 70\xa0more names.")
    assert lettering(("a", "b")) == Lettering(("a", "b"))
    assert Lettering(("a",)).note == ""


def test_a_font_that_has_the_letters_is_taken(only_own: font_manager.FontManager, tmp_path: Path) -> None:
    """Wanted ones first, and no more than are needed; fonts of coloured pictures or of boxes alone aren't."""
    for family, letters in (
        ("Aardvark", "玻璃"),
        ("Noto Sans CJK Test", "玻璃瓶"),
        ("Noto Color Emoji", "🍎"),
        ("LastResort", "🍎"),
        ("Symbola", "🍎"),
    ):
        only_own.addfont(make_font(tmp_path / f"{family}.ttf", family, letters))
    found = lettering(CLASSES)
    assert found.families == (OWN, "Noto Sans CJK Test", "Symbola")
    assert found.names == CLASSES
    assert found.note == ""


@pytest.mark.parametrize("installed", [False, True])
def test_a_chart_is_drawn_without_boxes_or_warnings(
    installed: bool, only_own: font_manager.FontManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a font for it and without one: nothing is missing, so matplotlib says nothing."""
    if installed:
        only_own.addfont(make_font(tmp_path / "cjk.ttf", "Test Letters", "玻璃🍎"))
    found = lettering(CLASSES)
    scores = score(np.arange(6), np.arange(6)[::-1], CLASSES)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING), found.applied():
        warnings.simplefilter("error")
        assert confusion_figure({IMAGE: scores}, found.names).startswith(b"\x89PNG")
    assert caplog.text == ""


def test_a_damaged_font_is_passed_by(only_own: font_manager.FontManager, tmp_path: Path) -> None:
    """A file that vanished or is none, since matplotlib listed it."""
    path = make_font(tmp_path / "torn.ttf", "Torn", "玻璃")
    only_own.addfont(path)
    path.write_bytes(b"no font")
    with pytest.raises(RuntimeError):
        FT2Font(str(path))
    assert lettering(CLASSES).families == (OWN,)


def test_what_has_no_shape_is_left_out() -> None:
    """Joiners, variants, turns of direction and controls; spaces of all kinds become one."""
    assert visible("a\u202eb\x1b\u200d \u3000\n c\ufe0f") == "ab c"
    assert lettering(("\u200b", "a")).names == ("#1", "a")
