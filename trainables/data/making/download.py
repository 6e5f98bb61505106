"""A large file over a network that breaks: gone on with where it ended, and verified before anyone reads it."""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from trainables.data.files import replace_file
from trainables.data.making.record import RemoteFile
from trainables.data.making.web import Fault, Web, chunks
from trainables.errors import UserError

Tell = Callable[[int, int], None]  # (bytes there, all bytes)
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def bytes_there(file: RemoteFile, part: Path) -> int:
    """How many bytes of this file an earlier call left in `part`; 0 where it was of another file."""
    known = _read_state(part)
    if known.get("size") != file.size or known.get("checksum") != file.checksum or not part.is_file():
        return 0
    return part.stat().st_size


def download(file: RemoteFile, part: Path, web: Web, progress: Tell | None = None) -> None:
    """Fetch `file` into `part`, or what an earlier call left to be fetched; the checksum holds at the end.

    A fault that may pass is waited for (`web.waits`); bytes that weren't there before begin the waits anew.
    Raises UserError where it doesn't pass, the disk is full, or the checksum doesn't hold; all but the last leave what
    is there to be gone on with.
    """
    if bytes_there(file, part) == 0:
        _begin(file, part, "")
    faults, most = 0, bytes_there(file, part)
    while (there := bytes_there(file, part)) != file.size:
        if there > most:
            faults, most = 0, there
        try:
            _pull(file, part, web, progress)
        except Fault as fault:
            if not fault.passing or faults >= len(web.waits):
                raise UserError(
                    f'"{file.name}" must be fetched whole, but {fault}; {bytes_there(file, part):,} of {file.size:,} '
                    "bytes are there. The same command goes on from there."
                ) from fault
            time.sleep(web.waits[faults])
            faults += 1
    _verify(file, part)


def checksum_of(path: Path, algorithm: str) -> str:
    """The hexadecimal digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _pull(file: RemoteFile, part: Path, web: Web, progress: Tell | None) -> None:
    """One request for what is missing, written to `part` as it comes. Raises Fault where something still is."""
    there = bytes_there(file, part)
    headers = {}
    if there:
        headers["Range"] = f"bytes={there}-"
        if etag := _read_state(part).get("etag"):
            headers["If-Range"] = str(etag)  # a file that changed comes whole
    try:
        with web.opened(file.url, headers) as response:
            start = _start(file, part, response, there)
            with part.open("r+b") as stream:
                stream.truncate(start)
                stream.seek(start)
                _write_body(file, response, stream, progress)
    except Fault as fault:
        if fault.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            _begin(file, part, "")
        raise


def _start(file: RemoteFile, part: Path, response: http.client.HTTPResponse, there: int) -> int:
    """Where the answer's first byte belongs; Fault where it is no part of this file."""
    etag = response.headers.get("ETag", "")
    strong = etag if etag.startswith('"') else ""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Fault("the server sends it in an encoding that nobody asked for", passing=False)
    if response.status == http.client.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if found and int(found[1]) == there and found[2] in (str(file.size), "*"):
            return there
        _begin(file, part, "")  # asked for whole the next time
        raise Fault(f"the server was asked for the bytes from {there:,} on and sends others")
    length = response.headers.get("Content-Length")
    if response.status != http.client.OK or (length is not None and length.strip() != str(file.size)):
        offered = f"{length} bytes" if length else f"an answer of kind {response.status}"
        raise Fault(f"the server offers {offered} where the record says {file.size:,} bytes", passing=False)
    _begin(file, part, strong)
    return 0


def _write_body(file: RemoteFile, response: http.client.HTTPResponse, stream: BinaryIO, progress: Tell | None) -> None:
    there = stream.tell()
    for chunk in chunks(response, file.size - there):
        try:
            stream.write(chunk)
        except OSError as error:
            raise _unwritable(file, Path(stream.name), error) from error
        there += len(chunk)
        if progress is not None:
            progress(there, file.size)
    try:
        stream.flush()
        os.fsync(stream.fileno())
    except OSError as error:
        raise _unwritable(file, Path(stream.name), error) from error
    if there < file.size:
        raise Fault("the connection ended early")


def _unwritable(file: RemoteFile, part: Path, error: OSError) -> UserError:
    remedy = "Make room there" if error.errno in NO_ROOM else "Look at the disk"
    return UserError(
        f'"{file.name}" must be written to {part}, but: {error.strerror or error}. {remedy}; the same command goes on '
        "from what is there."
    )


def _verify(file: RemoteFile, part: Path) -> None:
    algorithm, _, digest = file.checksum.partition(":")
    found = checksum_of(part, algorithm)
    if found != digest:
        part.unlink()
        raise UserError(
            f'"{file.name}" must have the {algorithm} checksum {digest} that its record names, but what came has '
            f"{found}. It was removed; the same command fetches it anew."
        )


def _begin(file: RemoteFile, part: Path, etag: str) -> None:
    """An empty part, and what it is a part of."""
    state = {"size": file.size, "checksum": file.checksum, "etag": etag}
    try:
        part.unlink(missing_ok=True)
        replace_file(_state_file(part), json.dumps(state).encode())
        part.touch()
    except OSError as error:
        raise _unwritable(file, part, error) from error


def _read_state(part: Path) -> dict[str, object]:
    try:
        found = json.loads(_state_file(part).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _state_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")
