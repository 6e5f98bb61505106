"""Which fonts draw a study's class names, and what stands in a chart for a name that no font of this machine has."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib import font_manager, rc_context
from matplotlib.ft2font import FT2Font

from analysis import wording
from analysis.report.theme import Theme

OWN = "DejaVu Sans"  # comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and many signs
# How the names of fonts begin that hold the scripts most wanted, tried before all others; outlined emoji at the end.
WANTED = (
    *("Noto Sans CJK", "Source Han Sans", "WenQuanYi", "Droid Sans Fallback", "Microsoft YaHei", "SimHei"),
    *("PingFang", "Hiragino Sans", "Yu Gothic", "IPA", "Malgun Gothic", "Apple SD Gothic", "NanumGothic"),
    *("Noto Sans", "Arial Unicode MS", "Segoe UI", "Noto Emoji", "Symbola", "Unifont"),
)
MOST_FILES = 200  # that are looked into: a machine may have thousands
MOST_NOTED = 30  # names that the note beside the pictures tells
_NORMAL = ("normal", "regular", "book", "medium", 400, 500)


@dataclass(frozen=True)
class Lettering:
    """How the names of a study's classes are written in charts."""

    names: tuple[str, ...]  # (C,) as drawn: the class's own name, or its number
    families: tuple[str, ...] = (OWN,)  # a character is drawn with the first that has it
    numbered: Mapping[str, str] = field(default_factory=dict)  # number -> name, of those that can't be drawn

    @property
    def note(self) -> str:
        """What the numbers in the pictures stand for, in a sentence; empty where there are none."""
        if not self.numbered:
            return ""
        meant = [f"{number} {name}" for number, name in self.numbered.items()]
        rest = [wording.count(len(meant) - MOST_NOTED, "more name")] if len(meant) > MOST_NOTED else []
        said = ", ".join([*meant[:MOST_NOTED], *rest])
        return f"In the pictures these names are numbers, as no font where they were drawn has their letters: {said}."

    @contextmanager
    def applied(self) -> Iterator[None]:
        """All that is drawn within has these fonts. That most of them have no bold letters isn't worth a warning."""
        logger = logging.getLogger(font_manager.__name__)
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            with rc_context({"font.family": list(self.families)}):
                yield
        finally:
            logger.setLevel(before)

    def drawing(self, draw: Callable[[Theme], bytes]) -> Callable[[Theme], bytes]:
        """The same, drawn with these fonts whenever that is."""

        def drawn(theme: Theme) -> bytes:
            with self.applied():
                return draw(theme)

        return drawn


def lettering(classes: Sequence[str]) -> Lettering:
    """The fonts that this machine has for these names."""
    shown = [visible(name) for name in classes]
    lacking = {letter for name in shown for letter in name} - _letters(_own_file())
    families = [OWN]
    for family, letters in _other_fonts() if lacking else ():
        if lacking & letters:
            families.append(family)
            lacking -= letters
        if not lacking:
            break
    numbers = {place: f"#{place + 1}" for place, name in enumerate(shown) if lacking & set(name) or not name}
    return Lettering(
        names=tuple(numbers.get(place, name) for place, name in enumerate(shown)),
        families=tuple(families),
        numbered={number: classes[place] for place, number in numbers.items()},
    )


def visible(name: str) -> str:
    """A name in one line, without what has no shape of its own: controls, joiners, variants of emoji."""
    letters = (" " if letter.isspace() else letter for letter in name)
    return " ".join("".join(letter for letter in letters if _has_shape(letter)).split())


def _has_shape(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs") and not "\ufe00" <= letter <= "\ufe0f"


def _own_file() -> Path:
    return Path(font_manager.findfont(OWN))


def _letters(file: Path) -> frozenset[str]:
    """The characters that a font file has outlines for; none where it can't be read."""
    try:
        font = FT2Font(str(file))
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def _other_fonts() -> Iterator[tuple[str, frozenset[str]]]:
    """Family and characters of upright fonts of normal weight, the wanted ones first."""
    found: dict[str, Path] = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.style == "normal" and entry.weight in _NORMAL and not _is_unfit(entry.name):
            found.setdefault(entry.name, Path(entry.fname))
    found.pop(OWN, None)
    ordered = sorted(found, key=lambda family: (_rank(family), family))
    for family in ordered[:MOST_FILES]:
        yield family, _letters(found[family])


def _is_unfit(family: str) -> bool:
    """Whether a font has pictures instead of outlines, or nothing but boxes."""
    folded = family.casefold().replace(" ", "").replace(".", "")
    return "coloremoji" in folded or folded.startswith("lastresort")


def _rank(family: str) -> int:
    return next((place for place, start in enumerate(WANTED) if family.startswith(start)), len(WANTED))
