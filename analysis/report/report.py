"""The report of a study: one frozen `Report`, written as one HTML file and as Markdown with its plots beside it.

It reads what the analysis left in the study folder and computes no result of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis import store, wording
from analysis.effort import effort_sentence, read_effort
from analysis.files import replace_file
from analysis.lineage import data_digests
from analysis.numbers.cost import Cost, cost_of
from analysis.numbers.fusion import AlphaGrid
from analysis.numbers.metrics import Scores
from analysis.numbers.pareto import Front, front_of
from analysis.opening import with_later_openings
from analysis.report.cards import SampleCard, sample_cards
from analysis.report.class_tables import ClassTable, class_table, class_values, write_class_tables
from analysis.report.closer_look import Look, SplitSaid, case_words, closer_look
from analysis.report.effort_plot import effort_pictures
from analysis.report.figures import Picture, draw_pictures
from analysis.report.findings import Headline, headline, key_findings, not_tested
from analysis.report.first_screen import Answer, answers, effort_of
from analysis.report.fonts import lettering
from analysis.report.fronts import front_sentence
from analysis.report.importances import Importance, read_importances
from analysis.report.leaderboard_csv import ranked, write_trials_table
from analysis.report.look_plots import look_pictures
from analysis.report.missing_inputs import missing_note
from analysis.report.parts import Board, ResultRow, WeightRow, board, eleven_points, result_rows, weight_rows
from analysis.report.record import chance_values, report_json, result_values, results_csv
from analysis.report.said import model_logits
from analysis.report.tracked import class_rows, prediction_rows, table_json, trial_rows, verdict
from analysis.report.trial_plots import trial_pictures
from analysis.results import FinalTest, SelectedModel, Selection, quoted_numbers
from analysis.train_doubts import read_train_doubts
from trainables.names import (
    ANALYSIS_FOLDER,
    CLASSES_TABLE,
    ENSEMBLE,
    LEADERBOARD_TABLE,
    REPORT_HTML,
    REPORT_JSON,
    REPORT_MARKDOWN,
    RESULTS_CSV,
    STUDIES_FOLDER,
    TABLES_FOLDER,
    TEST,
    TEST_PREDICTIONS,
    VAL,
    VERDICT_FILE,
)
from trainables.records import Predictions, TrialRecord
from trainables.words import printable

PLOTS_FOLDER = "plots"
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Report:
    """Everything that both templates say."""

    selection: Selection
    final: FinalTest | None
    data: tuple[tuple[str, str], ...]  # (split, digest of its manifest), of those that the study has
    not_tested: str  # what is said where there is no result
    split: str  # that tables and examples below the results are from: test, or val before the test
    headline: Headline
    data_warnings: tuple[str, ...]  # what the search found in its data that may mislead
    answers: tuple[Answer, ...]  # the first screen
    findings: tuple[str, ...]
    results: tuple[ResultRow, ...]
    remarks: tuple[str, ...]  # on the results: what the linear baseline is, how many samples lack a modality
    scores: Mapping[str, Scores]  # by model, in the order of the class table
    classes: ClassTable
    grid: AlphaGrid | None  # of two modalities
    weights: tuple[WeightRow, ...]  # of more than two; else empty
    boards: tuple[Board, ...]
    fronts: tuple[Front, ...]  # of the modalities whose search had two objectives
    effort: str  # what fine-tuning gained over heads on frozen features where there were both, and what trials took
    cost: tuple[Cost, ...]
    shown_words: tuple[str, ...]  # the modalities that a sample's words are of
    samples: tuple[SampleCard, ...]
    look: Look
    importances: tuple[Importance, ...]
    pictures: Mapping[str, Picture]

    @property
    def study(self) -> str:
        """Its name."""
        return self.selection.study

    @property
    def digest(self) -> str:
        """Of the selection."""
        return store.selection_digest(self.selection)

    @property
    def models(self) -> tuple[str, ...]:
        """Those whose scores are looked at closely."""
        return tuple(self.scores)

    def leads(self, model: SelectedModel) -> bool:
        """Whether a selected trial is the best of its modality by itself."""
        rows = next(one.rows for one in self.boards if one.modality == model.modality)
        best = max((row.best_val_accuracy for row in rows if row.rank and row.best_val_accuracy), default=0.0)
        return model.val_accuracy >= best

    def record(self) -> dict[str, Any]:
        """What the report says, as values that JSON has; shares from 0 to 1."""
        return {
            "format": 1,
            "study": self.study,
            "selection": self.digest,
            "split": self.split,
            "numbers": {} if self.final is None else quoted_numbers(self.selection, self.final),
            "weights": {} if self.selection.fusion is None else dict(self.selection.fusion.weights),
            "sentence": self.headline.sentence,
            "warning": self.headline.warning,
            "data_warnings": list(self.data_warnings),
            "answers": [asdict(one) for one in self.answers],
            "findings": list(self.findings),
            "results": result_values(self.results),
            "classes": class_values(self.scores, self.selection.system),
            "chances": {
                model: chance_values(one, self.selection.row_temperature(model))
                for model, one in self.look.chances.items()
            },
            "reliability": {model: [asdict(one) for one in bins] for model, bins in self.look.reliability.items()},
            "who_is_right": [asdict(one) for one in self.look.cases],
            "abstention": [asdict(one) for one in self.look.abstention],
            "conformal_sets": [asdict(one) for one in self.look.sets],
            "cost": [asdict(one) for one in self.cost],
            "importances": [asdict(one) for one in self.importances],
            "likely_wrong_labels": dict(self.look.doubted),
            "comparisons": {}
            if self.final is None
            else {key: asdict(one) for key, one in self.final.comparisons.items()},
        }


def write_report(study_folder: Path) -> tuple[Path, Path]:
    """Write `analysis/report.html` and `analysis/report.md` with `analysis/plots/*.png`; their paths.

    Beside them, with the same numbers: `report.json`; `results.csv`, the results table; `leaderboard.csv`, all trials;
    `classes.csv` with every class and `confused.csv` with what is taken for what; for trackers `verdict.md` and
    `tables/*.json`.

    May be repeated at any time. Raises UserError where the study wasn't analyzed or a file of the analysis can't be
    read.
    """
    report, folder = build_report(study_folder), study_folder / ANALYSIS_FOLDER
    for name, picture in report.pictures.items():
        replace_file(folder / PLOTS_FOLDER / f"{name}.png", picture.light)
    write_trials_table(folder, store.read_trials(study_folder))
    write_class_tables(folder, _model_scores(report.selection, report.final))
    replace_file(folder / REPORT_JSON, report_json(report.record()))
    replace_file(folder / RESULTS_CSV, results_csv(report.results))
    paths = folder / REPORT_HTML, folder / REPORT_MARKDOWN
    for path, render in zip(paths, (render_html, render_markdown), strict=True):
        replace_file(path, render(report).encode("utf-8", "backslashreplace"))
    _write_tracked(report, study_folder)
    return paths


def _write_tracked(report: Report, study_folder: Path) -> None:
    """What a tracker shows: the verdict, and tables of test predictions, classes and trials."""
    folder, selection = study_folder / ANALYSIS_FOLDER, report.selection
    where = "/".join((STUDIES_FOLDER, study_folder.name, ANALYSIS_FOLDER, REPORT_HTML))
    said = verdict(report.headline.sentence, report.answers, where)
    replace_file(folder / VERDICT_FILE, said.encode("utf-8", "backslashreplace"))
    tables = {
        CLASSES_TABLE: class_rows(class_values(report.scores, selection.system), report.split),
        LEADERBOARD_TABLE: trial_rows(ranked(store.read_trials(study_folder))),
    }
    if report.final is not None:
        ensemble = store.load_predictions(study_folder, TEST, ENSEMBLE) if selection.deploys_ensemble else None
        kept, examples = _kept(study_folder, selection, TEST), store.load_examples(study_folder, TEST)
        tables[TEST_PREDICTIONS] = prediction_rows(selection, report.final, kept, ensemble, examples)
    for name, rows in tables.items():
        replace_file(folder / TABLES_FOLDER / name, table_json(rows))


def build_report(study_folder: Path) -> Report:
    """Read the study's analysis and put the report together. Raises UserError as `write_report` does."""
    selection, final = store.read_selection(study_folder), store.read_final_test(study_folder)
    final = final and with_later_openings(study_folder, final)
    split, records = TEST if final else VAL, store.read_trials(study_folder)
    val, shown = (_kept(study_folder, selection, name) for name in (VAL, split))
    ensemble = store.load_predictions(study_folder, split, ENSEMBLE) if selection.deploys_ensemble else None
    grid, scores, letters = eleven_points(val), _model_scores(selection, final), lettering(selection.classes)
    opened, warnings = store.read_openings(study_folder).times, store.read_data_warnings(study_folder)
    top = headline(selection, final, opened)
    effort, cost, fronts = read_effort(study_folder), cost_of(records), _fronts(records, selection)
    said, doubts = _said(study_folder, selection, {VAL: val, split: shown}, ensemble), read_train_doubts(study_folder)
    chances = (look := closer_look(selection, said, split, doubts)).chances[selection.system]
    words, samples = sample_cards(selection, shown, store.load_examples(study_folder, split), ensemble)
    pictures = (
        draw_pictures(records, selection, final, val, grid, fronts, letters)
        | effort_pictures(effort)
        | look_pictures(look, split, selection.system)
        | trial_pictures(records, list(selection.models))
    )
    return Report(
        selection=selection,
        final=final,
        data=tuple(data_digests(study_folder).items()),
        not_tested=not_tested(opened),
        split=split,
        headline=top,
        data_warnings=warnings,
        answers=answers(selection, final, effort_of(records, selection), warnings, top.warning, look.sets, chances),
        findings=key_findings(selection, final, grid, chances),
        results=result_rows(selection, final),
        remarks=_remarks(selection, missing_note(selection, shown, split), letters.note),
        scores=scores,
        classes=class_table(scores, selection.system),
        grid=grid,
        weights=weight_rows(selection),
        boards=tuple(board(records, selection, modality) for modality in selection.models),
        fronts=fronts,
        effort=" ".join(filter(None, (effort_sentence(effort) if effort else "", wording.cost_sentence(cost)))),
        cost=cost,
        shown_words=words,
        samples=samples,
        look=look,
        importances=read_importances(study_folder, selection.models),
        pictures=pictures,
    )


def _kept(study_folder: Path, selection: Selection, split: str) -> dict[str, Predictions]:
    return {modality: store.load_predictions(study_folder, split, modality) for modality in selection.models}


def _fronts(records: tuple[TrialRecord, ...], selection: Selection) -> tuple[Front, ...]:
    found = (front_of(records, modality, one.trial_id) for modality, one in selection.models.items())
    return tuple(front for front in found if front is not None)


def _remarks(selection: Selection, *notes: str) -> tuple[str, ...]:
    """On the results table: what its rows are, and what else is to be noted."""
    return tuple(filter(None, (*wording.baseline_notes(selection.val), *notes)))


def _said(
    study_folder: Path,
    selection: Selection,
    splits: Mapping[str, Mapping[str, Predictions]],
    ensemble: Predictions | None,
) -> dict[str, SplitSaid]:
    """What the models say of each split; `ensemble`: of the last of them."""
    found, last = {}, list(splits)[-1]
    for split, own in splits.items():
        deployed = ensemble
        if selection.deploys_ensemble and split != last:
            deployed = store.load_predictions(study_folder, split, ENSEMBLE)
        one = next(iter(own.values()))
        logits = model_logits(selection, own, deployed)
        found[split] = SplitSaid(logits, one.labels, one.ids, store.load_examples(study_folder, split))
    return found


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
    environment.globals |= {"wording": wording, "front_sentence": front_sentence, "case_words": case_words}
    return environment.get_template(template).render(report=report)


def _model_scores(selection: Selection, final: FinalTest | None) -> dict[str, Scores]:
    """The scores of the models and the fusion on test, or on val before the test."""
    rows = final.test if final else selection.val
    return {model: rows[model].scores for model in selection.shown_rows}
