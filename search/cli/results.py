"""`binwise analyze`, `test`, `report` and `predict`: what becomes of a study's trials."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.find_study import recorded
from search.cli.options import RUNS, AsJson, Runs, StudyRef
from search.show.say import json_text, say
from trainables.errors import UserError

if TYPE_CHECKING:
    from analysis.numbers.ensemble import Limits
    from search.study.config import DeploySection, StudyConfig
    from search.study.folder import Layout

results_app = typer.Typer()


@results_app.command()
def analyze(study: StudyRef, runs: Runs = RUNS) -> None:
    """Pick the best checkpoints on val, fit the fusion on val, and freeze the selection."""
    analyze_study(*recorded(study, runs))


@results_app.command("test")
def final_test(
    study: StudyRef,
    source: Annotated[
        Path | None, typer.Argument(metavar="[SRC]", help="The test data, where they lie elsewhere by now.")
    ] = None,
    accept_changed_test: Annotated[
        bool, typer.Option("--accept-changed-test", help="Test on data that have changed; the report says so.")
    ] = False,
    runs: Runs = RUNS,
) -> None:
    """The one evaluation on the test split; it can't be run twice."""
    test_study(*recorded(study, runs), source, accept_changes=accept_changed_test)


@results_app.command()
def report(study: StudyRef, runs: Runs = RUNS) -> None:
    """Write the report: one HTML file and one Markdown file."""
    report_study(*recorded(study, runs))


@results_app.command()
def predict(
    study: StudyRef,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A picture.")] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="Its description, or several captions; default: the picture's file name."),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="MODALITY=VALUE", help="As a CSV's cell has it.")
    ] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Sort one picture, one text, or the pair, with the study's selected models."""
    from analysis.predictor import Predictor

    # What people have most often has an option of its own.
    given = given_items(file, [*(inputs or []), *(f"text={caption}" for caption in text or [])])
    _, folder = recorded(study, runs)
    prediction = Predictor.load(folder).predict(given)
    say(json_text(prediction.as_dict()) if as_json else str(prediction))


def given_items(file: Path | None, inputs: list[str]) -> dict[str, Any]:
    """The items to predict, by modality: what is said of each, and what the file tells the others.

    Of a modality that is given several times, as captions may be, a sample has all. Raises UserError where nothing is
    given, a modality isn't known, or a value is no item.
    """
    from trainables.modalities import modality_of, registered

    given = {name: one.from_file(file) for name, one in registered().items()} if file is not None else {}
    cells: dict[str, list[str]] = {}
    for pair in inputs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--input must be MODALITY=VALUE, but got {pair!r}: such as {next(iter(registered()))}=...")
        cells.setdefault(name, []).append(value)
    for name, values in cells.items():
        kind = modality_of(name)
        try:
            given[name] = kind.joined([kind.from_cell(value, Path.cwd()) for value in values])
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"--input {name} must be as a CSV's cell has it, but {error}.") from error
    found = {name: item for name, item in given.items() if item is not None}
    if not found:
        raise UserError(
            "`predict` needs a picture, a text or another input: binwise predict STUDY picture.jpg --text 'old bottle'."
        )
    return found


def analyze_study(config: StudyConfig, folder: Path) -> None:
    """Choose on val, and say what was chosen."""
    from analysis.effort import effort_sentence, read_effort
    from analysis.pipeline import analyze as choose
    from search.show.console import console

    with console().status("Choosing on val"):
        limits = ensemble_limits(config.deploy)
        selection = choose(folder, linear_baseline=config.linear_baseline, limits=limits)
    say(selection.summary())
    effort = read_effort(folder)
    if effort is not None and (said := effort_sentence(effort)):
        say(said)
    _log(config, selection.metrics(), [folder / "analysis" / "selection.json"])


def ensemble_limits(deploy: DeploySection) -> Limits:
    """What an ensemble may cost, as the analysis takes it."""
    from analysis.numbers.ensemble import Limits

    seconds = math.inf if deploy.max_ms is None else deploy.max_ms / 1000
    return Limits(deploy.max_members, seconds, deploy.max_bytes or math.inf)


def test_study(config: StudyConfig, folder: Path, source: Path | None, *, accept_changes: bool) -> None:
    """Test, once, and say what came out. `source`: the test data where they lie elsewhere than the study says."""
    from analysis.lineage import OpeningTerms
    from analysis.pipeline import final_test as test_once
    from search.preflight.data import read_options
    from search.show.console import console
    from search.study.folder import Layout

    test = source or config.data.test
    if test is None:
        raise UserError(
            "There must be a test split to be tested on, but data.test is empty: binwise test STUDY SRC names one."
        )
    layout = Layout(folder.parent.parent, folder.name)
    terms = OpeningTerms(_bound_test(layout), accept_changes, layout.caches, config.data.pixel_limit)
    with console().status("Testing, once"):
        result = test_once(folder, test.absolute(), options=read_options(config.data), terms=terms)
    say(result.summary())
    _log(config, result.metrics(), [folder / "analysis" / "final_test.json"])


def _bound_test(layout: Layout) -> str | None:
    """The digest of the test data that the search put on record; None where it had none."""
    from search.ledger.events import MANIFEST
    from search.ledger.ledger import read_ledger
    from trainables.names import TEST

    if not layout.ledger_file.is_file():  # a copy for the analysis alone
        return None
    facts = read_ledger(layout.ledger_file)[1].bound.get(TEST)
    return None if facts is None else str(facts[MANIFEST])


def report_study(config: StudyConfig, folder: Path) -> None:
    """Write the report and Optuna's plots, and say where they are."""
    from analysis.report.report import write_report
    from search.exports.addresses import redacted
    from search.exports.cursor import tracking_uri
    from search.exports.optuna_plots import write_importances, write_optuna_plots
    from search.show.console import console
    from search.study.folder import Layout
    from trainables.names import (
        ANALYSIS_FOLDER,
        IMPORTANCES_FILE,
        OPTUNA_JOURNAL,
        REPORT_JSON,
        RESULTS_CSV,
        TRIALS_FILE,
    )

    with console().status("Writing the report"):
        searched = folder / OPTUNA_JOURNAL, config.name, config.modalities
        write_importances(folder / ANALYSIS_FOLDER / IMPORTANCES_FILE, *searched)
        html, markdown = write_report(folder)
        plots = write_optuna_plots(folder, *searched)
    data = [html.with_name(name) for name in (REPORT_JSON, RESULTS_CSV)]
    _log(config, {}, [html, markdown, *data, plots, folder / TRIALS_FILE])
    say(f"Report: {html}\n        {markdown}")
    say(f"MLflow: {redacted(tracking_uri(config, Layout.of(config)))} (browse it with: binwise ui)")


def _log(config: StudyConfig, metrics: dict[str, float], files: list[Path]) -> None:
    """Results go to MLflow as well; what is on disk already isn't lost where MLflow is away."""
    from search.exports.analysis_results import log_results
    from search.study.folder import Layout

    reason = log_results(config, Layout.of(config), metrics, files)
    if reason is not None:
        say(f"MLflow didn't take the results ({reason}); `binwise sync {config.name}` sends them.", err=True)
