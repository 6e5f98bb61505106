"""A split's manifest: a row a sample with its path, label, bytes and digests, and one digest over all of it.

Paths are those below the split's own folder, and no time is in it: a copy on another machine has the same digest.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Item
from trainables.words import harmless_cell

SHORT = 16  # hexadecimal digits: 64 bits tell a study's samples apart
_TEXT = ("utf-8", "surrogateescape")  # names that aren't UTF-8 come back as they were

Contents = Callable[[Sequence[Path]], Sequence[tuple[int, str]]]  # files -> each one's bytes and SHA-256


class Row(NamedTuple):
    """One sample."""

    path: str  # its id: the path of its file below the split's folder, or a CSV's row
    label: str
    bytes: int  # of its file; 0 where it lies in none
    sha256: str  # of its file's bytes, 64 hexadecimal digits; empty where it lies in none
    values: str  # of what else it is, a text say: the first 16 digits of a SHA-256; empty where there is nothing else

    @property
    def content(self) -> str:
        """What makes two samples the same, whatever they are called: the file's bytes, or else the values."""
        return self.sha256 or self.values


@dataclass(frozen=True)
class Manifest:
    """A split's samples, in the split's order."""

    rows: tuple[Row, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hexadecimal digits) over the rows as the file has them."""
        found = hashlib.sha256()
        for line in _lines(self.rows):
            found.update(line.encode(*_TEXT))
        return found.hexdigest()


def manifest_of(split: Split, modalities: Sequence[str], contents: Contents) -> Manifest:
    """The manifest of a split as models of these modalities see it: files of other modalities aren't read.

    Raises what `contents` raises.
    """
    columns = {name: items for name, items in split.inputs.items() if name in modalities}
    files = {name: [_file(name, item) for item in items] for name, items in columns.items()}
    paths = list(dict.fromkeys(path for column in files.values() for path in column if path is not None))
    known = dict(zip(paths, contents(paths), strict=True)) if paths else {}
    named = enumerate(zip(split.ids, split.label_names, strict=True))
    return Manifest(
        tuple(
            _row_of(
                sample_id,
                label,
                [known[path] for column in files.values() if (path := column[place]) is not None],
                {name: items[place] for name, items in columns.items() if files[name][place] is None},
            )
            for place, (sample_id, label) in named
        )
    )


def _row_of(sample_id: str, label: str, files: Sequence[tuple[int, str]], others: Mapping[str, Item]) -> Row:
    """`files`: bytes and digest of each; `others`: by modality, the items that lie in no file."""
    values = {name: modality_of(name).digested(item) for name, item in others.items() if item is not None}
    return Row(sample_id, label, sum(size for size, _ in files), _joined(files), _short(values) if values else "")


def sealed(manifest: Manifest) -> Manifest:
    """The same without names and labels, of which digests stand there: what a study keeps of its test split.

    Equal samples have equal rows, so that two of them can be compared; their order says nothing.
    """
    rows = [row._replace(path=sealed_path(row.path), label=_short([row.path, row.label])) for row in manifest.rows]
    return Manifest(tuple(sorted(rows)))


def sealed_path(path: str) -> str:
    """What stands for a sample's path in a sealed manifest."""
    return _short(path)


def to_csv(manifests: Mapping[str, Manifest]) -> bytes:
    """The manifests of these splits as one file."""
    lines = [f"{','.join(('split', *Row._fields))}\n"]
    for split, manifest in manifests.items():
        lines += [f"{split},{line}" for line in _lines(manifest.rows)]
    return "".join(lines).encode(*_TEXT)


def read_manifests(path: Path) -> dict[str, Manifest]:
    """What `to_csv` made, by split. Raises UserError where the file is missing or damaged."""
    try:
        with path.open(encoding=_TEXT[0], errors=_TEXT[1], newline="") as lines:
            reader = csv.reader(lines, strict=True)
            if next(reader, []) != ["split", *Row._fields]:
                raise ValueError("its header is another one")
            return {split: Manifest(tuple(map(_row, rows))) for split, rows in groupby(reader, lambda row: row[0])}
    except OSError as error:
        raise UserError(f"{path} must be there, but {error.strerror or error}. Copy the whole study.") from error
    except (ValueError, TypeError, LookupError, csv.Error) as error:
        raise UserError(f"{path} must be as Binwise wrote it, but {error}. Restore it from a backup.") from error


class _Echo:
    """Where a CSV writer gives its lines back."""

    def write(self, line: str) -> str:
        """The line."""
        return line


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """Each row as a line of the file, without its split."""
    # Carriage returns are put into quotes where they end a line; `writerow` returns what `write` does.
    written = csv.writer(_Echo(), lineterminator="\r\n").writerow
    for row in rows:
        size = row.bytes if row.sha256 else ""
        line = str(written((_cell(row.path), _cell(row.label), size, row.sha256, row.values)))
        yield f"{line[:-2]}\n"


def _row(cells: Sequence[str]) -> Row:
    _, path, label, size, sha256, values = cells
    return Row(_read_cell(path), _read_cell(label), int(size or 0), sha256, values)


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, and that can be read back."""
    return f"'{text}" if text.startswith("'") else harmless_cell(text)


def _read_cell(cell: str) -> str:
    return cell.removeprefix("'")


def _file(name: str, item: Item) -> Path | None:
    return None if item is None else modality_of(name).file_of(item)


def _joined(contents: Sequence[tuple[int, str]]) -> str:
    """One digest for a sample: its file's own, or that of several files' digests in order."""
    digests = [sha256 for _, sha256 in contents]
    return "".join(digests) if len(digests) < 2 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _short(value: object) -> str:
    """The beginning of the SHA-256 of plain values as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:SHORT]
