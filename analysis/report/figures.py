"""The report's plots with their descriptions, each for a light and a dark ground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analysis import wording
from analysis.numbers.fusion import alpha_curve
from analysis.numbers.pareto import Front
from analysis.report import plots
from analysis.report.thumbnails import data_uri
from analysis.results import FinalTest, Selection
from trainables.names import FUSED, IMAGE, TEST, TEXT, VAL
from trainables.records import Predictions, TrialRecord

MODELS = (IMAGE, TEXT, FUSED)
Grid = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Picture:
    """A plot, for light and dark ground."""

    name: str
    alt: str
    light: bytes  # PNG
    dark: bytes

    @property
    def light_uri(self) -> str:
        """The light one as a `data:` URI."""
        return data_uri(self.light, "image/png")

    @property
    def dark_uri(self) -> str:
        """The dark one as a `data:` URI."""
        return data_uri(self.dark, "image/png")


def draw_pictures(
    records: tuple[TrialRecord, ...],
    selection: Selection,
    final: FinalTest | None,
    val: Mapping[str, Predictions],
    grid: Grid | None,
    fronts: tuple[Front, ...],
) -> dict[str, Picture]:
    """Every plot of the report by name; `val` are the val predictions by modality, `grid` the 11-point sweep.

    Where no search had two objectives, and `fronts` is empty, there is no plot of them.
    """
    majority = selection.classes[selection.majority_class]
    names = {row: wording.row_name(row, majority) for row in wording.ROW_ORDER if row in selection.val}
    scores_val = {row: one.scores for row, one in selection.val.items()}
    scores_test = {row: one.scores for row, one in final.test.items()} if final else None
    split, shown = (TEST, scores_test) if scores_test else (VAL, scores_val)
    models = {model: shown[model] for model in MODELS if model in shown}
    found = [
        _picture(
            "performance",
            f"Bars of accuracy and macro F1 of every row of the results table on val{' and test' if final else ''}.",
            lambda theme: plots.bars_figure(names, scores_val, scores_test, theme),
        ),
        _picture(
            "confusion",
            f"Confusion matrices on {split} of {', '.join(models)}: true classes by row, predicted ones by column.",
            lambda theme: plots.confusion_figure(models, selection.classes, theme),
        ),
        _picture(
            "learning_curves",
            "Val accuracy by epoch of every trial, the selected ones emphasised.",
            lambda theme: plots.learning_curves_figure(records, list(selection.models), theme),
        ),
    ]
    if selection.fusion is not None and grid is not None:
        fusion = selection.fusion
        curve = alpha_curve(val[IMAGE].logits, val[TEXT].logits, val[IMAGE].labels)
        said = f"Val accuracy by alpha: highest at {wording.alpha(fusion)} with {wording.percent(fusion.accuracy)}."
        found.append(_picture("alpha", said, lambda theme: plots.alpha_figure(curve, grid, fusion, theme)))
    if fronts:
        what = " and by ".join(f"{front.objective} of every {front.modality} trial" for front in fronts)
        said = f"Val accuracy by {what}: the Pareto front is connected, the selected trial marked."
        found.append(_picture("pareto", said, lambda theme: plots.pareto_figure(fronts, theme)))
    return {picture.name: picture for picture in found}


def _picture(name: str, alt: str, draw: Callable[[plots.Theme], bytes]) -> Picture:
    return Picture(name, alt, draw(plots.LIGHT), draw(plots.DARK))
