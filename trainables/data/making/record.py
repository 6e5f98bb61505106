"""What a Zenodo record says of its files: name, bytes, checksum, address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trainables.data.files import quoted
from trainables.data.making.web import Fault, Web
from trainables.errors import UserError
from trainables.words import one_line


@dataclass(frozen=True)
class RemoteFile:
    """A file of a record."""

    name: str
    size: int  # bytes
    checksum: str  # "md5:<hexadecimal digits>", or of another algorithm of hashlib
    url: str


def record_files(web: Web, record: int, by_hand: str) -> list[RemoteFile]:
    """The files of a record, as its server says now. `by_hand` ends the messages: what to do without a network.

    Raises UserError where the server can't be reached, doesn't have the record, or answers with something else.
    """
    address = f"{web.base}/api/records/{record}"
    try:
        content = web.read(address)
    except Fault as fault:
        raise UserError(f"The record {record} must be had from {web.base}, but {fault}. {by_hand}") from fault
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise UserError(
            f"{address} must answer with a record's JSON, but it is something else (a login page of the network?). "
            f"{by_hand}"
        ) from error
    files = [found for entry in _entries(answer) if (found := _file(entry)) is not None]
    if not files:
        raise UserError(f"The record {record} must list its files, but {address} names none. {by_hand}")
    return files


def chosen_file(files: Iterable[RemoteFile], name: str, by_hand: str) -> RemoteFile:
    """The file of that name, whose checksum can be verified; UserError where there is none."""
    by_name = {file.name: file for file in files}
    if name not in by_name:
        shown = quoted([one_line(one) for one in by_name])
        raise UserError(f'The record must have the file "{name}", but its files are {shown}. {by_hand}')
    algorithm, _, digest = by_name[name].checksum.partition(":")
    if algorithm not in hashlib.algorithms_available or not digest:
        given = one_line(by_name[name].checksum) or "none"
        raise UserError(f'The record must give "{name}" a checksum that can be verified, but got {given}. {by_hand}')
    return by_name[name]


def _entries(answer: Any) -> list[Any]:
    """Zenodo's answers list files directly, or as `entries`, by name or in a list."""
    found = answer.get("files") if isinstance(answer, Mapping) else None
    if isinstance(found, Mapping):
        found = found.get("entries", found)
    if isinstance(found, Mapping):
        return list(found.values())
    return found if isinstance(found, list) else []


def _file(entry: Any) -> RemoteFile | None:
    """A file's entry; None where it lacks what is needed."""
    if not isinstance(entry, Mapping) or not isinstance(links := entry.get("links"), Mapping):
        return None
    name, size = entry.get("key") or entry.get("filename"), entry.get("size", entry.get("filesize"))
    url = links.get("content") or links.get("download") or links.get("self")
    if not (isinstance(name, str) and isinstance(url, str) and isinstance(size, int) and size > 0):
        return None
    return RemoteFile(name, size, _checksum(entry.get("checksum")), url)


def _checksum(given: Any) -> str:
    """With its algorithm; 32 digits alone are MD5's."""
    text = given.lower() if isinstance(given, str) else ""
    return text if ":" in text or not text else f"md5:{text}"
