"""`binwise`: the command line, and the only module that sees both the search and the analysis.

Every import of weight waits inside its command, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli_cache import cache_app
from search.cli_plan import plan_command
from search.cli_sync import sync_command
from trainables.records import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from search.study import StudyConfig
    from trainables.data.splits import ImportReport

app = typer.Typer(
    name="binwise",
    help="Find the best image model, the best text model and the best way to combine them, with every trial on record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Make data sets: the embedded one, or three splits from a folder.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study's config.")]
StudyRef = Annotated[str, typer.Argument(metavar="STUDY", help="A study that was run: its name, folder or YAML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key: image.search.trials=20")
]
Runs = Annotated[Path, typer.Option("--runs", help="The folder of all output.")]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Remove the study of that name first, if there is one; MLflow keeps its record."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line: a user's mistake is one message and exit code 2, never a traceback."""
    try:
        app()
    except UserError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except PermissionError as error:
        typer.echo(f"Error: The folders that are named must be writable, but {error.filename} isn't.", err=True)
        sys.exit(2)


@data_app.command("demo")
def data_demo(
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder.")],
    scale: Annotated[int, typer.Option(min=60, max=100_000, help="Pictures in all three splits.")] = 1000,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Pixels, both sides.")] = 128,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Draw the embedded data set: household things, photographed in four bins, with telling file names."""
    from search.bars import progress_bar
    from trainables.data.demo import make_demo

    with progress_bar("Drawing") as progress:
        report = make_demo(destination, pictures=scale, size=size, seed=seed, progress=progress)
    _say_counts(
        report.folder, report.counts, "was there already" if report.existed else f"drawn in {report.seconds:.0f} s"
    )


@data_app.command("import")
def data_import(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder with one folder a class.")],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder for Train, Val and Test.")],
    val: Annotated[float, typer.Option(help="Share of the pictures.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share of the pictures.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    classes: Annotated[str | None, typer.Option(help="a,b,c: only these folders.")] = None,
    pixel_limit: Annotated[int, typer.Option(min=1, help="Larger pictures are left out.")] = 50_000_000,
    group_names: Annotated[
        bool, typer.Option(help="Keep names that differ only in digits in one split; not for names of no meaning.")
    ] = True,
) -> None:
    """Split a folder of pictures into train, val and test; alike names stay together."""
    from search.bars import progress_bar
    from trainables.data.splits import import_folder

    wanted = [name.strip() for name in classes.split(",")] if classes else None
    with progress_bar("Checking") as progress:
        report = import_folder(
            source,
            destination,
            val=val,
            test=test,
            seed=seed,
            classes=wanted,
            pixel_limit=pixel_limit,
            progress=progress,
            group_names=group_names,
        )
    _say_counts(report.destination, report.counts, f"{report.groups} groups of alike names")
    _say_left_out(report)


@app.command()
def search(study: StudyFile, overrides: Overrides = None, replace: Replace = False) -> None:
    """Run a study's trials: the best image model and the best text model."""
    config = _load(study, overrides)
    _check_test(config)
    _make_room(config, replace)
    outcome = _search(config, _console())
    typer.echo(f"Study: {outcome.folder}\nNext: binwise analyze {config.name}")


@app.command()
def run(study: StudyFile, overrides: Overrides = None, replace: Replace = False) -> None:
    """All of it: search, analyze, test once, report."""
    config, console = _load(study, overrides), _console()
    _check_test(config)
    _make_room(config, replace)
    outcome = _search(config, console)
    _analyze(config, outcome.folder, console)
    if config.data.test is not None:
        _test(config, outcome.folder, console)
    _report(config, outcome.folder, console)


@app.command()
def analyze(study: StudyRef, runs: Runs = Path("mlruns")) -> None:
    """Pick the best checkpoints on val, fit alpha on val, and freeze the selection."""
    config, folder = _found(study, runs)
    _analyze(config, folder, _console())


@app.command("test")
def final_test(study: StudyRef, runs: Runs = Path("mlruns")) -> None:
    """The one evaluation on the test split; it can't be run twice."""
    config, folder = _found(study, runs)
    _test(config, folder, _console())


@app.command()
def report(study: StudyRef, runs: Runs = Path("mlruns")) -> None:
    """Write the report: one HTML file and one Markdown file."""
    config, folder = _found(study, runs)
    _report(config, folder, _console())


@app.command()
def predict(
    study: StudyRef,
    image: Annotated[Path | None, typer.Argument(metavar="[IMAGE]", help="A picture.")] = None,
    text: Annotated[str | None, typer.Option(help="Its description; default: the picture's file name.")] = None,
    runs: Runs = Path("mlruns"),
    as_json: AsJson = False,
) -> None:
    """Sort one picture, one text, or the pair, with the study's selected models."""
    from analysis.predictor import Predictor

    if image is None and text is None:
        raise UserError(
            "`predict` needs a picture, a text or both: binwise predict STUDY picture.jpg --text 'old bottle'."
        )
    _, folder = _found(study, runs)
    prediction = Predictor.load(folder).predict(image, text if text is not None else image.stem if image else None)
    typer.echo(json.dumps(prediction.as_dict(), ensure_ascii=False) if as_json else str(prediction))


@app.command()
def ui(
    runs: Runs = Path("mlruns"),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    uri: Annotated[str | None, typer.Option(help="Another tracking store than the one among the runs.")] = None,
) -> None:
    """Browse every trial in MLflow's UI, on this machine only."""
    from search.ui import serve

    sys.exit(serve(runs.absolute(), port, uri))


def _load(path: Path, overrides: list[str] | None) -> StudyConfig:
    from search.study_file import load_study

    return load_study(path, overrides or [])


def _found(given: str, runs: Path) -> tuple[StudyConfig, Path]:
    """The study that is meant by a name, a folder or a YAML file, and its folder."""
    from search.layout import Layout, find_study
    from search.study_file import load_study
    from trainables.records import STUDY_FILE

    if given.endswith((".yaml", ".yml")) and Path(given).is_file():
        layout = Layout.of(load_study(Path(given), []))
        given, runs = layout.name, layout.runs
    folder = find_study(given, runs)
    return load_study(folder / STUDY_FILE, []), folder


def _check_test(config: StudyConfig) -> None:
    """Before hours of search: is there a test split to end with? Its names are listed here, and no file is opened."""
    from analysis.pipeline import check_test_source
    from trainables.records import IMAGE, TEXT

    if config.data.test is not None:
        needs = {"need_images": IMAGE in config.modalities, "need_texts": TEXT in config.modalities}
        check_test_source(config.data.test, config.data.train, **needs)


app.command("plan")(plan_command(_check_test))
app.command("sync")(sync_command(_found))


def _make_room(config: StudyConfig, replace: bool) -> None:
    """With `--replace`, remove what an earlier study of that name left."""
    import shutil

    from search.layout import Layout

    folder = Layout.of(config).folder
    if replace and folder.exists():
        shutil.rmtree(folder)


def _say_counts(folder: Path, counts: Mapping[str, Mapping[str, int]], note: str) -> None:
    """A line a split: how many pictures of each class."""
    typer.echo(f"{folder}: {sum(sum(split.values()) for split in counts.values())} pictures, {note}")
    for name, split in counts.items():
        classes = ", ".join(f"{label} {number}" for label, number in split.items())
        typer.echo(f"  {name:5}  {sum(split.values()):6}  {classes}")


def _say_left_out(report: ImportReport) -> None:
    """How many files were left out and why; the file beside the splits lists each."""
    from collections import Counter

    from trainables.data.splits import LEFT_OUT_FILE

    if report.left_out:
        kinds = Counter("duplicate" if "same picture" in one.reason else "unusable" for one in report.left_out)
        said = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        typer.echo(f"  left out: {len(report.left_out)} ({said}), each with its reason in {LEFT_OUT_FILE}; such as")
        for one in [one for one in report.left_out if "same picture" not in one.reason][:3]:
            typer.echo(f"    {one.file}: {one.reason}")


def _search(config: StudyConfig, console: Console) -> Any:
    from search.runner import Interrupted, run_search

    try:
        return run_search(config, console)
    except Interrupted as error:
        typer.echo(f"Interrupted: {error}", err=True)
        raise typer.Exit(130) from error


def _analyze(config: StudyConfig, folder: Path, console: Console) -> None:
    from analysis.pipeline import analyze as analyze_study

    with console.status("Choosing on val"):
        selection = analyze_study(folder, linear_baseline=config.linear_baseline)
    typer.echo(selection.summary())
    _log(config, selection.metrics(), [folder / "analysis" / "selection.json"])


def _test(config: StudyConfig, folder: Path, console: Console) -> None:
    from analysis.pipeline import final_test as test_study

    if config.data.test is None:
        raise UserError("The study must name a test split to be tested on, but data.test is empty.")
    with console.status("Testing, once"):
        result = test_study(folder, config.data.test)
    typer.echo(result.summary())
    _log(config, result.metrics(), [folder / "analysis" / "final_test.json"])


def _report(config: StudyConfig, folder: Path, console: Console) -> None:
    from analysis.report import write_report
    from search.addresses import redacted
    from search.layout import Layout
    from search.optuna_plots import write_optuna_plots
    from search.tracking import tracking_uri
    from trainables.records import OPTUNA_JOURNAL, TRIALS_FILE

    with console.status("Writing the report"):
        html, markdown = write_report(folder)
        plots = write_optuna_plots(folder, folder / OPTUNA_JOURNAL, config.name, config.modalities)
    _log(config, {}, [html, markdown, plots, folder / TRIALS_FILE])
    typer.echo(f"Report: {html}\n        {markdown}")
    typer.echo(f"MLflow: {redacted(tracking_uri(config, Layout.of(config)))} (browse it with: binwise ui)")


def _log(config: StudyConfig, metrics: dict[str, float], files: list[Path]) -> None:
    """Results go to MLflow as well; what is on disk already isn't lost where MLflow is away."""
    from search.layout import Layout
    from search.tracking import log_results

    reason = log_results(config, Layout.of(config), metrics, files)
    if reason is not None:
        typer.echo(f"MLflow didn't take the results ({reason}); `binwise sync {config.name}` sends them.", err=True)


def _console() -> Console:
    from rich.console import Console

    return Console()


if __name__ == "__main__":
    main()
