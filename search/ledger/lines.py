"""A file of checked lines that only grows, kept twice: a torn end is cut off, damaged lines come from the other copy.

Each line is JSON, `{"crc":"1c291ca3","event":{...}}`, with the CRC-32 of the event's bytes. A line is on the disk when
`append` returns. SQLite's WAL mode isn't safe on network file systems, where studies often lie; appending is.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.ledger.checked import check_depth
from trainables.data.files import replace_file
from trainables.errors import UserError

_HEAD = b'{"crc":"00000000","event":'
_CRC = slice(8, 16)
LINE_LIMIT = 50_000_000  # bytes; the longest line has what another study's trials taught


def encode_line(event: dict[str, Any]) -> bytes:
    """The event's line. Its texts are ASCII, so that no reader splits it at Unicode's own line ends."""
    body = json.dumps(event, separators=(",", ":")).encode("ascii")
    return b'{"crc":"%08x","event":%b}\n' % (zlib.crc32(body), body)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The event of a line without its line end; None where a byte of it is missing or wrong."""
    body = line[len(_HEAD) : -1]
    if line[:8] != _HEAD[:8] or line[16 : len(_HEAD)] != _HEAD[16:] or line[-1:] != b"}":
        return None
    if line[_CRC] != b"%08x" % zlib.crc32(body):
        return None
    try:
        event = json.loads(body)
        check_depth(event)
    except (ValueError, RecursionError):  # a sum that fits what is no JSON, or none that can be gone through
        return None
    return event if isinstance(event, dict) else None


def mirror_of(path: Path) -> Path:
    """Where the second copy lies."""
    return path.with_name(f"{path.stem}.mirror{path.suffix}")


@dataclass(frozen=True)
class Recovered:
    """What a file of lines holds, and what had to be done to have it."""

    lines: tuple[bytes, ...]  # each whole, with its line end
    events: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]  # what was wrong, in words


def read_lines(path: Path) -> Recovered:
    """Every line, in the order of its event's `seq`; a damaged one from the mirror. Nothing is written.

    Raises UserError where a line is damaged in both copies, or neither has a line: a record is never begun anew in
    silence.
    """
    mirror = mirror_of(path)
    main, odd = _whole(path)
    other, other_odd = _whole(mirror)
    found = {**other, **main}
    if not found:
        raise UserError(
            f"{path} must hold the study's record, but it is empty, and so is {mirror.name}: put a backup of one of "
            "the two in its place, or remove the study's folder to begin anew."
        )
    # No list of all that should be there: a line's number may say anything.
    missing = next((place for place, seq in enumerate(sorted(found)) if seq != place), None)
    if missing is not None:
        raise UserError(
            f"{path}: line {missing + 1} is damaged, and so is its copy in {mirror.name}: put a backup of one of "
            "the two files in its place, or remove the study's folder to begin anew."
        )
    places = range(len(found))
    return Recovered(
        tuple(found[place][0] for place in places),
        tuple(found[place][1] for place in places),
        tuple(_notes(path, len({*found} - {*main}), odd=bool(odd or other_odd))),
    )


def _notes(path: Path, taken: int, *, odd: bool) -> Iterator[str]:
    if taken:
        yield f"{path.name}: {taken} lines were missing or damaged and were taken from {mirror_of(path).name}."
    elif odd:
        yield f"{path.name}: a line that a crash had cut off, or that was damaged in one of two copies, was put right."


def _whole(path: Path) -> tuple[dict[int, tuple[bytes, dict[str, Any]]], int]:
    """The whole lines of a file with their events, by `seq`; and how many others it has."""
    found, odd = {}, 0
    for line in _lines(path):
        event = decode_line(line[:-1]) if line.endswith(b"\n") else None
        seq = event.get("seq") if event is not None else None
        if event is None or type(seq) is not int or seq < 0:
            odd += 1
        else:
            found[seq] = (line, event)
    return found, odd


def _lines(path: Path) -> Iterator[bytes]:
    """The file's lines with their ends; of one that is no record's, as it has no end for long, the parts."""
    try:
        with path.open("rb") as file:
            while line := file.readline(LINE_LIMIT):
                yield line
    except FileNotFoundError:
        return


class LinesFile:
    """The one writer of such a file."""

    def __init__(self, path: Path) -> None:
        """Open an existing file, repaired: both copies hold exactly the same whole lines afterwards."""
        self.recovered = read_lines(path)
        content = b"".join(self.recovered.lines)
        for copy in (path, mirror_of(path)):
            if not copy.is_file() or copy.read_bytes() != content:
                replace_file(copy, content)
        self._path = path
        self._main = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._mirror = os.open(mirror_of(path), os.O_WRONLY | os.O_APPEND)
        self._size = len(content)

    def append(self, events: Sequence[dict[str, Any]]) -> None:
        """Write these events' lines; on the disk on return. OSError where it has no room; the file is as it was."""
        content = b"".join(encode_line(event) for event in events)
        try:
            _write_all(self._main, content)
            os.fsync(self._main)
        except OSError:
            os.ftruncate(self._main, self._size)
            raise
        self._size += len(content)
        self._append_to_mirror(content)

    def _append_to_mirror(self, content: bytes) -> None:
        # What the mirror lacks is put right when the file is opened next.
        if self._mirror < 0:
            return
        try:
            _write_all(self._mirror, content)
        except OSError:
            os.close(self._mirror)
            self._mirror = -1

    def close(self) -> None:
        """Let go of both files."""
        for handle in (self._main, self._mirror):
            if handle >= 0:
                os.close(handle)
        self._main = self._mirror = -1


def create_lines(path: Path, events: Sequence[dict[str, Any]]) -> None:
    """A new file and its mirror with these events."""
    content = b"".join(encode_line(event) for event in events)
    replace_file(path, content)
    replace_file(mirror_of(path), content)


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
