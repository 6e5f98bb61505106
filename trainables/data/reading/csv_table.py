"""A CSV file as columns of text cells, checked strictly, every line accounted for."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainables.data.reading import csv_faults
from trainables.errors import UserError

CHUNK: Final = 16_384  # rows


@dataclass(frozen=True)
class CsvTable:
    """The cells of a CSV; every cell stays the text that it is, "NA" and "01" too."""

    header: tuple[str, ...]
    columns: Mapping[str, Sequence[str]]  # by the header's names: (N,)
    lines: array[int]  # (N,) the line in which each row begins, from 1 on
    blank: int  # lines without a row
    total: int  # lines
    long: Sequence[
        tuple[int, int]
    ]  # (row, lines) of each row that has more than one, for a quoted field holds line ends

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def continued(self) -> int:
        """Lines within a quoted field that began above, of the header or of a row."""
        return self.total - self.blank - len(self) - 1


def read_csv(source: Path, wanted: Sequence[str] = ()) -> CsvTable:
    """Header and columns; every row is as long as the header.

    `wanted`: the columns that will be asked for, so that a wrong separator is known from a missing column.
    Raises UserError where the file isn't UTF-8, isn't valid CSV, is empty, has another separator than commas, a header
    twice, a row that is longer or shorter than the header, or a field of more than 131,072 characters.
    """
    # Not pandas: it fills short rows with NaN, shifts long ones, and knows no line numbers.
    raw = _raw(source)
    records = _Records(csv.reader(_text(raw), strict=True))
    try:
        header = next((cells for _, cells in records if cells), [])
        if not header:
            raise UserError(csv_faults.empty(source))
        csv_faults.check_header(source, header, raw, wanted)
        return _table(source, records, header)
    except csv.Error as error:
        raise UserError(csv_faults.broken(source, records.end + 1, str(error))) from error
    except UnicodeDecodeError as error:
        raise UserError(_no_utf8(source, raw)) from error


class _Records:
    """A CSV's records, blank ones too, each with the line in which it begins."""

    def __init__(self, reader: csv._reader) -> None:  # type: ignore[name-defined]
        self._reader = reader
        self.end = 0  # the last line of the record before

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for cells in self._reader:
            begin, self.end = self.end + 1, self._reader.line_num
            yield begin, cells


def _raw(source: Path) -> bytes:
    try:
        raw = source.read_bytes()
    except OSError as error:
        raise UserError(f"The CSV {source} can't be read: {error.strerror}. Check its permissions.") from error
    if (start := raw.find(b"\0")) >= 0:
        reason = "a NUL character"
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            start, reason = 0, f"the byte 0x{raw[0]:02x}, which isn't UTF-8"
        raise UserError(_not_text(source, raw, start, reason))
    return raw


def _text(raw: bytes) -> io.TextIOWrapper:
    """Decoded as it is read: a text as a whole takes four bytes a character where one of them is an emoji."""
    return io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8-sig", errors="strict", newline="")


class _Columns:
    """Cells by column. Those that repeat, such as labels, are kept once."""

    def __init__(self, width: int) -> None:
        self.cells: list[list[str]] = [[] for _ in range(width)]
        self._kept: list[dict[str, str]] = [{} for _ in range(width)]

    def add(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of equal width."""
        if not rows:
            return
        for cells, kept, column in zip(self.cells, self._kept, zip(*rows, strict=True), strict=True):
            if len(kept) + len(set(column)) < CHUNK // 8:
                cells.extend(kept.setdefault(cell, cell) for cell in column)
            else:
                cells.extend(column)


def _table(source: Path, records: _Records, header: list[str]) -> CsvTable:
    columns, lines = _Columns(len(header)), array("L")
    blank = records.end - 1 - _line_ends(header)  # before the header
    long: list[tuple[int, int]] = []
    ragged: list[str] = []
    chunk: list[list[str]] = []
    for begin, cells in records:
        if not cells:
            blank += 1
        elif len(cells) != len(header):
            ragged.append(csv_faults.ragged_row(begin, records.end, len(cells)))
        else:
            if records.end > begin:
                long.append((len(lines), records.end - begin + 1))
            lines.append(begin)
            chunk.append(cells)
            if len(chunk) == CHUNK:
                columns.add(chunk)
                chunk = []
    columns.add(chunk)
    if ragged:
        raise UserError(csv_faults.ragged(source, header, ragged))
    cells_of = dict(zip(header, columns.cells, strict=True))
    return CsvTable(tuple(header), cells_of, lines, blank, records.end, long)


def _line_ends(cells: Sequence[str]) -> int:
    """How many line ends the cells hold."""
    return sum(len(re.findall("\r\n|\r|\n", cell)) for cell in cells)


def _no_utf8(source: Path, raw: bytes) -> str:
    try:
        raw.decode("utf-8-sig", errors="strict")
    except UnicodeDecodeError as error:
        return _not_text(source, raw, error.start, f"the byte 0x{raw[error.start]:02x}, which isn't UTF-8")
    raise AssertionError("The text was refused a moment ago.")


def _not_text(source: Path, raw: bytes, start: int, reason: str) -> str:
    line = raw.count(b"\n", 0, start) + 1
    return (
        f"A CSV must be UTF-8 text, but {source} has in line {line} {reason}. Save it as UTF-8 (in Excel: CSV UTF-8)."
    )
