"""`binwise predict`: what a study's models, or a bundle's, say of one sample or of many pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.find_study import recorded
from search.cli.options import RUNS, AsJson, Runs
from search.show.say import json_text, say
from trainables.errors import UserError
from trainables.runtime.bundle import is_bundle

if TYPE_CHECKING:
    from search.cli.predict_many import Answering

Inputs = Annotated[list[str] | None, typer.Option("--input", metavar="MODALITY=VALUE", help="As a CSV's cell has it.")]


def predict(
    models: Annotated[str, typer.Argument(metavar="STUDY|BUNDLE", help="A study that was analyzed, or a bundle.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Pictures, or folders of them.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="One picture's description, or several captions; default: the picture's file name."),
    ] = None,
    inputs: Inputs = None,
    csv: Annotated[Path | None, typer.Option(metavar="OUT.csv", help="Write a row a picture there.")] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Sort a picture, a text, the pair, or many pictures, with a study's selected models or a bundle's."""
    given, own = paths or [], [*(inputs or []), *(f"text={caption}" for caption in text or [])]
    if len(given) > 1 or csv is not None or any(path.is_dir() for path in given):
        from search.cli.predict_many import predict_pictures

        if own:
            raise UserError("`--text` and `--input` are of one sample, but several pictures are given: leave them out.")
        predict_pictures(_answering(models, runs), given, csv, as_json=as_json)
        return
    # What people have most often has an option of its own.
    items = given_items(given[0] if given else None, own)
    prediction = _answering(models, runs).predict(items)
    say(json_text(prediction.as_dict()) if as_json else str(prediction))
    _tell_test_sample(models, runs, items)


def _tell_test_sample(models: str, runs: Path, items: dict[str, Any]) -> None:
    """A note where a study is asked of one of its own test samples; a bundle knows none."""
    if is_bundle(Path(models)):
        return
    from analysis.lineage import is_test_sample

    if is_test_sample(recorded(models, runs)[1], items):
        say("Note: this is one of the study's test samples: who looks at them one by one uses up the test.", err=True)


def _answering(models: str, runs: Path) -> Answering:
    """What predicts: a bundle's models without torch, or a study's."""
    if is_bundle(Path(models)):
        from analysis.bundle_predictor import BundlePredictor

        return BundlePredictor.load(Path(models))
    from analysis.predictor import Predictor

    return Predictor.load(recorded(models, runs)[1])


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
