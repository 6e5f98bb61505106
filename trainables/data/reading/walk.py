"""Every file below a folder: taken, known junk that is counted, or listed with its reason. Nothing is passed over."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trainables.data.accounting import FILES, Accounting, Listed
from trainables.data.files import listed
from trainables.data.reading.kinds import HIDDEN, PICTURE, junk_file, junk_folder, kind_of, listed_file, name_fault
from trainables.errors import UserError
from trainables.runtime.texts import is_picture_name
from trainables.words import printable

CAPTION_BYTES: Final = 10_000  # a longer text is no caption
CAPTION_KIND: Final = "caption file"
_NUMBERS = re.compile(r"[\d\s.,;:+\-eE]*")


@dataclass(frozen=True)
class Caption:
    """The text file beside a picture (`photo.txt` beside `photo.jpg`) and what it says."""

    file: Path
    text: str


@dataclass(frozen=True)
class Walked:
    """What is below a folder."""

    pictures: tuple[Path, ...]  # sorted
    captions: Mapping[Path, Caption]  # by picture
    account: Accounting


def walk(folder: Path, root: Path, *, allow_links: bool = False) -> Walked:
    """All that is in `folder` and its sub-folders, each file accounted for.

    `root` is a resolved folder that holds `folder`, and to which the listed files are relative. Links are followed
    where they stay within `root`, or anywhere with `allow_links`. No picture is decoded; files without a picture's
    ending are looked into.
    """
    found = _Found(str(root), allow_links)
    _look_into(str(folder), None, found)
    captions = dict(_captions(found))
    used = len({caption.file for caption in captions.values()})
    return Walked(
        tuple(map(Path, sorted(found.pictures))),
        captions,
        Accounting(
            FILES,
            len(found.pictures),
            {CAPTION_KIND: used} if used else {},
            dict(found.junk.most_common()),
            tuple(sorted(found.listed, key=lambda one: one.file)),
        ),
    )


def refuse_blocking(source: Path, account: Accounting) -> None:
    """UserError that lists what must not be left out in silence: links out, names and folders that can't be read."""
    faults = [printable(f"{one.file}: {one.reason}") for one in account.listed if one.blocking]
    if faults:
        raise UserError(f"All pictures of {source} must be within reach, but:\n{listed(faults)}")


@dataclass
class _Found:
    root: str
    allow_links: bool
    pictures: list[str] = field(default_factory=list)
    junk: Counter[str] = field(default_factory=Counter)
    listed: list[Listed] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # what may be a caption

    def name(self, path: str) -> str:
        """A path as it is listed: relative to the root; what isn't UTF-8 is escaped."""
        relative = os.path.relpath(path, self.root).replace(os.sep, "/")
        return os.fsencode(relative).decode("utf-8", "backslashreplace")

    def note(self, path: str, kind: str, reason: str, *, blocking: bool = False) -> None:
        self.listed.append(Listed(self.name(path), kind, reason, blocking))


def _look_into(folder: str, above: frozenset[str] | None, found: _Found) -> None:
    """`above`: the real paths of the folders that hold this one; None where it is the first."""
    real = os.path.realpath(folder)
    if not _within(real, found):
        reason = f"a link that leaves the folder, to {real}: copy what it names, or set `data: {{allow_links: true}}`"
        found.note(folder, "link", reason, blocking=True)
        return
    if above is not None and real in above:
        found.note(folder, "link", "a link to a folder that holds it: what is there is taken once")
        return
    try:
        with os.scandir(folder) as entries:
            inside = list(entries)
    except OSError as error:
        reason = f"the folder can't be read ({error.strerror}): give yourself the right to, or remove it"
        found.note(folder, "unreadable folder", reason, blocking=True)
        return
    for entry in _folders_among(inside, found):
        _look_into(entry.path, (above or frozenset()) | {real}, found)


def _folders_among(inside: Iterable[os.DirEntry[str]], found: _Found) -> Iterator[os.DirEntry[str]]:
    """The folders that may hold samples; files and junk are accounted for on the way."""
    for entry in inside:
        if not _is_folder(entry):
            _look_at(entry, found)
        elif kind := junk_folder(entry.name):
            found.junk[kind] += files_below(entry)
        else:
            yield entry


def _look_at(entry: os.DirEntry[str], found: _Found) -> None:
    """One file."""
    path, name = entry.path, entry.name
    if kind := junk_file(name):
        found.junk[kind] += 1
        return
    try:
        if not _is_file(entry):
            _list_odd(entry, found)
        elif name.startswith("."):
            _hidden(path, found)
        elif (kind := kind_of(path, name)) == PICTURE:
            _picture(entry, found)
        else:
            found.listed.append(listed_file(found.name(path), kind))
            if kind == "text file" and name.lower().endswith(".txt"):
                found.texts.append(path)
    except OSError as error:
        found.note(path, "unreadable file", f"it can't be read ({error.strerror}): give yourself the right to")


def _hidden(path: str, found: _Found) -> None:
    """A hidden file is junk, unless it holds a picture: `.5 inch pipe.jpg`."""
    if kind_of(path, "") == PICTURE:
        found.note(path, "hidden picture", "its name begins with a dot, which hides it: rename it")
    else:
        found.junk[HIDDEN] += 1


def _picture(entry: os.DirEntry[str], found: _Found) -> None:
    if fault := None if entry.path.isascii() else name_fault(entry.path):
        found.note(entry.path, "name", fault, blocking=True)
    elif entry.is_symlink() and not _within(real := os.path.realpath(entry.path), found):
        reason = f"a link that leaves the folder, to {real}: copy the file, or set `data: {{allow_links: true}}`"
        found.note(entry.path, "link", reason, blocking=True)
    else:
        found.pictures.append(entry.path)


def _list_odd(entry: os.DirEntry[str], found: _Found) -> None:
    """What is neither a folder nor a file."""
    meant = is_picture_name(entry.name)
    if entry.is_symlink() and not os.path.exists(entry.path):
        reason = "a link that leads nowhere: remove it, or restore its file"
        found.note(entry.path, "broken link", reason, blocking=meant)
    else:
        reason = "not a regular file (a pipe, a socket or a device): remove it"
        found.note(entry.path, "pipe or device", reason, blocking=meant)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where we may not look
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # as with folders
        return False


def _within(real: str, found: _Found) -> bool:
    return found.allow_links or real == found.root or real.startswith(found.root.rstrip(os.sep) + os.sep)


def files_below(entry: os.DirEntry[str]) -> int:
    """How many files a folder holds; a link, or a folder that can't be read, counts as one."""
    if entry.is_symlink():
        return 1
    total = 0
    try:
        with os.scandir(entry.path) as inside:
            for one in inside:
                total += files_below(one) if one.is_dir(follow_symlinks=False) else 1
    except OSError:
        return total + 1
    return total


def _captions(found: _Found) -> Iterator[tuple[Path, Caption]]:
    """The text files that are a picture's caption; of the others, the list says why they are none."""
    beside: dict[str, list[str]] = {}
    for picture in found.pictures if found.texts else ():
        beside.setdefault(os.path.splitext(picture)[0], []).append(picture)
    decided: dict[str, Listed | None] = {}
    for path in found.texts:
        if pictures := beside.get(os.path.splitext(path)[0]):
            text, fault = _caption(path)
            reason = f"a text beside its picture, but no caption: {fault}"
            decided[found.name(path)] = Listed(found.name(path), "text file", reason) if fault else None
            yield from ((Path(picture), Caption(Path(path), text)) for picture in pictures if not fault)
    found.listed = [new for one in found.listed if (new := decided.get(one.file, one)) is not None]


def _caption(path: str) -> tuple[str, str]:
    """What a text file says, and why it is no caption: one of them is empty."""
    try:
        raw = Path(path).read_bytes()[: CAPTION_BYTES + 1]
        text = raw.decode("utf-8-sig").strip()
    except OSError as error:
        return "", f"it can't be read ({error.strerror})"
    except UnicodeDecodeError:
        return "", "it isn't UTF-8"
    if len(raw) > CAPTION_BYTES:
        return "", f"it has more than {CAPTION_BYTES:,} bytes"
    if "\0" in text or _NUMBERS.fullmatch(text):
        return "", "it has no words"
    return text, ""


@dataclass(frozen=True)
class Top:
    """What lies directly in a data set's folder."""

    folders: Mapping[str, Path]  # those that may be classes, by name, sorted
    loose: Sequence[str]  # pictures, which have no class here
    account: Accounting  # of all that isn't in `folders`, pictures left out


def top_of(root: Path) -> Top:
    """The folders directly in `root`, which is a folder. UserError where it can't be read."""
    found = _Found(str(root), allow_links=True)
    try:
        with os.scandir(root) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(
            f"A data set's folder must be readable, but {root}: {error.strerror}. Give yourself the right to read it."
        ) from error
    folders = {entry.name: Path(entry.path) for entry in _folders_among(inside, found)}
    beside = tuple(
        Listed(one.file, "beside the classes", f"it lies beside the class folders; {one.reason}")
        for one in found.listed
    )
    account = Accounting(FILES, 0, {}, dict(found.junk.most_common()), beside)
    return Top(folders, [os.path.basename(path) for path in found.pictures], account)
