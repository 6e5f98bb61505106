"""Amounts and foreign texts as a person reads them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime


def human_seconds(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def human_range(low: float, high: float) -> str:
    """Two durations in the unit of the longer one: `12-20 min`; `45 s` where both read the same."""
    unit, seconds = ("s", 1) if high < 90 else ("min", 60) if high < 5400 else ("h", 3600)
    digits = 1 if unit == "h" else 0
    ends = [f"{end / seconds:.{digits}f}" for end in (low, high)]
    return f"{ends[1]} {unit}" if ends[0] == ends[1] else f"{ends[0]}-{ends[1]} {unit}"


def human_bytes(count: int) -> str:
    """`640 B`, `1.5 MB`, `66 GB`."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:,.0f} {unit}"


def counted(count: int, noun: str) -> str:
    """`1 epoch`, `3 epochs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def local_time(at: float) -> str:
    """Seconds since 1970 as this machine's clock shows them: `2026-03-01 14:05:09`."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, what turns the direction, half characters, line ends
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # Persian words and emoji are written with them


def printable(text: str) -> str:
    """A text from outside with all that a terminal would obey, or no encoding holds, as its escape: `\\x1b`, `\\u202e`.

    Line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(char) if is_obeyed(char) and char not in "\n\t" else char for char in text)


def one_line(text: str) -> str:
    """The same, with line ends and tabs as their escapes: a name that can't pass for a line of its own."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def enumerated(items: Sequence[str], most: int = 30) -> str:
    """`a, b, c`, of more than `most` the first ones and how many there are: `a, b and 998 more`; each on one line."""
    shown = ", ".join(map(one_line, items[:most]))
    return f"{shown} and {len(items) - most:,} more" if len(items) > most else shown


def is_obeyed(char: str) -> bool:
    """Whether a terminal would obey the character, or no encoding holds it."""
    return unicodedata.category(char) in _OBEYED and char not in _JOINERS


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run


def harmless_cell(text: str) -> str:
    """A text as a CSV's cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


_IDS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # UUIDs
    r"|(?<![^\W_])(?=[a-f]*\d)[0-9a-f]{8,}(?![^\W_])"  # hashes
    r"|(?<![^\W_])(?=([^\W\d_]+\d+){3})[^\W_]{16,}(?![^\W_])"  # other keys: letters and digits in turns
)
_WORDS = re.compile(r"[^\W\d_]+")
# What cameras, telephones, messengers and programs call pictures.
_CALLED = """
img imag image images imagen immagine dsc dscn dscf dcim cimg sam hpim kif pict pic pics picture pictures photo photos
foto fotos bild bilder gopr gp dji mvimg pxl vid mov win pro wa mp hdr burst pano camera cam whatsapp telegram signal
snapchat facebook fb instagram received mmexport screenshot screen shot bildschirmfoto capture scan frame file download
untitled unnamed unknown noname default sample test temp tmp copy kopie copia of at am pm new
jpg jpeg jfif png gif bmp tif tiff webp heic avif 图片 照片 截图 微信图片 写真 画像 사진 фото снимок
"""
_NO_WORDS = frozenset(_CALLED.split())


def says_nothing(name: str) -> bool:
    """Whether a picture's name (or a text) has no word for what is seen: a camera's `IMG_1234`, a date, a hash, digits.

    `name` is with or without its ending. A single letter of the Latin alphabet is no word; one of another script, or an
    emoji, is.
    """
    plain = _IDS.sub(" ", unicodedata.normalize("NFKC", name).casefold())
    if any(unicodedata.category(char) == "So" for char in plain):
        return False
    return all(word in _NO_WORDS or (len(word) == 1 and word.isascii()) for word in _WORDS.findall(plain))
