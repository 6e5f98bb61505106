"""A CSV's rows as samples: which columns are read, what names a sample, and several captions of one picture."""

from __future__ import annotations

import dataclasses
import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.data.accounting import LINES, Accounting
from trainables.data.files import listed
from trainables.data.reading import csv_faults
from trainables.data.reading.csv_table import CsvTable, read_csv
from trainables.data.reading.options import LABEL, ReadOptions
from trainables.data.reading.table import Table
from trainables.errors import UserError
from trainables.modalities import BUILT_IN, in_order, modality_of
from trainables.modality import Item
from trainables.words import printable


def csv_samples(source: Path, modalities: Sequence[str], options: ReadOptions) -> Table:
    """The samples of a CSV, sorted by id where a column names them, else as the rows stand.

    Raises UserError with the lines of rows that can't be read.
    """
    wanted = {name: options.column(name) for name in (LABEL, *modalities)}
    csv = read_csv(source, list(wanted.values()))
    wanted = _without_text(wanted, csv, options)
    if fault := csv_faults.missing_columns(source, csv.header, wanted):
        raise UserError(fault)
    _refuse_glued(source, csv, wanted[LABEL])
    columns = {name: options.column(name) for name in in_order({*BUILT_IN, *modalities})}
    rows = _Rows(source, csv, {name: one for name, one in columns.items() if one in csv.header}, options)
    table = rows.table(modalities)
    lacking = [name for name in columns if name not in table.items]
    items = {**table.items, **{name: _from_files(name, table, modalities) for name in lacking}}
    return dataclasses.replace(table, items={name: items[name] for name in columns})


def _without_text(wanted: Mapping[str, str], csv: CsvTable, options: ReadOptions) -> dict[str, str]:
    """Without the columns of modalities that a picture's file can tell, where there are pictures."""
    pictures = any(modality_of(name).names_samples and column in csv.header for name, column in _own(wanted).items())
    told = {name for name in _own(wanted) if name not in options.columns and _told_by_file(name)}
    return {name: column for name, column in wanted.items() if column in csv.header or not (pictures and name in told)}


def _told_by_file(name: str) -> bool:
    return modality_of(name).from_file(Path("picture.jpg")) is not None


def _own(wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: column for name, column in wanted.items() if name != LABEL}


def _refuse_glued(source: Path, csv: CsvTable, label: str) -> None:
    if rows := csv_faults.repeated_headers(csv):
        raise UserError(csv_faults.doubled_header(source, rows))
    if rows := csv_faults.swallowed_rows(csv, label):
        raise UserError(csv_faults.swallowed(source, rows))


def _from_files(name: str, table: Table, modalities: Sequence[str]) -> Sequence[Item]:
    """A modality without a column: what the pictures' names say where it is needed, else nothing."""
    files = next((table.items[one] for one in table.items if modality_of(one).names_samples), None)
    if name not in modalities or files is None:
        return [None] * len(table.ids)
    return [modality_of(name).from_file(path) for path in files]


class _Rows:
    """The rows of one CSV on their way to samples."""

    def __init__(self, source: Path, csv: CsvTable, columns: Mapping[str, str], options: ReadOptions) -> None:
        self.source, self.csv, self.columns, self.options = source, csv, columns, options
        self.root = (options.image_root or source.parent).resolve()
        self.notes: list[str] = []
        self.faults: dict[int, str] = {}  # by row: what is wrong with it
        self.merged = 0  # rows that became captions of another row's sample

    def table(self, modalities: Sequence[str]) -> Table:
        """All rows as samples. UserError with the lines of those that can't be read."""
        labels = self._labels()
        items = {name: self._items(name) for name in self.columns if name in modalities}
        spare = {name: found for name in self.columns if name not in modalities if (found := self._spare(name))}
        items = {name: {**items, **spare}[name] for name in self.columns if name in {**items, **spare}}
        naming = next((name for name in items if modality_of(name).names_samples), None)
        kept: Sequence[int] = range(len(self.csv))
        ids: Sequence[str] = [f"row-{row + 1}" for row in kept] if naming is None else self._ids(naming, items[naming])
        if naming is not None and not self.faults:
            kept, items = self._one_a_picture(ids, labels, items, naming)
        self._raise_faults()
        if naming is not None:
            kept = sorted(kept, key=ids.__getitem__)
        whole = range(len(self.csv)) == kept
        lines = self.csv.lines
        return Table(
            ids if whole else [ids[row] for row in kept],
            labels if whole else [labels[row] for row in kept],
            {name: column if whole else [column[row] for row in kept] for name, column in items.items()},
            lambda sample: f"line {lines[kept[sample]]}",
            self._account(len(kept)),
        )

    def _labels(self) -> list[str]:
        known: dict[str, str] = {}
        written = self.csv.columns[self.options.column(LABEL)]
        for label in set(written):
            known[label] = self.options.label(label.strip())
        if any(not label for label in known.values()):
            self.faults |= {row: "the label is empty" for row, label in enumerate(written) if not known[label]}
        return [known[label] for label in written]

    def _items(self, name: str) -> list[Item]:
        cells = self.csv.columns[self.columns[name]]
        found = modality_of(name).from_cells(cells, self.root, allow_links=self.options.allow_links)
        for row, item in enumerate(found):
            if isinstance(item, ValueError):
                self.faults.setdefault(row, str(item))
        return found

    def _spare(self, name: str) -> list[Item] | None:
        """The items of a modality that isn't asked for; None where its column can't be used, which is noted."""
        cells = self.csv.columns[self.columns[name]]
        found = modality_of(name).from_cells(cells, self.root, allow_links=self.options.allow_links)
        faults = [(row, item) for row, item in enumerate(found) if isinstance(item, ValueError)]
        reason = f"line {self.csv.lines[faults[0][0]]}: {faults[0][1]}" if faults else ""
        if not faults and modality_of(name).names_samples and len(set(self._ids(name, found))) < len(found):
            reason = "several rows name one file"
        if reason:
            self.notes.append(f"the column {self.columns[name]} isn't used, as {name} isn't searched and {reason}")
        return None if reason else found

    def _ids(self, name: str, items: Sequence[Item]) -> list[str]:
        """The cells that name the samples; a file's path from the root, so that one file has one name."""
        start, file_of = f"{self.root}{os.sep}", modality_of(name).file_of
        cells = self.csv.columns[self.columns[name]]
        found = []
        for item, cell in zip(items, cells, strict=True):
            path = None if isinstance(item, ValueError) else file_of(item)
            inside = path is not None and str(path).startswith(start)
            found.append(str(path)[len(start) :].replace(os.sep, "/") if inside else posixpath.normpath(cell))
        return found

    def _one_a_picture(
        self, ids: Sequence[str], labels: Sequence[str], items: Mapping[str, list[Item]], naming: str
    ) -> tuple[list[int], dict[str, list[Item]]]:
        """The rows that are samples of their own, and the items with all captions of rows that share a file."""
        first: dict[str, int] = {}
        others: dict[int, list[int]] = {}
        for row, one in enumerate(ids):
            if (before := first.setdefault(one, row)) != row:
                others.setdefault(before, [before]).append(row)
        found = {name: list(column) if others else column for name, column in items.items()}
        for before, rows in others.items():
            if fault := self._unequal(rows, labels, items, naming):
                self.faults[before] = f'"{ids[before]}": {fault}'
                continue
            for name in found.keys() - {naming}:
                found[name][before] = modality_of(name).joined(_different([items[name][row] for row in rows]))
        self.merged = 0  # rows that became captions of another row's sample

    def table(self, modalities: Sequence[str]) -> Table:
        """All rows as samples. UserError with the lines of those that can't be read."""
        labels = self._labels()
        items = {name: self._items(name) for name in self.columns if name in modalities}
        spare = {name: found for name in self.columns if name not in modalities if (found := self._spare(name))}
        items = {name: {**items, **spare}[name] for name in self.columns if name in {**items, **spare}}
        naming = next((name for name in items if modality_of(name).names_samples), None)
        kept: Sequence[int] = range(len(self.csv))
        ids: Sequence[str] = [f"row-{row + 1}" for row in kept] if naming is None else self._ids(naming, items[naming])
        if naming is not None and not self.faults:
            kept, items = self._one_a_picture(ids, labels, items, naming)
        self._raise_faults()
        if naming is not None:
            kept = sorted(kept, key=ids.__getitem__)
        whole = range(len(self.csv)) == kept
        lines = self.csv.lines
        return Table(
            ids if whole else [ids[row] for row in kept],
            labels if whole else [labels[row] for row in kept],
            {name: column if whole else [column[row] for row in kept] for name, column in items.items()},
            lambda sample: f"line {lines[kept[sample]]}",
            self._account(len(kept)),
        )

    def _labels(self) -> list[str]:
        known: dict[str, str] = {}
        written = self.csv.columns[self.options.column(LABEL)]
        for label in set(written):
            known[label] = self.options.label(label.strip())
        if any(not label for label in known.values()):
            self.faults |= {row: "the label is empty" for row, label in enumerate(written) if not known[label]}
        return [known[label] for label in written]

    def _items(self, name: str) -> list[Item]:
        cells = self.csv.columns[self.columns[name]]
        found = modality_of(name).from_cells(cells, self.root, allow_links=self.options.allow_links)
        for row, item in enumerate(found):
            if isinstance(item, ValueError):
                self.faults.setdefault(row, str(item))
        return found

    def _spare(self, name: str) -> list[Item] | None:
        """The items of a modality that isn't asked for; None where its column can't be used, which is noted."""
        cells = self.csv.columns[self.columns[name]]
        found = modality_of(name).from_cells(cells, self.root, allow_links=self.options.allow_links)
        faults = [(row, item) for row, item in enumerate(found) if isinstance(item, ValueError)]
        reason = f"line {self.csv.lines[faults[0][0]]}: {faults[0][1]}" if faults else ""
        if not faults and modality_of(name).names_samples and len(set(self._ids(name, found))) < len(found):
            reason = "several rows name one file"
        if reason:
            self.notes.append(f"the column {self.columns[name]} isn't used, as {name} isn't searched and {reason}")
        return None if reason else found

    def _ids(self, name: str, items: Sequence[Item]) -> list[str]:
        """The cells that name the samples; a file's path from the root, so that one file has one name."""
        start, file_of = f"{self.root}{os.sep}", modality_of(name).file_of
        cells = self.csv.columns[self.columns[name]]
        found = []
        for item, cell in zip(items, cells, strict=True):
            path = None if isinstance(item, ValueError) else file_of(item)
            inside = path is not None and str(path).startswith(start)
            found.append(str(path)[len(start) :].replace(os.sep, "/") if inside else posixpath.normpath(cell))
        return found

    def _one_a_picture(
        self, ids: Sequence[str], labels: Sequence[str], items: Mapping[str, list[Item]], naming: str
    ) -> tuple[list[int], dict[str, list[Item]]]:
        """The rows that are samples of their own, and the items with all captions of rows that share a file."""
        first: dict[str, int] = {}
        others: dict[int, list[int]] = {}
        for row, one in enumerate(ids):
            if (before := first.setdefault(one, row)) != row:
                others.setdefault(before, [before]).append(row)
        found = {name: list(column) if others else column for name, column in items.items()}
        for before, rows in others.items():
            if fault := self._unequal(rows, labels, items, naming):
                self.faults[before] = f'"{ids[before]}": {fault}'
                continue
            for name in found.keys() - {naming}:
                if modality_of(name).several:
                    found[name][before] = tuple(items[name][row] for row in rows)
        self.merged = sum(len(rows) - 1 for rows in others.values())
        if others and not self.faults:
            self.notes.append(
                f"{len(others):,} pictures have several captions, of {self.merged + len(others):,} rows; each picture "
                "is one sample"
            )
        return list(first.values()), found

    def _unequal(
        self, rows: Sequence[int], labels: Sequence[str], items: Mapping[str, Sequence[Item]], naming: str
    ) -> str | None:
        """Why rows that name one file are no captions of it."""
        number = f"{len(rows)} rows name this sample ({', '.join(f'line {self.csv.lines[row]}' for row in rows[:3])})"
        if len({labels[row] for row in rows}) > 1:
            given = " and ".join(f'"{label}"' for label in sorted({labels[row] for row in rows})[:3])
            return f"{number} with different labels, {given}"
        own = [name for name in items if name != naming]
        said = {repr([items[name][row] for name in own]) for row in rows}
        if len(said) < len(rows):
            return number
        try:
            for name in own:
                modality_of(name).joined(_different([items[name][row] for row in rows]))
        except ValueError as fault:
            return f"{number}: {fault}"
        return None

    def _raise_faults(self) -> None:
        if self.faults:
            lines = [f"line {self.csv.lines[row]}: {printable(fault)}" for row, fault in sorted(self.faults.items())]
            raise UserError(
                f"Every row of {self.source} needs a label and, in each column of a modality, an item of its own (a "
                f"picture within {self.root}), but:\n{listed(lines)}\nCorrect these rows{self._hint()}."
            )

    def _hint(self) -> str:
        """Where all paths fail, it is their folder that is wrong."""
        if len(self.faults) < len(self.csv) or self.options.image_root is not None:
            return ""
        return ", or name the folder that the paths are relative to: `data: {image_root: ...}`"

    def _account(self, samples: int) -> Accounting:
        csv = self.csv
        used = {"header": 1, "lines within a quoted field": csv.continued, "further captions": self.merged}
        notes = [note for note in (csv_faults.long_rows_note(csv), *self.notes) if note]
        return Accounting(
            LINES,
            samples,
            {kind: number for kind, number in used.items() if number},
            {"blank": csv.blank} if csv.blank else {},
            notes=tuple(notes),
        )




def _different(items: Sequence[Item]) -> list[Item]:
    """Each item once, in their order."""
    return [item for place, item in enumerate(items) if item not in items[:place]]
