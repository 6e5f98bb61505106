"""`binwise data import`: one folder, or one CSV, becomes three splits."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import RUNS, Runs
from search.show.say import say
from trainables.errors import UserError
from trainables.names import IMAGE_COLUMN, LABEL_COLUMN, TEXT_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainables.data.making.candidates import LeftOut
    from trainables.data.making.import_options import ImportOptions, ImportReport


def data_import(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="A folder with one folder a class, or a CSV with text,label[,image].")
    ],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder for train, val and test.")],
    val: Annotated[float, typer.Option(help="Share of the samples.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share of the samples.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    classes: Annotated[str | None, typer.Option(help="a,b,c: only these classes.")] = None,
    pixel_limit: Annotated[int, typer.Option(min=1, help="Larger pictures are left out.")] = 50_000_000,
    group_by: Annotated[
        str, typer.Option(help="What stays in one split: name, near, number-block, column, with commas; or none.")
    ] = "name",
    block_size: Annotated[
        int | None, typer.Option(min=1, help="number-block: pictures numbered one after the other, at least. [10]")
    ] = None,
    group_column: Annotated[str | None, typer.Option(metavar="NAME", help="column: the CSV's.")] = None,
    pictures: Annotated[
        str | None,
        typer.Option(help="copy, link (hard links), or list (CSVs; they stay where they are). [copy; of a CSV: list]"),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="KEY=NAME,...", help="A CSV's own: text=caption,label=class,image=file")
    ] = None,
    image_root: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="What a CSV's paths are relative to. [its own folder]")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Split a folder of pictures, or a CSV, into train, val and test; what belongs together stays together."""
    from search.show.progress_bar import progress_bar
    from trainables.data.making.import_csv import CsvSource, import_csv
    from trainables.data.making.import_folder import import_folder

    from_csv = source.is_file()
    options = _options(val, test, seed, pixel_limit, group_by, block_size, group_column, pictures, from_csv=from_csv)
    wanted = [name.strip() for name in classes.split(",")] if classes else None
    if not from_csv:
        _refuse_csv_options(source, {"columns": columns, "image-root": image_root, "group-column": group_column})
    own = CsvSource(source, _columns(columns), image_root, group_column)
    make = partial(import_csv, own) if from_csv else partial(import_folder, source)
    with progress_bar("Checking") as bar:
        _say(make(destination, options, caches=runs / "cache", classes=wanted, progress=bar))


def _options(
    val: float,
    test: float,
    seed: int,
    pixel_limit: int,
    group_by: str,
    block_size: int | None,
    group_column: str | None,
    pictures: str | None,
    *,
    from_csv: bool,
) -> ImportOptions:
    from trainables.data.check.names import BLOCK
    from trainables.data.making.import_options import ImportOptions
    from trainables.data.making.placing import placing
    from trainables.data.making.ties import parse_kinds

    kinds = parse_kinds(group_by)
    if ("column" in kinds) != (group_column is not None):
        raise UserError(
            f"`--group-by column` and `--group-column NAME` need each other, but got --group-by {group_by} and "
            f"{'no --group-column' if group_column is None else f'--group-column {group_column}'}."
        )
    if block_size is not None and "number-block" not in kinds:
        raise UserError(
            "`--block-size` is of `--group-by number-block`, which isn't asked for. Add it, or leave it out."
        )
    how = placing(pictures) if pictures is not None else "list" if from_csv else "copy"
    return ImportOptions(val, test, seed, kinds, block_size or BLOCK, how, pixel_limit)


def _columns(text: str | None) -> dict[str, str]:
    """`text=caption,label=class` by key; UserError for another key or form."""
    keys = (TEXT_COLUMN, LABEL_COLUMN, IMAGE_COLUMN)
    pairs = [part.partition("=") for part in text.split(",")] if text else []
    if odd := ["".join(pair) for pair in pairs if pair[0].strip() not in keys or not pair[2]]:
        raise UserError(f'`--columns` must be like text=caption,label=class,image=file, but got "{", ".join(odd)}".')
    return {key.strip(): name.strip() for key, _, name in pairs}


def _refuse_csv_options(source: Path, given: dict[str, object]) -> None:
    """UserError where options of a CSV are given for a folder."""
    odd = [f"--{name}" for name, value in given.items() if value is not None]
    if odd and source.is_dir():
        raise UserError(f"{', '.join(odd)} can be given for a CSV alone, but {source} is a folder. Leave it out.")


def _say(report: ImportReport) -> None:
    from search.cli.split_table import say_splits
    from trainables.data.accounting import account_lines

    say_splits(
        report.destination,
        report.counts,
        f"{report.groups} groups that stay together",
        asked=[one.asked for one in report.shares],
        what="samples",
    )
    for line in [*account_lines("files", report.account), *report.notes]:
        say(f"  {line}")
    _say_left_out(report.left_out)
    say(f"A study reads it with\n{report.config}")


def _say_left_out(left_out: Sequence[LeftOut]) -> None:
    """How many were left out and why; the file beside the splits lists each."""
    from collections import Counter

    from trainables.data.making.import_options import LEFT_OUT_FILE
    from trainables.words import one_line

    if left_out:
        kinds = Counter("duplicate" if "same picture" in one.reason else "unusable" for one in left_out)
        said = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
        say(f"  left out: {len(left_out):,} ({said}), each with its reason in {LEFT_OUT_FILE}; such as")
        for one in [one for one in left_out if "same picture" not in one.reason][:3]:
            say(f"    {one_line(one.file)}: {one_line(one.reason)}")
