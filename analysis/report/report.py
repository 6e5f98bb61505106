"""The report of a study: one frozen `Report`, written as one HTML file and as Markdown with its plots beside it.

It reads what the analysis left in the study folder and computes no result of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis import store, wording
from analysis.effort import effort_sentence, read_effort
from analysis.files import replace_file
from analysis.lineage import data_digests
from analysis.numbers.fusion import AlphaGrid, alpha_grid
from analysis.numbers.metrics import Scores
from analysis.numbers.pareto import Front, front_of
from analysis.numbers.selection import LeaderboardRow, leaderboard, stop_reasons
from analysis.opening import with_later_openings
from analysis.report.cards import SampleCard, sample_cards
from analysis.report.class_tables import ClassTable, class_table, write_class_tables
from analysis.report.effort_plot import effort_pictures
from analysis.report.figures import Picture, draw_pictures
from analysis.report.findings import Headline, headline, key_findings, not_tested
from analysis.report.fonts import lettering
from analysis.report.fronts import front_sentence
from analysis.report.leaderboard_csv import write_trials_table
from analysis.report.missing_inputs import missing_note
from analysis.results import FinalTest, RowScores, Selection
from analysis.rows import row_order
from trainables.names import ANALYSIS_FOLDER, ENSEMBLE, REPORT_HTML, REPORT_MARKDOWN, TEST, VAL
from trainables.records import Predictions, TrialRecord
from trainables.words import printable

PLOTS_FOLDER = "plots"
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class ResultRow:
    """One row of the results table, as text."""

    name: str
    main: bool  # the system that the study ends with
    val_accuracy: str
    test_accuracy: str | None  # None before the test
    macro_f1: str
    weighted_f1: str
    milliseconds: str


@dataclass(frozen=True)
class WeightRow:
    """One modality in the fusion of three and more, as text."""

    modality: str
    weight: str
    alone: str  # val accuracy


@dataclass(frozen=True)
class Board:
    """The table of a modality's trials."""

    modality: str
    rows: tuple[LeaderboardRow, ...]
    selected: str  # trial id
    ended: tuple[tuple[str, int], ...]  # (stop reason, trials), of those that occurred
    seconds: float  # of all trials together


@dataclass(frozen=True)
class Report:
    """Everything that both templates say."""

    study: str
    selection: Selection
    final: FinalTest | None
    digest: str
    data: tuple[tuple[str, str], ...]  # (split, digest of its manifest), of those that the study has
    not_tested: str  # what is said where there is no result
    split: str  # that tables and examples below the results are from: test, or val before the test
    headline: Headline
    data_warnings: tuple[str, ...]  # what the search found in its data that may mislead
    findings: tuple[str, ...]
    results: tuple[ResultRow, ...]
    remarks: tuple[str, ...]  # on the results: what the linear baseline is, how many samples lack a modality
    models: tuple[str, ...]  # in the order of the class table
    classes: ClassTable
    grid: AlphaGrid | None  # of two modalities
    weights: tuple[WeightRow, ...]  # of more than two; else empty
    boards: tuple[Board, ...]
    fronts: tuple[Front, ...]  # of the modalities whose search had two objectives
    effort: str  # what fine-tuning gained over heads on frozen features; empty where there weren't both
    shown_words: tuple[str, ...]  # the modalities that a sample's words are of
    samples: tuple[SampleCard, ...]
    pictures: Mapping[str, Picture]


def write_report(study_folder: Path) -> tuple[Path, Path]:
    """Write `analysis/report.html` and `analysis/report.md` with `analysis/plots/*.png`; their paths.

    `analysis/leaderboard.csv` is written beside them, all trials as one table, `classes.csv` with every class and
    `confused.csv` with what is taken for what.

    May be repeated at any time. Raises UserError where the study wasn't analyzed or a file of the analysis can't be
    read.
    """
    report, folder = build_report(study_folder), study_folder / ANALYSIS_FOLDER
    for name, picture in report.pictures.items():
        replace_file(folder / PLOTS_FOLDER / f"{name}.png", picture.light)
    write_trials_table(folder, store.read_trials(study_folder))
    write_class_tables(folder, _model_scores(report.selection, report.final))
    paths = folder / REPORT_HTML, folder / REPORT_MARKDOWN
    for path, render in zip(paths, (render_html, render_markdown), strict=True):
        replace_file(path, render(report).encode("utf-8", "backslashreplace"))
    return paths


def build_report(study_folder: Path) -> Report:
    """Read the study's analysis and put the report together. Raises UserError as `write_report` does."""
    selection, final = store.read_selection(study_folder), store.read_final_test(study_folder)
    final = final and with_later_openings(study_folder, final)
    records, opened = store.read_trials(study_folder), store.read_openings(study_folder).times
    split = TEST if final else VAL
    val = {modality: store.load_predictions(study_folder, VAL, modality) for modality in selection.models}
    shown = {modality: store.load_predictions(study_folder, split, modality) for modality in selection.models}
    ensemble = store.load_predictions(study_folder, split, ENSEMBLE) if selection.deploys_ensemble else None
    grid = _grid(val)
    scores = _model_scores(selection, final)
    effort = read_effort(study_folder)
    letters = lettering(selection.classes)
    words, samples = sample_cards(selection, shown, store.load_examples(study_folder, split), ensemble)
    found = (front_of(records, modality, one.trial_id) for modality, one in selection.models.items())
    fronts = tuple(front for front in found if front is not None)
    return Report(
        study=selection.study,
        selection=selection,
        final=final,
        digest=store.selection_digest(selection),
        data=tuple(data_digests(study_folder).items()),
        not_tested=not_tested(opened),
        split=split,
        headline=headline(selection, final, opened),
        data_warnings=store.read_data_warnings(study_folder),
        findings=key_findings(selection, final, grid),
        results=_results(selection, final),
        remarks=tuple(
            filter(None, (*wording.baseline_notes(selection.val), missing_note(selection, shown, split), letters.note))
        ),
        models=tuple(scores),
        classes=class_table(scores, selection.system),
        grid=grid,
        weights=_weight_rows(selection),
        boards=tuple(_board(records, selection, modality) for modality in selection.models),
        fronts=fronts,
        effort=effort_sentence(effort) if effort else "",
        shown_words=words,
        samples=samples,
        pictures=draw_pictures(records, selection, final, val, grid, fronts, letters) | effort_pictures(effort),
    )


def render_html(report: Report) -> str:
    """The page: no script, nothing loaded from elsewhere, every text escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_readable
    )
    return _rendered(environment, "report.html.j2", report)


def render_markdown(report: Report) -> str:
    """The same facts as Markdown; the characters with a meaning in it are escaped in every text."""
    environment = Environment(  # noqa: S701 - Markdown, not HTML: `finalize` escapes instead
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, finalize=escape_markdown
    )
    return _rendered(environment, "report.md.j2", report)


def escape_markdown(value: Any) -> str:
    """A value as text that is no Markdown and no HTML, on one line."""
    line = printable(" ".join(str(value).split("\n")).replace("\r", " "))
    return re.sub(r"([\\`|<>\[\]*$~])", r"\\\1", line)


def _readable(value: Any) -> Any:
    """A text with what would turn or hide others on the page as its escape; markup and numbers as they are."""
    return printable(value) if type(value) is str else value


def _rendered(environment: Environment, template: str, report: Report) -> str:
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals |= {"wording": wording, "front_sentence": front_sentence}
    return environment.get_template(template).render(report=report)


def _model_scores(selection: Selection, final: FinalTest | None) -> dict[str, Scores]:
    """The scores of the models and the fusion on test, or on val before the test."""
    rows = final.test if final else selection.val
    return {model: rows[model].scores for model in selection.shown_rows}


def _grid(val: Mapping[str, Predictions]) -> AlphaGrid | None:
    if len(val) != 2:
        return None
    first, second = val.values()
    return alpha_grid(first.logits, second.logits, first.labels)


def _weight_rows(selection: Selection) -> tuple[WeightRow, ...]:
    fusion = selection.fusion
    if fusion is None or fusion.best_alpha is not None:
        return ()
    accuracies = {name: wording.percent(selection.val[name].scores.accuracy) for name in fusion.weights}
    return tuple(WeightRow(name, weight, accuracies[name]) for name, weight in wording.weights(fusion).items())


def _results(selection: Selection, final: FinalTest | None) -> tuple[ResultRow, ...]:
    rows = [row for row in row_order(selection.models) if row in selection.val]
    majority = selection.classes[selection.majority_class]
    return tuple(
        _result_row(
            wording.row_name(row, majority),
            row == selection.system,
            selection.val[row],
            final.test[row] if final else None,
        )
        for row in rows
    )


def _result_row(name: str, main: bool, val: RowScores, test: RowScores | None) -> ResultRow:
    shown = test or val
    return ResultRow(
        name=name,
        main=main,
        val_accuracy=wording.percent(val.scores.accuracy),
        test_accuracy=wording.percent(test.scores.accuracy) if test else None,
        macro_f1=wording.percent(shown.scores.macro_f1),
        weighted_f1=wording.percent(shown.scores.weighted_f1),
        milliseconds=wording.milliseconds(shown.seconds_per_sample),
    )


def _board(records: tuple[TrialRecord, ...], selection: Selection, modality: str) -> Board:
    rows = leaderboard(records, modality)
    ended = tuple((reason, number) for reason, number in stop_reasons(records, modality).items() if number)
    return Board(modality, rows, selection.models[modality].trial_id, ended, sum(row.seconds for row in rows))
