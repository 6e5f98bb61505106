"""The samples that a study leaves out, by a list that a person can read and change: no file of the data is touched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from trainables.data.accounting import Listed
from trainables.data.files import listed, quoted
from trainables.data.reading.csv_table import read_csv
from trainables.data.reading.table import Table
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.words import counted, one_line

SPLIT: Final = "split"
FILE: Final = "file"  # a sample's id, or the path of its file
REASON: Final = "reason"
KIND: Final = "left out"  # in the account of a split


def read_leave_out(path: Path, sources: Mapping[str, Path | None]) -> dict[Path, frozenset[str]]:
    """What a list (a CSV with split, file and, for people, reason) leaves out of each source; `sources` by split.

    Raises UserError where it can't be read, lacks a column, or has a line without a file or of an unknown split.
    """
    table = read_csv(path, [SPLIT, FILE])
    if missing := [name for name in (SPLIT, FILE) if name not in table.columns]:
        raise UserError(
            f"A list of what to leave out must have the columns {quoted([SPLIT, FILE])}, but {path} lacks "
            f"{quoted(missing)}. `binwise data clean` writes one."
        )
    splits, files = ([cell.strip() for cell in table.columns[name]] for name in (SPLIT, FILE))
    faults = [
        f'line {line}: split "{one_line(split)}", file "{one_line(file)}"'
        for line, split, file in zip(table.lines, splits, files, strict=True)
        if split not in sources or not file
    ]
    if faults:
        raise UserError(
            f"Every line of {path} must name a split ({quoted(list(sources))}) and a file, but:\n{listed(faults)}\n"
            "Correct these lines."
        )
    found: dict[Path, set[str]] = {}
    for split, file in zip(splits, files, strict=True):
        if (source := sources[split]) is not None:
            found.setdefault(source_key(source), set()).add(_plain(file))
    return {source: frozenset(files) for source, files in found.items()}


def source_key(source: Path) -> Path:
    """A source's path as it is compared."""
    return Path(os.path.abspath(source))


def _plain(file: str) -> str:
    """`./=x.jpg` is `=x.jpg`, which a spreadsheet would take for a formula."""
    return file.removeprefix("./")


def without(table: Table, left: frozenset[str]) -> Table:
    """The samples that aren't named in `left`, by their ids or their files' paths; the others are listed."""
    named = [_named(table, row, left) for row in range(len(table.ids))]
    kept = [row for row, name in enumerate(named) if name is None]
    gone = [(table.ids[row], name) for row, name in enumerate(named) if name is not None]
    found = {name for _, name in gone}
    notes = table.account.notes
    if lost := len(left - found):
        notes += (f"{counted(lost, 'line')} of data.leave_out {'names' if lost == 1 else 'name'} no sample of it",)
    more = tuple(Listed(sample, KIND, "it is named in data.leave_out") for sample, _ in gone)
    account = replace(
        table.account, taken=table.account.taken - len(gone), listed=(*table.account.listed, *more), notes=notes
    )
    return Table(
        ids=[table.ids[row] for row in kept],
        labels=[table.labels[row] for row in kept],
        items={name: [items[row] for row in kept] for name, items in table.items.items()},
        place=lambda row: table.place(kept[row]),
        account=account,
    )


def _named(table: Table, row: int, left: frozenset[str]) -> str | None:
    """The entry of `left` that names a sample."""
    if table.ids[row] in left:
        return table.ids[row]
    for name, items in table.items.items():
        file = None if items[row] is None else modality_of(name).file_of(items[row])
        if file is not None and str(file) in left:
            return str(file)
    return None
