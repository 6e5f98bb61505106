"""A CSV file as text cells, checked strictly."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from trainables.data.files import listed, quoted
from trainables.errors import UserError


def read_csv(source: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows (line number, cells); every row is as long as the header.

    Every cell stays the text that it is: "NA" and "01" too. Raises UserError where the file isn't UTF-8, isn't valid
    CSV, is empty, has a header twice or a row that is longer or shorter than the header.
    """
    # Not pandas: it fills short rows with NaN, shifts long ones, and knows no line numbers.
    reader = csv.reader(io.StringIO(_csv_text(source), newline=""), strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise UserError(
            f"{source}, line {reader.line_num}: this isn't valid CSV ({error}). Check the quotes there."
        ) from error
    if not rows:
        raise UserError(f"The CSV {source} is empty. Its first line must be the header: text,label,image.")
    header = rows[0][1]
    if double := sorted(name for name, n in Counter(header).items() if n > 1):
        raise UserError(
            f"Each column of {source} must have its own name, but {quoted(double)} occurs twice or more. Rename one."
        )
    ragged = [f"line {line}: {len(cells)} cells" for line, cells in rows[1:] if len(cells) != len(header)]
    if ragged:
        raise UserError(
            f"Every row of {source} must have {len(header)} cells like its header ({quoted(header)}), but:\n"
            f"{listed(ragged)}\nPut texts with a comma into double quotes."
        )
    return header, rows[1:]


def _csv_text(source: Path) -> str:
    try:
        raw = source.read_bytes()
        text = raw.decode("utf-8-sig", errors="strict")
    except OSError as error:
        raise UserError(f"The CSV {source} can't be read: {error.strerror}. Check its permissions.") from error
    except UnicodeDecodeError as error:
        reason = f"the byte 0x{raw[error.start]:02x}, which isn't UTF-8"
        raise UserError(_not_text(source, raw, error.start, reason)) from error
    if (start := raw.find(b"\0")) >= 0:
        raise UserError(_not_text(source, raw, start, "a NUL character"))
    return text


def _not_text(source: Path, raw: bytes, start: int, reason: str) -> str:
    line = raw.count(b"\n", 0, start) + 1
    return (
        f"A CSV must be UTF-8 text, but {source} has in line {line} {reason}. Save it as UTF-8 (in Excel: CSV UTF-8)."
    )
