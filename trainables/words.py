"""Amounts and foreign texts as a person reads them."""

from __future__ import annotations

from datetime import datetime


def human_seconds(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def human_bytes(count: int) -> str:
    """`640 B`, `1.5 MB`, `66 GB`."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:,.0f} {unit}"


def counted(count: int, noun: str) -> str:
    """`1 epoch`, `3 epochs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def local_time(at: float) -> str:
    """Seconds since 1970 as this machine's clock shows them: `2026-03-01 14:05:09`."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def printable(text: str) -> str:
    """A text from outside without what a terminal would obey and no encoding holds; line ends and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run


def harmless_cell(text: str) -> str:
    """A text as a CSV's cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
