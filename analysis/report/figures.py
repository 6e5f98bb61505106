"""The report's plots with their descriptions, each for a light and a dark ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from analysis import wording
from analysis.numbers.fusion import AlphaGrid, alpha_curve
from analysis.numbers.mixture import Mixture
from analysis.numbers.pareto import Front
from analysis.report import plots, ternary
from analysis.report.confusion_plots import MOST_CLASSES, confusion_figure
from analysis.report.fonts import Lettering
from analysis.report.plot_data import weights_info
from analysis.report.theme import DARK, LIGHT, Theme
from analysis.report.thumbnails import data_uri
from analysis.results import FinalTest, Selection
from analysis.rows import row_order
from trainables.names import TEST, VAL
from trainables.records import Predictions, TrialRecord


@dataclass(frozen=True)
class Picture:
    """A plot, for light and dark ground, each drawn when it is asked for: Markdown needs one of them, a test none."""

    name: str
    alt: str
    draw: Callable[[Theme], bytes]  # PNG

    @cached_property
    def light(self) -> bytes:
        """For light ground, as PNG."""
        return self.draw(LIGHT)

    @cached_property
    def dark(self) -> bytes:
        """For dark ground, as PNG."""
        return self.draw(DARK)

    @property
    def light_uri(self) -> str:
        """The picture for light ground as a `data:` URI."""
        return data_uri(self.light, "image/png")

    @property
    def dark_uri(self) -> str:
        """The picture for dark ground as a `data:` URI."""
        return data_uri(self.dark, "image/png")


def draw_pictures(
    records: tuple[TrialRecord, ...],
    selection: Selection,
    final: FinalTest | None,
    val: Mapping[str, Predictions],
    grid: AlphaGrid | None,
    fronts: tuple[Front, ...],
    letters: Lettering,
) -> dict[str, Picture]:
    """Every plot of the report by name; `val` are the val predictions by modality, `grid` the 11-point sweep.

    `letters`: how the classes' names are written. Where no search had two objectives, and `fronts` is empty, there is
    no plot of them.
    """
    found = [
        *_score_pictures(selection, final, letters),
        Picture(
            "learning_curves",
            "Val accuracy by epoch of every trial, the selected ones emphasised.",
            lambda theme: plots.learning_curves_figure(records, list(selection.models), theme),
        ),
        *(_fusion_picture(selection.fusion, val, grid) if selection.fusion is not None else ()),
    ]
    if fronts:
        what = " and by ".join(f"{front.objective} of every {front.modality} trial" for front in fronts)
        said = f"Val accuracy by {what}: the Pareto front is connected, the selected trial marked."
        found.append(Picture("pareto", said, lambda theme: plots.pareto_figure(fronts, theme)))
    return {picture.name: picture for picture in found}


def _score_pictures(selection: Selection, final: FinalTest | None, letters: Lettering) -> Iterator[Picture]:
    """Bars of every row, and what each model takes for what."""
    majority = letters.names[selection.majority_class]
    names = {row: wording.row_name(row, majority) for row in row_order(selection.models) if row in selection.val}
    scores_val = {row: one.scores for row, one in selection.val.items()}
    scores_test = {row: one.scores for row, one in final.test.items()} if final else None
    split, shown = (TEST, scores_test) if scores_test else (VAL, scores_val)
    models = {model: shown[model] for model in selection.shown_rows}
    matrices = "Confusion matrices", "true classes by row, predicted ones by column"
    pairs = "The pairs of classes most confused", "the true class, what it is taken for, samples"
    what, how = matrices if len(letters.names) <= MOST_CLASSES else pairs
    yield Picture(
        "performance",
        f"Bars of accuracy and macro F1 of every row of the results table on val{' and test' if final else ''}.",
        letters.drawing(lambda theme: plots.bars_figure(names, scores_val, scores_test, theme)),
    )
    yield Picture(
        "confusion",
        f"{what} on {split} of {', '.join(models)}: {how}.",
        letters.drawing(lambda theme: confusion_figure(models, letters.names, theme)),
    )


def _fusion_picture(fusion: Mixture, val: Mapping[str, Predictions], grid: AlphaGrid | None) -> Iterator[Picture]:
    """Val accuracy by alpha, or by the weights."""
    logits = {modality: val[modality].logits for modality in fusion.weights}
    labels = next(iter(val.values())).labels
    percent = wording.percent(fusion.accuracy)
    if fusion.best_alpha is not None and grid is not None:
        first, second = logits.values()
        curve = alpha_curve(first, second, labels)
        said = f"Val accuracy by alpha: highest at {wording.alpha(fusion.best_alpha)} with {percent}."
        yield Picture("alpha", said, lambda theme: plots.alpha_figure(curve, grid, fusion, theme))
    elif fusion.best_alpha is None:
        info = weights_info(logits, labels, fusion)
        at = ", ".join(f"{modality} {weight}" for modality, weight in wording.weights(fusion).items())
        said = f"Val accuracy by the weights of {wording.listed(list(logits))}: {percent} at the chosen {at}."
        yield Picture("weights", said, lambda theme: ternary.weights_figure(info, theme))
