"""One CSV -> three CSVs: its rows shared out, its pictures left where they are, linked or copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainables.data.files import listed, new_folder, quoted, require_free
from trainables.data.making.candidates import Candidate
from trainables.data.making.import_options import ImportOptions, ImportReport, write_left_out
from trainables.data.making.placing import place_pictures, write_table
from trainables.data.making.split_up import SplitUp, split_up
from trainables.data.making.study_lines import data_lines
from trainables.data.reading.csv_faults import refuse_glued
from trainables.data.reading.csv_table import CsvTable, read_csv
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.names import IMAGE_COLUMN, LABEL_COLUMN, SPLIT_FOLDERS, TEXT_COLUMN
from trainables.words import one_line

PICTURES_FOLDER = "pictures"
_LACKING = 0.5  # of the rows: where more lack their picture, the folder is the wrong one


@dataclass(frozen=True)
class CsvSource:
    """A CSV, what its columns are called, and where its pictures lie."""

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)  # of `label`, `text`, `image`: the CSV's own names
    image_root: Path | None = None  # the folder that its paths are relative to; None: the CSV's own
    group_column: str | None = None  # whose equal cells stay together

    def column(self, name: str) -> str:
        """The CSV's own name of a column."""
        return self.columns.get(name, name)

    @property
    def root(self) -> Path:
        """The folder of the pictures."""
        return (self.image_root or self.path.parent).resolve()


def import_csv(
    source: CsvSource,
    destination: Path,
    options: ImportOptions,
    *,
    caches: Path,
    classes: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Share out a CSV's rows to `destination/{train,val,test}.csv`, each with all of its columns.

    What stays together and what is left out is as in `import_folder`, except that several rows of one picture stay: its
    captions. Pictures stay where they are (`list`), or are copied or linked into `destination/pictures`. Rows that lack
    a label, or what the others have of picture and text, are left out and listed with their line. `progress` gets the
    pictures checked so far and all.

    Raises UserError where the CSV can't be read or lacks a column, most of its pictures aren't where they should be,
    the destination isn't free or the disk too full, a group is larger than any split, or a class has too few groups.
    """
    require_free(destination)
    table = read_csv(source.path, [source.column(LABEL_COLUMN)])
    _check_columns(source, table, options)
    refuse_glued(source.path, table, source.column(LABEL_COLUMN))
    rows = _wanted_rows(source, table, classes)
    candidates = [_candidate(source, table, row) for row in rows]
    _require_pictures(source, candidates)
    column = table.columns[source.group_column] if source.group_column is not None else ()
    cells_of = [column[row] for row in rows] if column else ()
    made = split_up(candidates, source.path, destination, options, caches=caches, column=cells_of, progress=progress)
    with new_folder(destination) as folder:
        cells, copied = _picture_cells(folder, made, options)
        _write(folder, source, table, rows, made, cells)
        write_left_out(folder, made.left_out)
    stay = options.pictures == "list" and source.column(IMAGE_COLUMN) in table.columns
    config = data_lines(
        destination,
        lists=True,
        columns={name: own for name, own in source.columns.items() if own != name},
        image_root=source.root if stay else None,
    )
    return made.report(destination, options, config, copied)


def _check_columns(source: CsvSource, table: CsvTable, options: ImportOptions) -> None:
    needed = [source.column(LABEL_COLUMN), *source.columns.values(), *filter(None, [source.group_column])]
    missing = [name for name in dict.fromkeys(needed) if name not in table.columns]
    if not missing and not {source.column(TEXT_COLUMN), source.column(IMAGE_COLUMN)} & set(table.columns):
        missing = [source.column(TEXT_COLUMN)]
    if missing:
        raise UserError(
            f"The CSV {source.path} must have the columns {quoted(missing)}, but it has "
            f"{quoted([one_line(name) for name in table.header])}. Name its own: "
            "`--columns text=caption,label=class,image=file`, and `--group-column`."
        )
    if options.pictures != "list" and source.column(IMAGE_COLUMN) not in table.columns:
        raise UserError(
            f"Pictures can be copied or linked where a column names them, but {source.path} has no column "
            f'"{source.column(IMAGE_COLUMN)}". Name its own (`--columns image=file`), or leave `--pictures` out.'
        )


def _wanted_rows(source: CsvSource, table: CsvTable, classes: Sequence[str] | None) -> list[int]:
    labels = [label.strip() for label in table.columns[source.column(LABEL_COLUMN)]]
    if classes is None:
        return list(range(len(labels)))
    if unknown := sorted(set(classes) - set(labels)):
        there = quoted([one_line(label) for label in sorted(set(labels))])
        raise UserError(
            f"Every class must be a label of {source.path}, but {quoted([one_line(one) for one in unknown])} isn't. "
            f"These exist: {there}."
        )
    return [row for row, label in enumerate(labels) if label in classes]


def _candidate(source: CsvSource, table: CsvTable, row: int) -> Candidate:
    cells = {
        name: table.columns[source.column(name)][row]
        for name in (LABEL_COLUMN, TEXT_COLUMN, IMAGE_COLUMN)
        if source.column(name) in table.columns
    }
    path, fault = None, None
    if not cells[LABEL_COLUMN].strip():
        fault = "the label is empty"
    elif IMAGE_COLUMN not in cells and not cells[TEXT_COLUMN].strip():
        fault = "the text is blank"
    elif IMAGE_COLUMN in cells:
        try:
            path = modality_of(IMAGE_COLUMN).from_cell(cells[IMAGE_COLUMN], source.root)
        except ValueError as error:
            fault = str(error)
    name = cells[TEXT_COLUMN] if cells.get(TEXT_COLUMN, "").strip() else (path.stem if path is not None else "")
    return Candidate(
        f"{source.path.name}, line {table.lines[row]}", name, cells[LABEL_COLUMN].strip(), path, fault=fault
    )


def _require_pictures(source: CsvSource, candidates: Sequence[Candidate]) -> None:
    """Most rows have their picture; else they are looked for in the wrong folder."""
    faults = [f"{one.place}: {one.fault}" for one in candidates if one.fault is not None]
    if len(faults) > _LACKING * len(candidates):
        raise UserError(
            f"Rows must have a label and what the columns promise, but {len(faults):,} of {len(candidates):,} of "
            f"{source.path} don't:\n{listed([one_line(fault) for fault in faults])}\nPictures were looked for in "
            f"{source.root}: `--image-root` names another folder."
        )


def _picture_cells(folder: Path, made: SplitUp, options: ImportOptions) -> tuple[dict[Path, str], int]:
    """The new cell of each picture that is copied or linked, and how many are copies."""
    if options.pictures == "list":
        return {}, 0
    split = {made.candidates[row].path: SPLIT_FOLDERS[number].lower() for row, number in made.splits.items()}
    jobs = [(path, f"{PICTURES_FOLDER}/{split[path]}") for path in made.paths()]
    placed = place_pictures(jobs, folder, options.pictures)
    return dict(zip(made.paths(), placed.files, strict=True)), placed.copied


def _write(
    folder: Path, source: CsvSource, table: CsvTable, rows: Sequence[int], made: SplitUp, cells: Mapping[Path, str]
) -> None:
    def of(split: int) -> Iterator[list[str]]:
        for position, number in made.splits.items():
            if number == split:
                path = made.candidates[position].path
                own = {name: table.columns[name][rows[position]] for name in table.header}
                if path is not None and path in cells:
                    own[source.column(IMAGE_COLUMN)] = cells[path]
                yield [own[name] for name in table.header]

    for number, split in enumerate(SPLIT_FOLDERS):
        write_table(folder / f"{split.lower()}.csv", table.header, of(number))
