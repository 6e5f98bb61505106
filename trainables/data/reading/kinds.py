"""What a file is, by its name and its first bytes: a picture, known junk, or something to be listed with a remedy."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from trainables.data.accounting import Listed
from trainables.runtime.texts import is_picture_name

FIRST_BYTES: Final = 512
HIDDEN: Final = "hidden"
PICTURE: Final = "picture"

# Folders that programs keep for themselves; nothing in them is a sample.
_JUNK_FOLDERS: Final = {
    "__macosx": "__MACOSX",
    "@eadir": "@eaDir",
    ".ipynb_checkpoints": ".ipynb_checkpoints",
    "@recycle": "recycle bin",
    "#recycle": "recycle bin",
    "$recycle.bin": "recycle bin",
    "system volume information": "System Volume Information",
    "lost+found": "lost+found",
}
_JUNK_FILES: Final = {
    ".ds_store": ".DS_Store",
    "thumbs.db": "Thumbs.db",
    "ehthumbs.db": "Thumbs.db",
    "desktop.ini": "desktop.ini",
}
_CAMERA_RAW: Final = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"}
)
_HEIC_ENDINGS: Final = frozenset({".heic", ".heif", ".hif"})
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ARCHIVES: Final = (b"PK\x03\x04", b"\x1f\x8b", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"BZh", b"\xfd7zXZ\x00")
_BITMAP_HEADERS: Final = (12, 40, 52, 56, 64, 108, 124)  # sizes of the second header, which say its version

# Kinds of what isn't taken, and how the reason ends.
REASONS: Final = {
    "HEIC": "a HEIC picture, which isn't read: convert it to JPEG, such as with `magick mogrify -format jpg *.heic`",
    "SVG": "an SVG drawing, which isn't read: draw it as PNG, such as with `rsvg-convert -o NAME.png NAME.svg`",
    "camera raw": "a camera's raw picture, which isn't read: develop it to JPEG",
    "JPEG XL": "a JPEG XL picture, which isn't read: convert it to JPEG or PNG",
    "JPEG 2000": "a JPEG 2000 picture, which isn't read: convert it to JPEG or PNG",
    "Photoshop": "a Photoshop file, which isn't read: export it as PNG",
    "archive": "an archive, which isn't opened: unpack it",
    "PDF": "a PDF, which isn't read: export its pages as PNG",
    "text file": "a text, no picture",
    "empty file": "an empty file",
    "other file": "no picture that is known here: its first bytes are of none",
}


def junk_folder(name: str) -> str | None:
    """The kind of junk that everything in a folder of this name is; None where it may hold samples."""
    known = _JUNK_FOLDERS.get(name.lower())
    return known or (HIDDEN if name.startswith(".") else None)


def junk_file(name: str) -> str | None:
    """The kind of junk that a file of this name is, whatever it holds; None where that isn't clear from the name."""
    known = _JUNK_FILES.get(name.lower())
    return known or ("._*" if name.startswith("._") else None)


def kind_of(path: str, name: str) -> str:
    """`picture`, or a key of REASONS. OSError where the file must be looked into and can't be opened.

    A picture's ending is believed; the decoder will see. Anything else is looked into.
    """
    if is_picture_name(name):
        return PICTURE
    ending = os.path.splitext(name)[1].lower()
    if ending in _CAMERA_RAW:  # many of them begin like a TIFF
        return "camera raw"
    kind = kind_of_bytes(_first_bytes(path))
    return "HEIC" if ending in _HEIC_ENDINGS and kind != PICTURE else kind


def listed_file(file: str, kind: str) -> Listed:
    """The entry of a file of a kind of REASONS."""
    return Listed(file, kind, REASONS[kind])


def _first_bytes(path: str) -> bytes:
    with open(path, "rb", buffering=0) as stream:
        return stream.read(FIRST_BYTES)


def kind_of_bytes(head: bytes) -> str:
    """`picture`, or a key of REASONS, by a file's first bytes."""
    if not head:
        return "empty file"
    if _is_picture(head):
        return PICTURE
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIC"
    for kind, starts in (
        ("JPEG XL", (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")),
        ("JPEG 2000", (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")),
        ("Photoshop", (b"8BPS",)),
        ("archive", _ARCHIVES),
        ("PDF", (b"%PDF",)),
    ):
        if head.startswith(starts):
            return kind
    return _text_kind(head)


def _is_picture(head: bytes) -> bool:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")):
        return True
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):  # TIFF; with +: of more than 4 GB
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return True
    if head[4:8] == b"ftyp" and (head[8:12] in (b"avif", b"avis") or b"avif" in head[16:64]):
        return True
    # "BM" alone begins many a text.
    return head[:2] == b"BM" and head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS


def _text_kind(head: bytes) -> str:
    """A text has no control character but those of lines and tabs; a byte-order mark begins UTF-16."""
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and b"<svg" in head.lower():
        return "SVG"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text file"
    return "other file" if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head) else "text file"


def name_fault(path: str) -> str | None:
    """Why a file's name can't be a sample's: it could be neither tokenized nor written to JSON."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return f"its name isn't valid UTF-8 ({os.fsencode(Path(path).name)!r}): rename it"
    return None
