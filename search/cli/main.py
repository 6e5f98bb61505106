"""`binwise`: the command line, and the only room that sees both the search and the analysis.

A module a group of commands. Every import of weight waits inside its command, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from search.cli.cache import cache_app
from search.cli.compare import compare
from search.cli.data import data_app
from search.cli.export import export
from search.cli.fuse import fuse
from search.cli.init import init
from search.cli.options import RUNS, Runs
from search.cli.plan import plan
from search.cli.predict import predict
from search.cli.reproduce import reproduce
from search.cli.results import results_app
from search.cli.search import finish, resume_command, say_next, search_command
from search.cli.serve import serve as serve_bundle
from search.cli.status import status_app
from search.cli.sync import sync
from search.machines.signals import heard, leave_terminal
from search.show.say import say, take_all_letters
from trainables.errors import UserError
from trainables.words import one_line

app = typer.Typer(
    name="binwise",
    help="Find the best model of each modality and the best way to combine them, with every trial on record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("init")(init)
app.command("search")(
    search_command(say_next, "Run a study's trials, the best model of each modality; or go on with a study.")
)
app.command("run")(search_command(finish, "All of it: search, analyze, test once, report."))
app.command("resume")(resume_command)
app.add_typer(results_app)
app.command("predict")(predict)
app.command("export")(export)
app.command("serve")(serve_bundle)
app.command("compare")(compare)
app.command("plan")(plan)
app.command("fuse")(fuse)
app.command("reproduce")(reproduce)
app.command("sync")(sync)
app.add_typer(status_app)
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")


@app.command()
def ui(
    runs: Runs = RUNS,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    uri: Annotated[str | None, typer.Option(help="Another tracking store than the one among the runs.")] = None,
) -> None:
    """Browse every trial in MLflow's UI, on this machine only; says where the reports are."""
    from search.cli.mlflow_ui import serve

    sys.exit(serve(runs.absolute(), port, uri))


def _check_options(arguments: Sequence[str]) -> None:
    """UserError where an option's name isn't one: the parser says unknown ones as they are, commands and all."""
    names = [argument.partition("=")[0] for argument in arguments if argument.startswith("-")]
    if odd := [name for name in names if not name.isprintable()]:
        raise UserError(f"Options must be written in letters, but got {one_line(odd[0])}: binwise --help lists them.")


def main() -> None:
    """Run the command line: a user's mistake is one message and exit code 2, never a traceback."""
    terminated: list[int] = []

    def handler(number: int, _: FrameType | None) -> None:
        """Before a search has begun, or a second one: nothing is half-written, and the exit code says why."""
        leave_terminal(number)
        terminated.append(number)
        sys.exit(128 + number)

    take_all_letters()
    before = {number: signal.signal(number, handler) for number in heard() if number != signal.SIGINT}
    try:
        _check_options(sys.argv[1:])
        app()
    except SystemExit:
        if terminated:  # within Ray's calls an exit becomes a Ctrl-C
            sys.exit(128 + terminated[0])
        raise
    except UserError as error:
        say(f"Error: {error}", err=True)
        sys.exit(2)
    except PermissionError as error:
        say(f"Error: The folders that are named must be writable, but {error.filename} isn't.", err=True)
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        say(f"Error: Names must be short enough for the file system, but {error.filename} isn't.", err=True)
        sys.exit(2)
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


if __name__ == "__main__":
    main()
