"""What a file holds that isn't a picture we read, by its first bytes: so that its owner knows what to do with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

HEAD: Final = 512  # bytes

_HEIC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIC: Final = (
    "HEIC, which isn't read: convert it to JPEG (on macOS with `sips -s format jpeg`, elsewhere with `heif-convert`), "
    'or let the phone take "most compatible" pictures'
)
_STARTS: Final = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript drawing"),
    (b"8BPS", "a Photoshop file: export it as PNG"),
    (b"\xff\x0a", "JPEG XL, which isn't read: convert it to PNG"),
    (b"\0\0\0\x0cJXL ", "JPEG XL, which isn't read: convert it to PNG"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000, which isn't read: convert it to PNG"),
    (b"\xff\x4f\xff\x51", "JPEG 2000, which isn't read: convert it to PNG"),
    (b"\0\0\1\0", "an icon (ICO): convert it to PNG"),
    (b"\0\5\x16\7", "macOS's notes about another file (AppleDouble): it can be removed"),
    (b"PK\3\4", "a ZIP archive: unpack it"),
    (b"\x1f\x8b", "a gzip archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the files with `git lfs pull`"),
)
_WEB_PAGE: Final = re.compile(rb"^\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE)
# A comment ends at its first end, (?>...): a file of comments alone would be tried with all others for ever.
_DRAWING: Final = re.compile(
    rb"^\s*(<\?xml[^>]*>\s*)?(?><!--.*?-->\s*)*+(<!doctype svg[^>]*>\s*)?<svg", re.IGNORECASE | re.DOTALL
)


def foreign_content(path: Path) -> str | None:
    """What the file is, in words and with what to do, where that can be told; None otherwise."""
    head = _head(path)
    tests: Sequence[tuple[Callable[[bytes], object], str]] = (
        (is_heic, _HEIC),
        (_is_video, "a video"),
        (_is_zeros, "nothing but zero bytes: restore it from a copy"),
        *((partial(_starts, start), words) for start, words in _STARTS),
        (_WEB_PAGE.match, "a web page, perhaps of a download that failed"),
        (_DRAWING.match, "an SVG drawing: export it as PNG"),
        (_is_text, "text"),
    )
    return next((words for test, words in tests if test(head)), None)


def heic_content(path: Path) -> str | None:
    """The same for HEIC alone, whose marks an AVIF may have at its beginning too."""
    return _HEIC if is_heic(_head(path)) else None


def is_heic(head: bytes) -> bool:
    """Whether a file that begins like this is HEIC: by its main brand, or by its others where that one is common."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    return bool(brands & _HEIC_BRANDS) and not brands & {b"avif", b"avis"}


def _head(path: Path) -> bytes:
    with suppress(OSError):
        if path.is_file():  # a pipe would wait for ever
            with path.open("rb") as stream:
                return stream.read(HEAD)
    return b""


def _starts(start: bytes, head: bytes) -> bool:
    return head.startswith(start)


def _is_video(head: bytes) -> bool:
    return head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def _is_zeros(head: bytes) -> bool:
    return bool(head) and not any(head)


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", "ignore")
    return (
        bool(text)
        and len(text.encode()) >= len(head) - 3
        and all(char.isprintable() or char.isspace() for char in text)
    )
