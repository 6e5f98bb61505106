"""`binwise`: the command line, and the only module that sees both the search and the analysis.

Every import of weight waits inside its command, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from search.cli.cache import cache_app
from search.cli.data import data_app
from search.cli.json_output import json_alone
from search.cli.plan import plan_command
from search.cli.status import status_app
from search.cli.sync import sync_command
from trainables.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from search.session.session import SearchOutcome
    from search.study.config import StudyConfig

app = typer.Typer(
    name="binwise",
    help="Find the best image model, the best text model and the best way to combine them, with every trial on record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")
app.add_typer(status_app)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study's config.")]
StudyRef = Annotated[str, typer.Argument(metavar="STUDY", help="A study that was run: its name, folder or YAML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key: image.search.trials=20")
]
Runs = Annotated[Path, typer.Option("--runs", help="The folder of all output.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the study of that name, if it was begun.")]
More = Annotated[int, typer.Option("--more", metavar="N", min=0, help="Extend the study by N trials a modality.")]
WarmStart = Annotated[
    str | None, typer.Option("--warm-start", metavar="STUDY", help="Learn from another study on the same space.")
]
EventsAsJson = Annotated[bool, typer.Option("--json", help="Print one JSON line an event; all else goes to stderr.")]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Remove the study of that name first, if there is one; MLflow keeps its record."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line: a user's mistake is one message and exit code 2, never a traceback."""
    terminated: list[int] = []

    def handler(number: int, _: FrameType | None) -> None:
        """Before a search has begun, or a second one: nothing is half-written, and the exit code says why."""
        terminated.append(number)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        app()
    except SystemExit as end:
        # Within Ray's calls an exit becomes a Ctrl-C, and while it starts its own handler exits with the bare number.
        if terminated or end.code == signal.SIGTERM:
            sys.exit(128 + signal.SIGTERM)
        raise
    except UserError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except PermissionError as error:
        typer.echo(f"Error: The folders that are named must be writable, but {error.filename} isn't.", err=True)
        sys.exit(2)
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command()
def search(
    study: StudyFile,
    overrides: Overrides = None,
    replace: Replace = False,
    resume: Resume = False,
    more: More = 0,
    warm_start: WarmStart = None,
    as_json: EventsAsJson = False,
) -> None:
    """Run a study's trials: the best image model and the best text model. Or go on with a study that was begun."""
    with json_alone(wanted=as_json) as json_out:
        config = _load(study, overrides)
        _next(config, _search(config, Mode(replace, resume, more, warm_start, json_out)))


@app.command()
def run(
    study: StudyFile,
    overrides: Overrides = None,
    replace: Replace = False,
    resume: Resume = False,
    more: More = 0,
    warm_start: WarmStart = None,
    as_json: EventsAsJson = False,
) -> None:
    """All of it: search, analyze, test once, report."""
    with json_alone(wanted=as_json) as json_out:
        config = _load(study, overrides)
        folder = _search(config, Mode(replace, resume, more, warm_start, json_out)).folder
        _analyze(config, folder)
        if config.data.test is not None:
            _test(config, folder)
        _report(config, folder)


@app.command("resume")
def resume_command(study: StudyRef, runs: Runs = Path("mlruns"), more: More = 0, as_json: EventsAsJson = False) -> None:
    """Go on with a study that was stopped, killed or finished (--more), as it was begun."""
    with json_alone(wanted=as_json) as json_out:
        config, _ = _found(study, runs)
        _next(config, _search(config, Mode(resume=True, more=more, json_out=json_out)))


@app.command()
def analyze(study: StudyRef, runs: Runs = Path("mlruns")) -> None:
    """Pick the best checkpoints on val, fit alpha on val, and freeze the selection."""
    config, folder = _found(study, runs)
    _analyze(config, folder)


@app.command("test")
def final_test(study: StudyRef, runs: Runs = Path("mlruns")) -> None:
    """The one evaluation on the test split; it can't be run twice."""
    config, folder = _found(study, runs)
    _test(config, folder)


@app.command()
def report(study: StudyRef, runs: Runs = Path("mlruns")) -> None:
    """Write the report: one HTML file and one Markdown file."""
    config, folder = _found(study, runs)
    _report(config, folder)


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
    from search.cli.mlflow_ui import serve

    sys.exit(serve(runs.absolute(), port, uri))


def _load(path: Path, overrides: list[str] | None) -> StudyConfig:
    from search.study.yaml_file import load_study

    return load_study(path, overrides or [])


def _found(given: str, runs: Path) -> tuple[StudyConfig, Path]:
    """The study that is meant by a name, a folder or a YAML file, and its folder."""
    from search.study.folder import Layout, find_study
    from search.study.yaml_file import load_study, recorded_study

    if given.endswith((".yaml", ".yml")) and Path(given).is_file():
        layout = Layout.of(load_study(Path(given), []))
        given, runs = layout.name, layout.runs
    folder = find_study(given, runs)
    return recorded_study(folder), folder


def _check_test(config: StudyConfig) -> None:
    """Before hours of search: is there a test split to end with? Its names are listed here, and no file is opened."""
    from analysis.pipeline import check_test_source
    from trainables.names import IMAGE, TEXT

    if config.data.test is not None:
        needs = {"need_images": IMAGE in config.modalities, "need_texts": TEXT in config.modalities}
        check_test_source(config.data.test, config.data.train, **needs)


app.command("plan")(plan_command(_check_test))
app.command("sync")(sync_command(_found))


@dataclass(frozen=True)
class Mode:
    """How a search is begun, or gone on with."""

    replace: bool = False
    resume: bool = False
    more: int = 0
    warm_start: str | None = None
    json_out: TextIO | None = None


def _search(config: StudyConfig, mode: Mode) -> SearchOutcome:
    """The search, to an end after which there is something to analyze; else the command ends here."""
    from search.ledger.events import Outcome
    from search.machines.local import check_local_resources

    check_local_resources(config)
    # From here on it takes seconds: Ray and torch are imported.
    from search.session.open_study import How
    from search.session.run import run_search

    _check_test(config)
    if mode.more:
        _refuse_if_tested(config)
    outcome = run_search(
        config,
        _console(),
        How(mode.resume, mode.more, mode.warm_start),
        replace_old=mode.replace,
        json_out=mode.json_out,
    )
    if outcome.outcome not in (Outcome.FINISHED, Outcome.TARGET, Outcome.TIME_BUDGET):
        _say_stopped(config, outcome)
    return outcome


def _say_stopped(config: StudyConfig, outcome: SearchOutcome) -> None:
    """The study isn't over: why, and how to go on. The exit code is 130 or 143 as the signal has it, else 1."""
    from search.ledger.events import Outcome

    why = f": {outcome.detail}" if outcome.detail else ""
    typer.echo(
        f"{outcome.outcome.value.replace('_', ' ').capitalize()}{why}. {outcome.ended} of {outcome.planned} trials "
        f"ended; what ran goes on from its last state.\nGo on with: binwise resume {config.name}",
        err=True,
    )
    code = 128 + (outcome.signal or signal.SIGINT) if outcome.outcome == Outcome.INTERRUPTED else 1
    raise typer.Exit(code)


def _refuse_if_tested(config: StudyConfig) -> None:
    """What was selected must stay what the test was about."""
    from analysis.store import refuse_if_opened
    from search.study.folder import Layout

    refuse_if_opened(Layout.of(config).folder)


def _next(config: StudyConfig, outcome: SearchOutcome) -> None:
    typer.echo(f"Study: {outcome.folder}\nNext: binwise analyze {config.name}")


def _analyze(config: StudyConfig, folder: Path) -> None:
    from analysis.pipeline import analyze as analyze_study

    with _console().status("Choosing on val"):
        selection = analyze_study(folder, linear_baseline=config.linear_baseline)
    typer.echo(selection.summary())
    _log(config, selection.metrics(), [folder / "analysis" / "selection.json"])


def _test(config: StudyConfig, folder: Path) -> None:
    from analysis.pipeline import final_test as test_study

    if config.data.test is None:
        raise UserError("The study must name a test split to be tested on, but data.test is empty.")
    with _console().status("Testing, once"):
        result = test_study(folder, config.data.test)
    typer.echo(result.summary())
    _log(config, result.metrics(), [folder / "analysis" / "final_test.json"])


def _report(config: StudyConfig, folder: Path) -> None:
    from analysis.report.report import write_report
    from search.exports.addresses import redacted
    from search.exports.cursor import tracking_uri
    from search.exports.optuna_plots import write_optuna_plots
    from search.study.folder import Layout
    from trainables.names import OPTUNA_JOURNAL, TRIALS_FILE

    with _console().status("Writing the report"):
        html, markdown = write_report(folder)
        plots = write_optuna_plots(folder, folder / OPTUNA_JOURNAL, config.name, config.modalities)
    _log(config, {}, [html, markdown, plots, folder / TRIALS_FILE])
    typer.echo(f"Report: {html}\n        {markdown}")
    typer.echo(f"MLflow: {redacted(tracking_uri(config, Layout.of(config)))} (browse it with: binwise ui)")


def _log(config: StudyConfig, metrics: dict[str, float], files: list[Path]) -> None:
    """Results go to MLflow as well; what is on disk already isn't lost where MLflow is away."""
    from search.exports.analysis_results import log_results
    from search.study.folder import Layout

    reason = log_results(config, Layout.of(config), metrics, files)
    if reason is not None:
        typer.echo(f"MLflow didn't take the results ({reason}); `binwise sync {config.name}` sends them.", err=True)


def _console() -> Console:
    from rich.console import Console

    return Console()


if __name__ == "__main__":
    main()
