"""A CSV's rows as samples: which columns are read, what names a sample, and several captions of one picture."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.data.accounting import LINES, Accounting
from trainables.data.files import listed
from trainables.data.reading import csv_faults
from trainables.data.reading.csv_table import CsvTable, read_csv
from trainables.data.reading.options import LABEL, ReadOptions
from trainables.data.reading.same_file import joined_rows
from trainables.data.reading.table import Table
from trainables.errors import UserError
from trainables.modalities import BUILT_IN, in_order, modality_of
from trainables.modality import Item
from trainables.words import printable


def csv_samples(source: Path, modalities: Sequence[str], options: ReadOptions) -> Table:
    """The samples of a CSV, sorted by id where a column names them, else as the rows stand.

    Raises UserError with the lines of rows that can't be read.
    """
    asked = {name: options.column(name) for name in (LABEL, *modalities)}
    csv = read_csv(source, list(asked.values()))
    if fault := csv_faults.missing_columns(source, csv.header, _needed(asked, csv, options)):
        raise UserError(fault)
    if rows := csv_faults.repeated_headers(csv):
        raise UserError(csv_faults.doubled_header(source, rows))
    if rows := csv_faults.swallowed_rows(csv, asked[LABEL]):
        raise UserError(csv_faults.swallowed(source, rows))
    return _Rows(source, csv, modalities, options).table()


def _needed(asked: Mapping[str, str], csv: CsvTable, options: ReadOptions) -> dict[str, str]:
    """The columns that must be there: not those of modalities that a picture's file tells, where there are pictures."""
    pictures = any(
        column in csv.header and modality_of(name).names_samples for name, column in asked.items() if name != LABEL
    )
    return {
        name: column
        for name, column in asked.items()
        if column in csv.header or name == LABEL or name in options.columns or not (pictures and _told_by_file(name))
    }


def _told_by_file(name: str) -> bool:
    return modality_of(name).from_file(Path("picture.jpg")) is not None


class _Rows:
    """The rows of one CSV on their way to samples."""

    def __init__(self, source: Path, csv: CsvTable, modalities: Sequence[str], options: ReadOptions) -> None:
        self.source, self.csv, self.modalities, self.options = source, csv, modalities, options
        self.root = (options.image_root or source.parent).resolve()
        self.wanted = in_order({*BUILT_IN, *modalities})
        self.columns = {name: column for name in self.wanted if (column := options.column(name)) in csv.header}
        self.notes: list[str] = []
        self.faults: dict[int, str] = {}  # by row: what is wrong with it

    def table(self) -> Table:
        """All rows as samples. UserError with the lines of those that can't be read."""
        labels = self._labels()
        items = {name: found for name in self.columns if (found := self._items(name)) is not None}
        naming = next((name for name in items if modality_of(name).names_samples), None)
        self._raise_faults()
        if naming is None:
            kept: Sequence[int] = range(len(labels))
            ids = [f"row-{row + 1}" for row in kept]
        else:
            ids = self._ids(naming, items[naming])
            kept = self._samples(ids, labels, {name: column for name, column in items.items() if name != naming})
        for name in self.wanted:
            items.setdefault(name, self._from_files(name, items.get(naming or "")))
        lines = self.csv.lines
        return Table(
            [ids[row] for row in kept],
            [labels[row] for row in kept],
            {name: [items[name][row] for row in kept] for name in self.wanted},
            lambda sample: f"line {lines[kept[sample]]}",
            self._account(len(kept)),
        )

    def _samples(self, ids: Sequence[str], labels: Sequence[str], items: Mapping[str, list[Item]]) -> list[int]:
        """The rows that are samples, sorted by id; the others' `items` join theirs."""
        rows, faults = joined_rows(ids, labels, items, self.csv.lines)
        self.faults |= faults
        self._raise_faults()
        return sorted(rows, key=ids.__getitem__)

    def _labels(self) -> list[str]:
        written = self.csv.columns[self.options.column(LABEL)]
        known = {label: self.options.label(label.strip()) for label in set(written)}
        if not all(known.values()):
            self.faults |= {row: "the label is empty" for row, label in enumerate(written) if not known[label]}
        return [known[label] for label in written]

    def _items(self, name: str) -> list[Item] | None:
        """A column's items. None, which is noted, where it isn't searched and has cells that can't be used."""
        modality, cells = modality_of(name), self.csv.columns[self.columns[name]]
        found = modality.from_cells(cells, self.root, allow_links=self.options.allow_links)
        faults = {row: str(item) for row, item in enumerate(found) if isinstance(item, ValueError)}
        if name in self.modalities:
            for row, fault in faults.items():
                self.faults.setdefault(row, fault)
            return found
        reason = next((f"line {self.csv.lines[row]}: {printable(fault)}" for row, fault in faults.items()), "")
        if not reason and modality.names_samples and len(set(self._ids(name, found))) < len(found):
            reason = "several rows name one file"
        if reason:
            self.notes.append(f"the column {self.columns[name]} isn't used, as {name} isn't searched: {reason}")
        return None if reason else found

    def _ids(self, name: str, items: Sequence[Item]) -> list[str]:
        """What names each sample: a file's path from the root, so that one file has one name; else the cell."""
        start, file_of = f"{self.root}{os.sep}", modality_of(name).file_of
        found = []
        for item, cell in zip(items, self.csv.columns[self.columns[name]], strict=True):
            path = None if isinstance(item, ValueError) else file_of(item)
            inside = path is not None and str(path).startswith(start)
            found.append(str(path)[len(start) :].replace(os.sep, "/") if inside else posixpath.normpath(cell))
        return found

    def _from_files(self, name: str, files: Sequence[Item] | None) -> list[Item]:
        """A modality without a column: what the pictures' names say where it is searched, else nothing."""
        if name not in self.modalities or files is None:
            return [None] * len(self.csv)
        return [modality_of(name).from_file(path) for path in files]

    def _raise_faults(self) -> None:
        if not self.faults:
            return
        lines = [f"line {self.csv.lines[row]}: {printable(fault)}" for row, fault in sorted(self.faults.items())]
        elsewhere = len(self.faults) == len(self.csv) and self.options.image_root is None
        hint = ", or name the folder that the paths are relative to: `data: {image_root: ...}`" if elsewhere else ""
        raise UserError(
            f"Every row of {self.source} needs a label and, in each column of a modality, an item of its own (a "
            f"picture within {self.root}), but:\n{listed(lines)}\nCorrect these rows{hint}."
        )

    def _account(self, samples: int) -> Accounting:
        csv, further = self.csv, len(self.csv) - samples
        used = {"header": 1, "lines within a quoted field": csv.continued, "further captions": further}
        notes = [note for note in (csv_faults.long_rows_note(csv), *self.notes) if note]
        if further:
            notes.append(f"{len(csv):,} rows are {samples:,} pictures: those that share one are its captions")
        kinds = {kind: number for kind, number in used.items() if number}
        return Accounting(LINES, samples, kinds, {"blank": csv.blank} if csv.blank else {}, notes=tuple(notes))
