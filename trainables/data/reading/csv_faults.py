"""What goes wrong with CSVs, found and put into words: separators, headers, quotes that swallow rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trainables.data.files import listed, quoted
from trainables.errors import UserError
from trainables.words import counted, printable

if TYPE_CHECKING:
    from trainables.data.reading.csv_table import CsvTable

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "`|`"}
_COMMAS: Final = (
    "Save it with commas (Excel: `CSV UTF-8 (Comma delimited)`; LibreOffice: Save As, Edit filter settings)"
)
# How people call the columns.
_OTHER_NAMES: Final = {
    "label": ("label", "labels", "class", "classes", "class_name", "category", "target", "y"),
    "text": ("text", "texts", "caption", "captions", "description", "title", "name", "sentence"),
    "image": ("image", "images", "img", "picture", "photo", "file", "filename", "file_name", "path", "image_path"),
}
_EXCERPT: Final = 40  # characters


def empty(source: Path) -> str:
    """The message about a file without a row."""
    return f"The CSV {source} is empty. Its first line must be the header: text,label,image."


def check_header(source: Path, header: Sequence[str], raw: bytes, wanted: Sequence[str]) -> None:
    """UserError where the header says that the file has no commas, or names a column twice."""
    first = (
        raw.removeprefix(b"\xef\xbb\xbf")
        .lstrip(b"\r\n")[:4096]
        .decode("utf-8", "replace")
        .partition("\n")[0]
        .rstrip("\r")
    )
    if mark := re.match(r"\"?sep=(.)", first, re.IGNORECASE):
        also = "" if mark[1] == "," else f" and {_COMMAS[0].lower()}{_COMMAS[1:]}"
        raise UserError(
            f"The first line of a CSV must be its header, but {source} begins with `sep={mark[1]}`, which only Excel "
            f"knows. Remove this line{also}."
        )
    if not set(wanted) <= set(header) and (separator := _separator(first, header, wanted)):
        raise UserError(
            f"The columns of a CSV must be separated by commas, but {source} has {_SEPARATORS[separator]} in line 1: "
            f"{printable(_cut(first))}\n{_COMMAS}."
        )
    if double := sorted(name for name, number in Counter(header).items() if number > 1):
        raise UserError(
            f"Each column of {source} must have its own name, but {printable(quoted(double))} occurs twice or more. "
            "Rename one."
        )


def _separator(first: str, header: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The separator by which the first line has the wanted columns; any, where commas make one column of it."""
    for separator in _SEPARATORS:
        cells = {_plain(cell) for cell in next(csv.reader([first], delimiter=separator), [])}
        if len(cells) > 1 and (len(header) == 1 or {_plain(name) for name in wanted} <= cells):
            return separator
    return None


def missing_columns(source: Path, header: Sequence[str], wanted: Mapping[str, str]) -> str | None:
    """The message where a column isn't there; `wanted`: columns by `label` or a modality's name."""
    missing = {name: column for name, column in wanted.items() if column not in header}
    if not missing:
        return None
    alike = {name: found for name, column in missing.items() if (found := _alike(name, column, header))}
    remedy = "Add it, or leave it out of the study's modalities."
    if len(missing) == len(wanted):
        remedy = "Is its first line a header? Add one, or name its columns in the study: `data: {columns: ...}`."
    if alike:
        pairs = ", ".join(f"{name}: {_yaml(column)}" for name, column in alike.items())
        remedy = f"Rename the column, or name it in the study:\n  data:\n    columns: {{{pairs}}}"
    return (
        f"The CSV {source} must have the columns {quoted(list(wanted.values()))}, but {quoted(list(missing.values()))} "
        f"is missing. It has {printable(quoted(header))}. {remedy}"
    )


def _alike(name: str, column: str, header: Sequence[str]) -> str | None:
    """The column that is probably meant: in another case or with spaces, or by another of its usual names."""
    plain = {_plain(other): other for other in reversed(header)}
    return next((plain[known] for known in (_plain(column), *_OTHER_NAMES.get(name, ())) if known in plain), None)


def _yaml(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z_][\w-]*", column) else '"' + column.replace('"', '\\"') + '"'


def _plain(name: str) -> str:
    return name.strip().strip("\ufeff\"'").strip().casefold()


def broken(source: Path, line: int, reason: str) -> str:
    """The message about a record that isn't CSV, which begins in this line."""
    if "field limit" in reason:
        return (
            f"{source}, line {line}: a field that begins here has more than {csv.field_size_limit():,} characters. "
            "Look for a quote that isn't closed there; a text that is as long must be cut."
        )
    if "unexpected end" in reason:
        return (
            f"{source}, line {line}: this isn't valid CSV: a quote is opened here and never closed. Close it, or write "
            'a quote that belongs to the text as two: "".'
        )
    return (
        f"{source}, line {line}: this isn't valid CSV ({reason}). Check the quotes there: a quote within a quoted text "
        'is written as two: "".'
    )


def ragged_row(begin: int, end: int, cells: int) -> str:
    """`line 4: 1 cells`, and where a quoted field in it goes on over more lines."""
    more = f", over {end - begin + 1} lines: a quoted field goes on to line {end}" if end > begin else ""
    return f"line {begin}: {cells} cells{more}"


def ragged(source: Path, header: Sequence[str], rows: Sequence[str]) -> str:
    """The message about rows of another length than the header."""
    return (
        f"Every row of {source} must have {len(header)} cells like its header ({printable(quoted(header))}), but:\n"
        f"{listed(rows)}\nPut texts with a comma into double quotes, and close each quote."
    )


def repeated_headers(table: CsvTable) -> list[str]:
    """Where the header comes again: two files were put into one."""
    wanted = sorted(map(_plain, table.header))
    first = table.header[0]
    columns = [table.columns[name] for name in table.header]
    known = set(wanted)
    rows = [row for row, cell in enumerate(table.columns[first]) if len(cell) < 200 and _plain(cell) in known]
    return [
        f"line {table.lines[row]}: the header again"
        for row in rows
        if sorted(_plain(column[row]) for column in columns) == wanted
    ]


def swallowed_rows(table: CsvTable, label: str) -> list[str]:
    """Quoted fields whose lines are rows themselves: a quote was opened and closed only by a later row's.

    A line of a field is a row where it has as many cells as the header and a label that other rows have; five lines
    and more that have as many cells are rows whatever they say. Other texts of several lines are what they are.
    """
    labels = {cell.strip() for cell in table.columns[label]} | {label} if table.long else set()
    place = table.header.index(label)
    found = []
    for row, lines in table.long:
        if any(_holds_rows(column[row], len(table.header), place, labels) for column in table.columns.values()):
            line = table.lines[row]
            found.append(
                f"line {line}: a quoted field goes on to line {line + lines - 1} and holds {lines} lines that look "
                f"like rows: {printable(_cut(_first_long(table, row)))}"
            )
    return found


def _first_long(table: CsvTable, row: int) -> str:
    return next(cell for column in table.columns.values() if "\n" in (cell := column[row]) or "\r" in cell)


def _holds_rows(field: str, width: int, place: int, labels: set[str]) -> bool:
    lines = [line for line in field.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    cells = [_cells(line) for line in lines]
    # The first line lacks what stands before the field in its row, the last one what comes after it.
    alike = [len(one) == width for one in cells]
    if any(fits and one[place].strip() in labels for fits, one in zip(alike, cells, strict=True)):
        return True
    return len(lines) >= 5 and sum(alike) >= 0.8 * len(lines)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return line.split(",")


def swallowed(source: Path, rows: Sequence[str]) -> str:
    """The message about quoted fields that hold rows."""
    return (
        f"A quoted field of {source} must not hold rows of its own, but:\n{listed(rows)}\n"
        'Close the quote in that line, or write a quote that belongs to the text as two: "" (3"" pipe).'
    )


def doubled_header(source: Path, rows: Sequence[str]) -> str:
    """The message about headers in the middle."""
    return (
        f"A CSV must have one header, but {source} has it again:\n{listed(rows)}\n"
        "Were several files put into one? Remove these lines."
    )


def long_rows_note(table: CsvTable) -> str | None:
    """What is to be said of rows over several lines, which are taken as they are."""
    if not table.long:
        return None
    row, lines = max(table.long, key=lambda one: one[1])
    return (
        f"{counted(len(table.long), 'row')} go on over several lines (quoted texts with line ends), the longest from "
        f"line {table.lines[row]} over {lines} lines"
    ).replace("1 row go on", "1 row goes on")


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _EXCERPT else f"{flat[: _EXCERPT - 3]}..."
