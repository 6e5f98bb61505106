"""`binwise analyze`, `test` and `report`: what becomes of a study's trials."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.find_study import recorded
from search.cli.options import RUNS, Runs, StudyRef
from search.cli.register import register_study
from search.show.say import say
from trainables.errors import UserError

if TYPE_CHECKING:
    from analysis.numbers.alpha_choice import FusionRule
    from analysis.numbers.ensemble import Limits
    from analysis.results import FinalTest, Selection
    from search.exports.kept_results import Shown
    from search.study.config import DeploySection, StudyConfig

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


def analyze_study(config: StudyConfig, folder: Path) -> Selection:
    """Choose on val, and say what was chosen."""
    from analysis.effort import effort_sentence, read_effort
    from analysis.pipeline import analyze as choose
    from search.cli.ledger_openings import record_of
    from search.show.at_work import working

    with working("Choosing on val"):
        selection = choose(
            folder,
            linear_baseline=config.linear_baseline,
            limits=ensemble_limits(config.deploy),
            rule=_fusion_rule(config),
            fusions=config.deploy.fusions,
            record=record_of(folder),
        )
    say(selection.summary())
    effort = read_effort(folder)
    if effort is not None and (said := effort_sentence(effort)):
        say(said)
    _log(config, selection.metrics(), [folder / "analysis" / "selection.json"])
    return selection


def _fusion_rule(config: StudyConfig) -> FusionRule:
    """How alpha is chosen. UserError where the study has none and yet names a rule."""
    from analysis.numbers.alpha_choice import FusionRule

    rule = FusionRule(config.deploy.fuse_for, config.deploy.alpha)
    if rule != FusionRule() and len(config.modalities) != 2:
        raise UserError(
            "deploy.fuse_for and deploy.alpha are about the alpha of two modalities, but the study has "
            f"{len(config.modalities)}: leave them out."
        )
    return rule


def ensemble_limits(deploy: DeploySection) -> Limits:
    """What an ensemble may cost, as the analysis takes it."""
    from analysis.numbers.ensemble import Limits

    seconds = math.inf if deploy.max_ms is None else deploy.max_ms / 1000
    return Limits(deploy.max_members, seconds, deploy.max_bytes or math.inf)


def test_study(config: StudyConfig, folder: Path, source: Path | None, *, accept_changes: bool) -> FinalTest:
    """Test, once, and say what came out. `source`: the test data where they lie elsewhere than the study says."""
    from analysis.lineage import OpeningTerms
    from analysis.pipeline import final_test as test_once
    from search.cli.ledger_openings import held_record
    from search.preflight.data import read_options
    from search.show.at_work import working
    from search.study.folder import Layout

    test = source or config.data.test
    if test is None:
        raise UserError(
            "There must be a test split to be tested on, but data.test is empty: binwise test STUDY SRC names one."
        )
    layout = Layout(folder.parent.parent, folder.name)
    terms = OpeningTerms(accept_changes=accept_changes, caches=layout.caches, pixel_limit=config.data.pixel_limit)
    with held_record(folder) as record, working("Testing, once"):
        result = test_once(folder, test.absolute(), options=read_options(config.data), terms=terms, record=record)
    say(result.summary())
    _log(config, {**result.metrics(), **_quoted(folder)}, [folder / "analysis" / "final_test.json"])
    register_study(config, folder)
    return result


def report_study(config: StudyConfig, folder: Path) -> None:
    """Write the report and Optuna's plots, and say where they are."""
    from analysis.report.report import write_report
    from search.exports.addresses import redacted
    from search.exports.cursor import tracking_uri
    from search.exports.optuna_plots import write_importances, write_optuna_plots
    from search.show.at_work import working
    from search.study.folder import Layout
    from trainables.names import (
        ANALYSIS_FOLDER,
        IMPORTANCES_FILE,
        OPTUNA_JOURNAL,
        REPORT_JSON,
        RESULTS_CSV,
        TRIALS_FILE,
    )

    with working("Writing the report"):
        searched = folder / OPTUNA_JOURNAL, config.name, config.modalities
        write_importances(folder / ANALYSIS_FOLDER / IMPORTANCES_FILE, *searched)
        html, markdown = write_report(folder)
        plots = write_optuna_plots(folder, *searched)
    data = [html.with_name(name) for name in (REPORT_JSON, RESULTS_CSV)]
    _log(config, _quoted(folder), [html, markdown, *data, plots, folder / TRIALS_FILE], _shown(html.parent))
    say(f"Report: {html}\n        {markdown}")
    register_study(config, folder)
    say(f"MLflow: {redacted(tracking_uri(config, Layout.of(config)))} (browse it with: binwise ui)")


def _quoted(folder: Path) -> dict[str, float]:
    """The numbers of the test; none before it."""
    from analysis.results import quoted_numbers
    from analysis.store import read_final_test, read_selection

    final = read_final_test(folder)
    return {} if final is None else quoted_numbers(read_selection(folder), final)


def _shown(analysis: Path) -> Shown:
    """What of the report a person sees first in MLflow; `analysis` is its folder."""
    from search.exports.kept_results import Shown
    from trainables.names import CLASSES_TABLE, LEADERBOARD_TABLE, TABLES_FOLDER, TEST_PREDICTIONS, VERDICT_FILE

    tables = (analysis / TABLES_FOLDER / name for name in (TEST_PREDICTIONS, CLASSES_TABLE, LEADERBOARD_TABLE))
    there = tuple(path for path in tables if path.is_file())
    return Shown(analysis / VERDICT_FILE, analysis / "plots" / "performance.png", there)


def _log(config: StudyConfig, metrics: dict[str, float], files: list[Path], shown: Shown | None = None) -> None:
    """Results go to MLflow as well; what is on disk already isn't lost where MLflow is away."""
    from search.exports.analysis_results import log_results
    from search.study.folder import Layout

    reason = log_results(config, Layout.of(config), metrics, files, shown)
    if reason is not None:
        say(f"MLflow didn't take the results ({reason}); `binwise sync {config.name}` sends them.", err=True)
