"""What was found of pictures, kept by their content: a SQLite file, to which any number of processes add.

It only saves time. Where it is damaged it is begun anew; where it can't be read or written, all is computed again.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from trainables.data.files import replace_file
from trainables.data.pictures.facts import PictureFacts, facts_from_json
from trainables.names import META_FILE

EXAMINED_FOLDER: Final = "examined"
WAIT_SECONDS: Final = 10.0  # for another process that writes
_ABOUT: Final = {"what": "what each picture shows, and what is odd about it"}


class FactsStore:
    """The facts of one version: `key` says with what they were found."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / EXAMINED_FOLDER
        self._file = self._folder / f"{key}.sqlite"

    def known(self, digests: Iterable[str]) -> dict[str, PictureFacts]:
        """By the file's SHA-256, of those that are known."""
        found: dict[str, PictureFacts] = {}
        with _forgiving(self._file):
            if self._file.exists():
                with closing(self._connected()) as connection:
                    for digest in digests:
                        row = connection.execute("SELECT facts FROM facts WHERE sha256 = ?", (digest,)).fetchone()
                        if row is not None and (facts := _read(row[0])) is not None:
                            found[digest] = facts
                os.utime(self._folder / META_FILE)
        return found

    def add(self, found: Mapping[str, PictureFacts]) -> None:
        """Remember these, by the file's SHA-256."""
        with _forgiving(self._file):
            if not (self._folder / META_FILE).exists():
                replace_file(self._folder / META_FILE, json.dumps(_ABOUT).encode())
            with closing(self._connected()) as connection, connection:
                rows = [(digest, json.dumps(facts.as_json())) for digest, facts in found.items()]
                connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=WAIT_SECONDS)
        try:
            connection.execute("PRAGMA synchronous = OFF")  # what a power cut takes is computed again
            connection.execute("CREATE TABLE IF NOT EXISTS facts (sha256 text PRIMARY KEY, facts text) WITHOUT ROWID")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _read(text: str) -> PictureFacts | None:
    try:
        return facts_from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


@contextmanager
def _forgiving(file: Path) -> Iterator[None]:
    """A full disk, a lock that is never given back: nothing is remembered. A damaged file is removed."""
    try:
        yield
    except (sqlite3.OperationalError, OSError):
        return
    except sqlite3.DatabaseError:
        with suppress(OSError):
            file.unlink()
