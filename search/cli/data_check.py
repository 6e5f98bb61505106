"""`binwise data check`: what may mislead a search, told before it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import RUNS, AsJson, Overrides, Runs
from search.show.say import json_text, say
from trainables.errors import UserError

if TYPE_CHECKING:
    from search.study.config import StudyConfig
    from trainables.data_check.check import Checked
    from trainables.data_check.result import DataCheck

CHECKS = "data_checks"  # among the runs: checks of data that no study that was run is about


def data_check(
    data: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|DIR", help="A study's YAML file, name or folder; or a folder: Train, Val, Test, or classes."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the page goes (default: the study's folder, or the runs).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings make the exit code 1, too.")] = False,
    overrides: Overrides = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Look for what may mislead a search: lost files, duplicates, shortcuts, splits unlike each other.

    The exit code is 0, or 1 where errors were found.
    """
    from search.show.progress_bar import progress_bar
    from trainables.data_check.check import check_data

    checked, folder = what_to_check(data, runs, overrides or [])
    found = check_data(checked, runs.absolute() / "cache", bar=progress_bar)
    page = _written(found, out or folder)
    if as_json:
        say(json_text(found.as_dict(), indent=1))
    else:
        for line in summary_lines(found, page):
            say(line)
    if found.verdict == "errors" or (strict and found.verdict == "warnings"):
        raise typer.Exit(1)


def what_to_check(given: str, runs: Path, overrides: list[str]) -> tuple[Checked, Path]:
    """The data that are meant, and the folder for what comes out.

    Raises UserError where neither a folder nor a study is meant, or the study's config has faults.
    """
    from search.cli.find_study import recorded
    from search.study.folder import Layout
    from search.study.yaml_file import load_study
    from trainables.names import LEDGER_FILE, STUDY_FILE

    path = Path(given)
    if path.is_dir() and not any((path / name).is_file() for name in (STUDY_FILE, LEDGER_FILE)):
        return _folder(path.absolute(), runs.absolute(), overrides)
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        study = load_study(path, overrides)
        folder = Layout.of(study).folder
        return _study(study), folder if folder.is_dir() else study.runs / CHECKS / study.name
    try:
        study, folder = recorded(given, runs)
    except UserError as error:
        raise UserError(f"{error}\nOr a folder of data, but {given!r} is none: check the path.") from error
    return _study(study), folder


def _folder(path: Path, runs: Path, overrides: list[str]) -> tuple[Checked, Path]:
    from trainables.data.pictures.load import PIXEL_LIMIT
    from trainables.data_check.check import Checked
    from trainables.data_check.sources import splits_in
    from trainables.text.check import packaged_backbone

    if overrides:
        raise UserError(f"--set changes a study's key, but {path} is a folder of data: leave it out.")
    backbone = packaged_backbone()
    checked = Checked(
        name=path.resolve().name or "data",
        sources=splits_in(path),
        modalities=(),
        pixel_limit=PIXEL_LIMIT,
        backbones={backbone: 64} if backbone else {},
    )
    return checked, runs / CHECKS / (re.sub(r"[^A-Za-z0-9._-]+", "-", checked.name).strip("._-")[:80] or "data")


def _study(study: StudyConfig) -> Checked:
    from search.preflight.data import read_options
    from search.study.sections import searched_values
    from trainables.data_check.check import Checked
    from trainables.names import TEST, TRAIN, VAL
    from trainables.text.check import searched_backbones
    from trainables.text.modality import MODALITY

    sources = {TRAIN: study.data.train, VAL: study.data.val, TEST: study.data.test}
    texts = MODALITY.name in study.modalities
    return Checked(
        name=study.name,
        sources={name: source for name, source in sources.items() if source is not None},
        modalities=study.modalities,
        pixel_limit=study.data.pixel_limit,
        backbones=searched_backbones(searched_values(study.section(MODALITY.name))) if texts else {},
        options=read_options(study.data),
    )


def _written(found: DataCheck, folder: Path) -> Path:
    """Write both files; the page's path. UserError where the folder can't be written."""
    from analysis.data_page.page import write_page
    from trainables.data.files import replace_file
    from trainables.names import DATA_CHECK_FILE, DATA_CHECK_HTML

    page = folder.absolute() / DATA_CHECK_HTML
    try:
        replace_file(page.with_name(DATA_CHECK_FILE), json_text(found.as_dict(), indent=1).encode())
        write_page(page, found)
    except OSError as error:
        raise UserError(
            f"The check's folder must be writable, but {folder} isn't ({error.strerror or error}): name another one "
            "with --out."
        ) from error
    return page


def summary_lines(found: DataCheck, page: Path) -> list[str]:
    """What a person reads: the verdict, what every split holds, a block a finding, where the page is."""
    from search.show.findings import finding_lines
    from trainables.data.check.findings import verdict_sentence
    from trainables.words import one_line

    return [
        f"{one_line(found.name)}: {verdict_sentence(found.findings)}",
        *(f"  {split:5} {_held(found, split)}" for split in found.counts),
        *finding_lines(found.findings),
        f"Page: {one_line(str(page))}",
    ]


def _held(found: DataCheck, split: str) -> str:
    """`790 samples of 4 classes; 795 files: 790 pictures taken, 5 junk (5 .DS_Store)`."""
    from trainables.data.accounting import FILES, lines_text
    from trainables.words import one_line

    own, account = found.counts[split], found.accounting.get(split)
    held = f"{sum(own.values()):,} samples of {sum(number > 0 for number in own.values())} classes"
    if account is None:
        return held
    files = account.unit == FILES
    return f"{held}; " + one_line(f"{account.total:,} files: {account.summary()}" if files else lines_text(account))
